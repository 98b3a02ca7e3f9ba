"""Convolutional LSTM with peepholes, one or several kernel sizes and a learned initial state."""

import keras
from keras import layers, ops

from models.spatial_attention import StackedConv2D


@keras.saving.register_keras_serializable("whatwhere")
class ConvLSTMCell(layers.Layer):
    """One step: glimpse [B, H, W, D], hidden and cell state [B, H, W, C] to the next two.

    i = sigmoid(Wx*x + Wh*h + wc.c + b) and so on, with the peephole terms wci, wcf and wco, one
    weight a cell and channel. Several kernel sizes share the C hidden channels equally, each
    kernel making its part of every gate from the whole input and the whole hidden state.

    Args:
        hidden: Channels C of the state, a multiple of the number of kernel sizes.
        kernel_sizes: (1, 3, 5, 7) is the thesis's Multi-ConvLSTM; (3,) a plain one.
        kernel_regularizer: Penalty on the convolutions' kernels.
        reduction: See `StackedConv2D`.

    Raises:
        ValueError: `hidden` cannot be shared equally.

    Reference: thesis, equation 2.12 and section 5.4; Shi et al. 2015. Initial states: supplement,
    section 3.
    """

    def __init__(
        self,
        hidden=96,
        kernel_sizes=(1, 3, 5, 7),
        kernel_regularizer=None,
        reduction=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.hidden = hidden
        self.kernel_sizes = tuple(kernel_sizes)
        if not self.kernel_sizes or hidden % len(self.kernel_sizes):
            raise ValueError(
                f"hidden size {hidden} cannot be shared by {len(self.kernel_sizes)} kernel sizes"
            )
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.reduction = reduction
        self.gates = StackedConv2D(
            4 * hidden, self.kernel_sizes, self.kernel_regularizer, reduction, name="gates"
        )

    def build(self, input_shape):
        _, height, width, depth = input_shape
        self.gates.build((None, height, width, depth + self.hidden))
        state = (height, width, self.hidden)
        self.peephole_input = self.add_weight(state, "zeros", name="peephole_input")
        self.peephole_forget = self.add_weight(state, "zeros", name="peephole_forget")
        self.peephole_output = self.add_weight(state, "zeros", name="peephole_output")
        self.initial_hidden = self.add_weight(state, "zeros", name="initial_hidden")
        self.initial_cell = self.add_weight(state, "zeros", name="initial_cell")

    def initial_state(self, batch):
        """The learned h_0 and c_0, each [batch, H, W, C]."""
        shape = (batch, *self.initial_hidden.shape)
        return tuple(
            ops.broadcast_to(ops.cast(state, self.compute_dtype), shape)
            for state in (self.initial_hidden, self.initial_cell)
        )

    def call(self, glimpse, hidden, cell):
        stacked = self.gates(ops.concatenate([glimpse, hidden], axis=-1))
        gate_input, gate_forget, update, gate_output = self._split(stacked)
        gate_input = ops.sigmoid(gate_input + self.peephole_input * cell)
        # The bias of 1 keeps early memories (Jozefowicz et al. 2015); it is not learned away:
        # the convolution has a bias of its own.
        gate_forget = ops.sigmoid(gate_forget + self.peephole_forget * cell + 1.0)
        cell = gate_forget * cell + gate_input * ops.tanh(update)
        gate_output = ops.sigmoid(gate_output + self.peephole_output * cell)
        return gate_output * ops.tanh(cell), cell

    def _split(self, stacked):
        """Four maps of C channels from the stack, in which each kernel size holds its own four."""
        kernels = len(self.kernel_sizes)
        _, height, width, _ = stacked.shape
        # One axis for both of space: LiteRT has five axes at most. Slices in place of `unstack`
        # would each have a gradient as large as the stack.
        parts = ops.reshape(stacked, (-1, height * width, kernels, 4, self.hidden // kernels))
        shape = (-1, height, width, self.hidden)
        return [ops.reshape(part, shape) for part in ops.unstack(parts, axis=3)]

    def compute_output_shape(self, glimpse_shape, hidden_shape, cell_shape):
        return hidden_shape, cell_shape

    def get_config(self):
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "kernel_sizes": self.kernel_sizes,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "reduction": self.reduction,
        }
