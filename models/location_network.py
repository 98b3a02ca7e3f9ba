"""The location network of the Recurrent Attention Model: where to look next."""

import math

import keras
from keras import layers, ops

ACTIVATIONS = ("linear", "tanh")


@keras.saving.register_keras_serializable("whatwhere")
class LocationNetwork(layers.Layer):
    """State [B, H] to the mean [B, 2] of the next location, float32; the image is in (-1, 1).

    One dense layer. It starts with small weights: near the centre, wherever the state is.

    In training a location is drawn from a normal distribution around the mean. Its `deviation` is
    a scalar weight without a gradient, for a schedule to set.

    Args:
        deviation: Standard deviation of a drawn location, in each coordinate, to start with.
        activation: "linear", as in the paper, or "tanh", whose mean stays inside the image; it
            may then stay at the edge too, where tanh hardly has a gradient.
        hidden: Units of a ReLU layer before it; None for none, as in the paper.
        kernel_regularizer: Penalty on the kernels.

    Raises:
        ValueError: Another activation, or a deviation that is not positive.

    Reference: Mnih et al. 2014, section 3.1 and section 4, "Location network".
    """

    def __init__(
        self,
        deviation=0.1,
        activation="linear",
        hidden=None,
        kernel_regularizer=None,
        dtype="float32",
        **kwargs,
    ):
        super().__init__(dtype=dtype, **kwargs)
        if activation not in ACTIVATIONS:
            raise ValueError(f"unknown activation '{activation}': {' or '.join(ACTIVATIONS)}")
        if deviation <= 0:
            raise ValueError(f"deviation must be positive, not {deviation}")
        self.start = deviation
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
        self.deviation = self.add_weight(
            shape=(), dtype="float32", initializer=keras.initializers.Constant(self.start),
            trainable=False, autocast=False, name="deviation",
        )  # fmt: skip

    def call(self, state):
        state = ops.cast(state, "float32")
        return self.mean(self.embed(state) if self.embed else state)

    def noise(self, shape, seed):
        """What is added to means to draw locations: `shape` values, float32."""
        return self.deviation * keras.random.normal(shape, dtype="float32", seed=seed)

    def log_probability(self, drawn, state):
        """Log-density [...] of the locations drawn [..., 2] in the states [..., H]."""
        return log_normal(drawn, self(state), self.deviation)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 2)

    def get_config(self):
        return {
            **super().get_config(),
            "deviation": self.start,
            "activation": self.activation,
            "hidden": self.hidden,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


def log_normal(x, mean, deviation):
    """Log-density [...] of vectors x [..., D] under Normal(mean [..., D], deviation^2 I)."""
    distance = ops.sum(ops.square((x - mean) / deviation), axis=-1)
    return -0.5 * distance - x.shape[-1] * (0.5 * math.log(2 * math.pi) + ops.log(deviation))
