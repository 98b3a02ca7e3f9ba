"""The last layer of a localiser: features to a camera pose."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("whatwhere")
class PoseHead(layers.Layer):
    """Features [B, F] to a pose [B, 7] in float32: x, y, z in metres, then w, x, y, z.

    One dense layer whose bias starts at `initial_pose`, so that the network speaks world
    coordinates from its first batch. The quaternion has unit norm; outside training also w >= 0
    (in training a flip would tear the gradient).

    Args:
        initial_pose: Seven numbers, the training set's mean pose.
        kernel_regularizer: Penalty on the kernel.
    """

    def __init__(
        self,
        initial_pose=(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0),
        kernel_regularizer=None,
        dtype="float32",
        **kwargs,
    ):
        super().__init__(dtype=dtype, **kwargs)
        self.initial_pose = tuple(float(value) for value in initial_pose)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.regress = layers.Dense(
            7,
            # Small enough that the first predictions stay near the mean pose.
            kernel_initializer=keras.initializers.VarianceScaling(0.01),
            bias_initializer=MeanPose(self.initial_pose),
            kernel_regularizer=self.kernel_regularizer,
            dtype="float32",
            name="pose",
        )

    def build(self, input_shape):
        self.regress.build(input_shape)

    def call(self, features, training=False):
        raw = self.regress(ops.cast(features, "float32"))
        quaternion = unit(raw[:, 3:])
        if not training:
            quaternion = upper(quaternion)
        return ops.concatenate([raw[:, :3], quaternion], axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 7)

    def get_config(self):
        return {
            **super().get_config(),
            "initial_pose": self.initial_pose,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


@keras.saving.register_keras_serializable("whatwhere")
class MeanPose(keras.initializers.Initializer):
    """Fills a bias of seven with a given pose."""

    def __init__(self, pose):
        self.pose = tuple(pose)

    def __call__(self, shape, dtype=None):
        return ops.reshape(ops.convert_to_tensor(self.pose, dtype=dtype), shape)

    def get_config(self):
        return {"pose": self.pose}


def mean_rotation(quaternions):
    """Unit quaternions [B, N, 4] to the normalised sum [B, 4] of each row's, with w >= 0.

    q and -q are one rotation: they are summed on the first one's side, where they do not cancel.

    Returns:
        The mean, and the quaternions on that side.
    """
    same_side = ops.sum(quaternions * quaternions[:, :1], axis=-1, keepdims=True) >= 0.0
    quaternions = ops.where(same_side, quaternions, -quaternions)
    return upper(unit(ops.mean(quaternions, axis=1))), quaternions


def upper(quaternion):
    """Quaternions [B, 4] as those of the same rotations that have w >= 0."""
    return ops.where(quaternion[:, :1] < 0.0, -quaternion, quaternion)


def unit(quaternion):
    """Rows of length one; the gradient is finite at zero, where the row stays zero."""
    return quaternion / ops.sqrt(ops.sum(ops.square(quaternion), -1, keepdims=True) + 1e-12)
