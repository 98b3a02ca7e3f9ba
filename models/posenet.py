"""PoseNet (Kendall et al. 2015): GoogLeNet, averaged, regressed to a pose."""

import keras
from keras import layers, ops

from models.auxiliary_head import AUXILIARY_TAPS, AuxiliaryHead
from models.googlenet import CHANNELS, STRIDES, GoogLeNet
from models.pose_head import PoseHead

WIDTH = 2048


@keras.saving.register_keras_serializable("whatwhere")
class PoseNet(keras.Model):
    """RGB images [B, S, S, 3] in 0..255 to {`pose`: [B, 7]}; in training also `auxiliary`.

    5b is averaged over space, then a dense layer of 2048, dropout and the pose. Two auxiliary
    heads at 4a and 4d exist for training alone.

    Args:
        dropout: Rate before the pose (auxiliary heads: 0.7, as GoogLeNet has them).
        initial_pose: Where the heads start: the training set's mean pose.
        mean_rgb: Mean of the training images, per channel.
        l2: Weight of the penalty on the sum of squares of each kernel; biases have none.
        seed: Of dropout.

    Attributes:
        features: Length of what the pose is regressed from.
    """

    features = WIDTH

    def __init__(
        self,
        dropout=0.5,
        initial_pose=(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0),
        mean_rgb=(123.0, 117.0, 104.0),
        l2=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._config = {
            "dropout": dropout,
            "initial_pose": tuple(float(value) for value in initial_pose),
            "mean_rgb": tuple(float(value) for value in mean_rgb),
            "l2": l2,
            "seed": seed,
        }
        regularizer = keras.regularizers.L2(l2) if l2 else None
        self.trunk = GoogLeNet(mean_rgb, l2=l2, name="trunk")
        self.dense = layers.Dense(WIDTH, "relu", kernel_regularizer=regularizer, name="dense")
        self.dropout = layers.Dropout(dropout, seed=seed, name="dropout")
        self.head = PoseHead(initial_pose, regularizer, name="pose_head")
        self.auxiliary_heads = [
            AuxiliaryHead(
                PoseHead(initial_pose, regularizer, name="pose_head"),
                regularizer, seed, name=f"auxiliary_head_{tap}",
            )
            for tap in AUXILIARY_TAPS
        ]  # fmt: skip

    def build(self, input_shape):
        _, height, width, _ = input_shape
        self.trunk.build(input_shape)
        self.trunk.built = True
        self.dense.build((None, CHANNELS["5b"]))
        self.head.build((None, self.features))
        for tap, head in zip(AUXILIARY_TAPS, self.auxiliary_heads, strict=True):
            stride = STRIDES[tap]
            head.build((None, height // stride, width // stride, CHANNELS[tap]))

    def call(self, images, training=False):
        maps = self.trunk(images)
        pooled = ops.mean(ops.cast(maps["5b"], "float32"), axis=(1, 2))
        outputs = self.answer(self.dense(pooled), training)
        if training:
            outputs["auxiliary"] = [
                head(maps[tap], training=True)
                for tap, head in zip(AUXILIARY_TAPS, self.auxiliary_heads, strict=True)
            ]
        return outputs

    def answer(self, described, training):
        """From the dense layer's [B, 2048] to the outputs."""
        return {"pose": self.head(self.dropout(described, training=training), training=training)}

    def get_config(self):
        return {**super().get_config(), **self._config}
