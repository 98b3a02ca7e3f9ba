"""The core network of the Recurrent Attention Model: its memory of the glimpses so far."""

import keras
from keras import layers, ops

from models.linear_sum import LinearSum

CORES = ("relu", "lstm")


@keras.saving.register_keras_serializable("whatwhere")
class RAMCore(layers.Layer):
    """One step: glimpse features [B, G] and the state, tensors [B, units], to the next state.

    The state is [h] for "relu", h = ReLU(Linear(h) + Linear(g)), and [h, c] for "lstm". Called
    without a state it starts from zeros, at less cost than with zeros. For "relu" the state's
    kernel starts as the identity: what was seen first is not forgotten (Le, Jaitly and Hinton
    2015).

    Args:
        units: Of h and of c.
        kind: "relu" (classification) or "lstm" (the dynamic task).
        kernel_regularizer: Penalty on the kernels.

    Returns:
        The next state, a list; its first entry is h.

    Raises:
        ValueError: An unknown kind.

    Reference: Mnih et al. 2014, section 4, "Core network".
    """

    def __init__(self, units=256, kind="relu", kernel_regularizer=None, **kwargs):
        super().__init__(**kwargs)
        if kind not in CORES:
            raise ValueError(f"unknown core '{kind}': {' or '.join(CORES)}")
        self.units = units
        self.kind = kind
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        total = units if kind == "relu" else 4 * units
        starts = ("glorot_uniform", "identity") if kind == "relu" else ()
        self.total = LinearSum(total, starts, self.kernel_regularizer, name="total")

    def build(self, input_shape, *state_shapes):
        self.total.build([input_shape, (None, self.units)])

    def initial_state(self, batch):
        """Zeros, each [batch, units]."""
        parts = 1 if self.kind == "relu" else 2
        return [ops.zeros((batch, self.units), self.compute_dtype) for _ in range(parts)]

    def call(self, glimpse, *state):
        total = self.total([glimpse, *state[:1]])
        if self.kind == "relu":
            return [ops.relu(total)]
        gate_input, gate_forget, update, gate_output = ops.split(total, 4, axis=-1)
        cell = ops.sigmoid(gate_input) * ops.tanh(update)
        if state:
            # The bias of 1 keeps early memories (Jozefowicz et al. 2015).
            cell = cell + ops.sigmoid(gate_forget + 1.0) * state[1]
        return [ops.sigmoid(gate_output) * ops.tanh(cell), cell]

    def compute_output_shape(self, glimpse_shape, *state_shapes):
        parts = 1 if self.kind == "relu" else 2
        return [(glimpse_shape[0], self.units)] * parts

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "kind": self.kind,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
