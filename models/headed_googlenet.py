"""GoogLeNet with an answer at its end and, for training, two more from its middle."""

from collections.abc import Callable

import keras
from keras import layers, ops

from models.auxiliary_head import AUXILIARY_TAPS, AuxiliaryHead
from models.googlenet import CHANNELS, STRIDES, GoogLeNet


class HeadedGoogLeNet(keras.Model):
    """RGB images [B, S, S, 3] in 0..255 to what `answer` makes of 5b, averaged over space.

    In training `auxiliary` is returned too: the answers of the auxiliary heads at 4a and 4d. A
    subclass makes its own layers and then, by `add_auxiliary_heads`, those; it builds its own.

    Args:
        config: The arguments of the subclass, `mean_rgb`, `l2` and `seed` among them.
    """

    def __init__(self, config: dict, **kwargs):
        super().__init__(**kwargs)
        mean_rgb = tuple(float(value) for value in config["mean_rgb"])
        self._config = config | {"mean_rgb": mean_rgb}
        self.regularizer = keras.regularizers.L2(config["l2"]) if config["l2"] else None
        self.trunk = GoogLeNet(mean_rgb, l2=config["l2"], name="trunk")

    def add_auxiliary_heads(self, make_head: Callable[[], layers.Layer]) -> None:
        """Two, each with a last layer of its own that `make_head` makes."""
        self.auxiliary_heads = [
            AuxiliaryHead(
                make_head(), self.regularizer, self._config["seed"], name=f"auxiliary_head_{tap}"
            )
            for tap in AUXILIARY_TAPS
        ]

    def build(self, input_shape):
        _, height, width, _ = input_shape
        self.trunk.build(input_shape)
        self.trunk.built = True
        for tap, head in zip(AUXILIARY_TAPS, self.auxiliary_heads, strict=True):
            stride = STRIDES[tap]
            head.build((None, height // stride, width // stride, CHANNELS[tap]))

    def call(self, images, training=False):
        maps = self.trunk(images)
        pooled = ops.mean(ops.cast(maps["5b"], "float32"), axis=(1, 2))
        outputs = self.answer(pooled, training)
        if training:
            outputs["auxiliary"] = [
                head(maps[tap], training=True)
                for tap, head in zip(AUXILIARY_TAPS, self.auxiliary_heads, strict=True)
            ]
        return outputs

    def answer(self, pooled, training):
        """From 5b's mean [B, 1024] to the outputs, by name."""
        raise NotImplementedError

    def get_config(self):
        return {**super().get_config(), **self._config}
