"""The location network of the Recurrent Attention Model: where to look next."""

import keras
from keras import layers, ops

ACTIVATIONS = ("linear", "tanh")


@keras.saving.register_keras_serializable("whatwhere")
class LocationNetwork(layers.Layer):
    """State [..., H] to the mean [..., 2] of the next location, float32; the image is in (-1, 1).

    One dense layer. It starts with small weights: near the centre, wherever the state is.

    Args:
        activation: "linear", as in the paper, or "tanh", whose mean stays inside the image; it
            may then stay at the edge too, where tanh hardly has a gradient.
        hidden: Units of a ReLU layer before it; None for none, as in the paper.
        kernel_regularizer: Penalty on the kernels.

    Raises:
        ValueError: Another activation.

    Reference: Mnih et al. 2014, section 3.1 and section 4, "Location network".
    """

    def __init__(
        self,
        activation="linear",
        hidden=None,
        kernel_regularizer=None,
        dtype="float32",
        **kwargs,
    ):
        super().__init__(dtype=dtype, **kwargs)
        if activation not in ACTIVATIONS:
            raise ValueError(f"unknown activation '{activation}': {' or '.join(ACTIVATIONS)}")
        self.activation = activation
        self.hidden = hidden
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.embed = self._dense(hidden, "embedding", activation="relu") if hidden else None
        self.mean = self._dense(
            2,
            "mean",
            activation=activation,
            kernel_initializer=keras.initializers.RandomUniform(-0.01, 0.01),
        )

    def _dense(self, units, name, **kwargs) -> layers.Dense:
        return layers.Dense(
            units, kernel_regularizer=self.kernel_regularizer, dtype="float32", name=name, **kwargs
        )

    def build(self, input_shape):
        if self.embed:
            self.embed.build(input_shape)
            input_shape = (None, self.hidden)
        self.mean.build(input_shape)

    def call(self, state):
        state = ops.cast(state, "float32")
        return self.mean(self.embed(state) if self.embed else state)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 2)

    def get_config(self):
        return {
            **super().get_config(),
            "activation": self.activation,
            "hidden": self.hidden,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
