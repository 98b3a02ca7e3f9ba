"""The glimpse network of the Recurrent Attention Model: what was seen, and where."""

import keras
from keras import layers, ops

from models.linear_sum import LinearSum

FUSIONS = ("add", "concatenate")


@keras.saving.register_keras_serializable("whatwhere")
class GlimpseNetwork(layers.Layer):
    """A glimpse [B, ...] and its location [B, 2] to features g [B, units].

    h_g = ReLU(Linear(glimpse)), h_l = ReLU(Linear(location)), then
    g = ReLU(Linear(h_g) + Linear(h_l)) or, for "concatenate", ReLU(Linear([h_g, h_l])). The two
    are the same set of functions; they start from weights of different sizes.

    Args:
        fusion: "add" (the paper's) or "concatenate".
        glimpse_units: Of h_g.
        location_units: Of h_l.
        units: Of g.
        kernel_regularizer: Penalty on the kernels.

    Raises:
        ValueError: An unknown fusion.

    Reference: Mnih et al. 2014, section 4, "Glimpse and location encodings".
    """

    def __init__(
        self,
        fusion="add",
        glimpse_units=128,
        location_units=128,
        units=256,
        kernel_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if fusion not in FUSIONS:
            raise ValueError(f"unknown fusion '{fusion}': {' or '.join(FUSIONS)}")
        self.fusion = fusion
        self.glimpse_units = glimpse_units
        self.location_units = location_units
        self.units = units
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.see = self._dense(glimpse_units, "glimpse", activation="relu")
        self.place = self._dense(location_units, "location", activation="relu")
        self.fuse = LinearSum(units, kernel_regularizer=self.kernel_regularizer, name="fusion")

    def _dense(self, units, name, **kwargs) -> layers.Dense:
        return layers.Dense(units, kernel_regularizer=self.kernel_regularizer, name=name, **kwargs)

    def build(self, glimpse_shape, location_shape):
        pixels = 1
        for side in glimpse_shape[1:]:
            pixels *= side
        self.see.build((None, pixels))
        self.place.build(location_shape)
        units = (self.glimpse_units, self.location_units)
        parts = units if self.fusion == "add" else (sum(units),)
        self.fuse.build([(None, part) for part in parts])

    def call(self, glimpse, location):
        seen = self.see(ops.reshape(glimpse, (-1, self.see.kernel.shape[0])))
        return ops.relu(self.fuse([seen, self.place(location)]))

    def compute_output_shape(self, glimpse_shape, location_shape):
        return (glimpse_shape[0], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "fusion": self.fusion,
            "glimpse_units": self.glimpse_units,
            "location_units": self.location_units,
            "units": self.units,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
