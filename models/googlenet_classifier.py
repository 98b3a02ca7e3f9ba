"""GoogLeNet (Szegedy et al. 2015) as the classifier that it was made as."""

import keras
from keras import layers, ops

from models.auxiliary_head import AUXILIARY_TAPS, AuxiliaryHead
from models.class_head import ClassHead
from models.googlenet import CHANNELS, STRIDES, GoogLeNet


@keras.saving.register_keras_serializable("whatwhere")
class GoogLeNetClassifier(keras.Model):
    """RGB images [B, S, S, 3] in 0..255 to {`logits`: [B, K]}; in training `auxiliary` too.

    5b is averaged over space, then dropout and one dense layer. Two auxiliary classifiers at 4a
    and 4d exist for training alone.

    Args:
        classes: Their number, K.
        dropout: Rate before the logits (auxiliary heads: 0.7); 0.4 in the original.
        mean_rgb: Mean of the training images, per channel.
        l2: Weight of the penalty on the sum of squares of each kernel; biases have none.
        seed: Of dropout.
    """

    def __init__(
        self,
        classes,
        dropout=0.4,
        mean_rgb=(123.0, 117.0, 104.0),
        l2=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._config = {
            "classes": classes,
            "dropout": dropout,
            "mean_rgb": tuple(float(value) for value in mean_rgb),
            "l2": l2,
            "seed": seed,
        }
        regularizer = keras.regularizers.L2(l2) if l2 else None
        self.trunk = GoogLeNet(mean_rgb, l2=l2, name="trunk")
        self.dropout = layers.Dropout(dropout, seed=seed, dtype="float32", name="dropout")
        self.head = ClassHead(classes, regularizer, name="class_head")
        self.auxiliary_heads = [
            AuxiliaryHead(
                ClassHead(classes, regularizer, name="class_head"),
                regularizer, seed, name=f"auxiliary_head_{tap}",
            )
            for tap in AUXILIARY_TAPS
        ]  # fmt: skip

    def build(self, input_shape):
        _, height, width, _ = input_shape
        self.trunk.build(input_shape)
        self.trunk.built = True
        self.head.build((None, CHANNELS["5b"]))
        for tap, head in zip(AUXILIARY_TAPS, self.auxiliary_heads, strict=True):
            stride = STRIDES[tap]
            head.build((None, height // stride, width // stride, CHANNELS[tap]))

    def call(self, images, training=False):
        maps = self.trunk(images)
        pooled = ops.mean(ops.cast(maps["5b"], "float32"), axis=(1, 2))
        outputs = {"logits": self.head(self.dropout(pooled, training=training))}
        if training:
            outputs["auxiliary"] = [
                head(maps[tap], training=True)
                for tap, head in zip(AUXILIARY_TAPS, self.auxiliary_heads, strict=True)
            ]
        return outputs

    def get_config(self):
        return {**super().get_config(), **self._config}
