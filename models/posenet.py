"""PoseNet (Kendall et al. 2015): GoogLeNet, averaged, regressed to a pose."""

import keras
from keras import layers

from models.googlenet import CHANNELS
from models.headed_googlenet import HeadedGoogLeNet
from models.pose_head import PoseHead

WIDTH = 2048


@keras.saving.register_keras_serializable("whatwhere")
class PoseNet(HeadedGoogLeNet):
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
        config = {
            "dropout": dropout,
            "initial_pose": tuple(float(value) for value in initial_pose),
            "mean_rgb": mean_rgb,
            "l2": l2,
            "seed": seed,
        }
        super().__init__(config, **kwargs)
        self.dense = layers.Dense(WIDTH, "relu", kernel_regularizer=self.regularizer, name="dense")
        self.dropout = layers.Dropout(dropout, seed=seed, name="dropout")
        self.head = self._new_head()
        self.add_auxiliary_heads(self._new_head)

    def _new_head(self):
        return PoseHead(self._config["initial_pose"], self.regularizer, name="pose_head")

    def build(self, input_shape):
        super().build(input_shape)
        self.dense.build((None, CHANNELS["5b"]))
        self.head.build((None, self.features))

    def answer(self, pooled, training):
        return self.regress(self.dense(pooled), training)

    def regress(self, described, training):
        """From the dense layer's [B, 2048] to the outputs."""
        return {"pose": self.head(self.dropout(described, training=training), training=training)}
