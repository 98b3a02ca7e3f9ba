"""GoogLeNet's auxiliary head: a second answer from the middle of the trunk, for training alone."""

import keras
import numpy as np
from keras import layers, ops

AUXILIARY_TAPS = ("4a", "4d")
POOL, STRIDE = 5, 3


@keras.saving.register_keras_serializable("whatwhere")
class AuxiliaryHead(layers.Layer):
    """A map [B, H, W, C] to what `head` answers: 5x5 average pooling of stride 3, 1x1 convolution
    of 128, dense layer of 1024, dropout of 0.7, head.

    Pooling has Caffe's geometry: the last window is there even where it hangs over the edge, and
    averages what lies inside. At 224 x 224 pixels the map is 14 x 14, and 4 x 4 after it.

    Args:
        head: The last layer, from [B, 1024].
        kernel_regularizer: Penalty on the kernels of the layers before it.
        seed: Of dropout.

    Reference: Szegedy et al. 2015, section 5.
    """

    def __init__(self, head, kernel_regularizer=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.seed = seed
        self.project = layers.Conv2D(
            128, 1, activation="relu", kernel_regularizer=self.kernel_regularizer, name="project"
        )
        self.flatten = layers.Flatten(name="flatten")
        self.dense = layers.Dense(
            1024, "relu", kernel_regularizer=self.kernel_regularizer, name="dense"
        )
        self.dropout = layers.Dropout(0.7, seed=seed, name="dropout")
        self.head = head

    def build(self, input_shape):
        _, height, width, channels = input_shape
        rows, columns = _windows(height), _windows(width)
        self.project.build((None, rows, columns, channels))
        self.dense.build((None, rows * columns * 128))
        self.head.build((None, 1024))

    def call(self, x, training=False):
        x = self.dense(self.flatten(self.project(average_pool(x))))
        return self.head(self.dropout(x, training=training), training=training)

    def get_config(self):
        return {
            **super().get_config(),
            "head": keras.saving.serialize_keras_object(self.head),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config | {"head": keras.saving.deserialize_keras_object(config["head"])})


def average_pool(x):
    """5x5 average pooling of stride 3, sizes rounded up; [B, H, W, C] to [B, h, w, C]."""
    sides = x.shape[1:3]
    over = [(_windows(side) - 1) * STRIDE + POOL - side for side in sides]
    if not any(over):
        return ops.average_pool(x, POOL, STRIDE)
    padded = ops.pad(x, [(0, 0), (0, over[0]), (0, over[1]), (0, 0)])
    inside = np.outer(*[_inside(side) for side in sides])[None, :, :, None]
    return ops.average_pool(padded, POOL, STRIDE) * ops.cast(POOL * POOL / inside, x.dtype)


def _windows(side: int) -> int:
    return max(0, -(-(side - POOL) // STRIDE)) + 1


def _inside(side: int) -> np.ndarray:
    """How many cells of each window along one side lie inside the map."""
    starts = np.arange(_windows(side)) * STRIDE
    return np.minimum(starts + POOL, side) - starts
