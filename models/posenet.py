"""PoseNet (Kendall et al. 2015): GoogLeNet, averaged, regressed to a pose."""

import keras
from keras import layers, ops

from models.googlenet import CHANNELS, STRIDES, GoogLeNet
from models.pose_head import PoseHead

AUXILIARY_TAPS = ("4a", "4d")


@keras.saving.register_keras_serializable("whatwhere")
class PoseNet(keras.Model):
    """RGB images [B, S, S, 3] in 0..255 to {`pose`: [B, 7]}; in training also `auxiliary_poses`.

    5b is averaged over space, then a dense layer of 2048, dropout and the pose. Two auxiliary
    heads at 4a and 4d (5x5 average pool of stride 3, 1x1 convolution of 128, dense of 1024)
    exist for training alone.

    Args:
        dropout: Rate before the pose (auxiliary heads: 0.7, as GoogLeNet has them).
        initial_pose: Where the heads start: the training set's mean pose.
        mean_rgb: Mean of the training images, per channel.
        l2: Weight of the penalty on the sum of squares of each kernel; biases have none.
        seed: Of dropout.
    """

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
        self.dense = layers.Dense(2048, "relu", kernel_regularizer=regularizer, name="dense")
        self.dropout = layers.Dropout(dropout, seed=seed, name="dropout")
        self.head = PoseHead(initial_pose, regularizer, name="pose_head")
        self.auxiliary_heads = [
            AuxiliaryPoseHead(initial_pose, regularizer, seed=seed, name=f"auxiliary_head_{tap}")
            for tap in AUXILIARY_TAPS
        ]

    def build(self, input_shape):
        _, height, width, _ = input_shape
        self.trunk.build(input_shape)
        self.trunk.built = True
        self.dense.build((None, CHANNELS["5b"]))
        self.head.build((None, 2048))
        for tap, head in zip(AUXILIARY_TAPS, self.auxiliary_heads, strict=True):
            stride = STRIDES[tap]
            head.build((None, height // stride, width // stride, CHANNELS[tap]))

    def call(self, images, training=False):
        maps = self.trunk(images)
        pooled = ops.mean(maps["5b"], axis=(1, 2))
        dense = self.dropout(self.dense(pooled), training=training)
        outputs = {"pose": self.head(dense, training=training)}
        if training:
            outputs["auxiliary_poses"] = [
                head(maps[tap], training=True)
                for tap, head in zip(AUXILIARY_TAPS, self.auxiliary_heads, strict=True)
            ]
        return outputs

    def get_config(self):
        return {**super().get_config(), **self._config}


@keras.saving.register_keras_serializable("whatwhere")
class AuxiliaryPoseHead(layers.Layer):
    """GoogLeNet's auxiliary classifier with a pose in place of the classes: [B, H, W, C] to [B, 7].

    Args:
        initial_pose: Where the pose starts.
        kernel_regularizer: Penalty on the kernels.
        seed: Of dropout.
    """

    def __init__(self, initial_pose, kernel_regularizer=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.initial_pose = tuple(float(value) for value in initial_pose)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.seed = seed
        # "same" keeps the head usable on maps smaller than the 14 x 14 of 224 px images, where
        # it gives 5 x 5 instead of Caffe's 4 x 4.
        self.pool = layers.AveragePooling2D(5, 3, "same", name="pool")
        self.project = layers.Conv2D(
            128, 1, activation="relu", kernel_regularizer=self.kernel_regularizer, name="project"
        )
        self.flatten = layers.Flatten(name="flatten")
        self.dense = layers.Dense(
            1024, "relu", kernel_regularizer=self.kernel_regularizer, name="dense"
        )
        self.dropout = layers.Dropout(0.7, seed=seed, name="dropout")
        self.head = PoseHead(initial_pose, self.kernel_regularizer, name="pose_head")

    def build(self, input_shape):
        pooled = self.pool.compute_output_shape(input_shape)
        self.project.build(pooled)
        self.dense.build((None, pooled[1] * pooled[2] * 128))
        self.head.build((None, 1024))

    def call(self, x, training=False):
        x = self.dense(self.flatten(self.project(self.pool(x))))
        return self.head(self.dropout(x, training=training), training=training)

    def get_config(self):
        return {
            **super().get_config(),
            "initial_pose": self.initial_pose,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "seed": self.seed,
        }
