"""From the layers of a network to one glimpse: all on one grid, then the one that a gate picks."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("whatwhere")
class LayerAdapter(layers.Layer):
    """A tap [B, H, W, C] to the common grid [B, G, G, D].

    Average pooling where the grid divides the map, bilinear resizing elsewhere; then a 1x1
    convolution, batch normalisation and ReLU. Normalising each channel takes away the part that
    all images share: without it the ConvLSTM's sigmoids sit on that part and hardly learn.

    Args:
        grid: Side G.
        depth: Channels D.
        kernel_regularizer: Penalty on the convolution's kernel.
    """

    def __init__(self, grid: int, depth: int, kernel_regularizer=None, **kwargs):
        super().__init__(**kwargs)
        self.grid = grid
        self.depth = depth
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.project = layers.Conv2D(
            depth, 1, use_bias=False, kernel_regularizer=self.kernel_regularizer, name="project"
        )
        # Statistics over about 10 batches: the trunk below moves fast, and short runs have few.
        self.normalize = layers.BatchNormalization(momentum=0.9, name="normalize")

    def build(self, input_shape):
        self.project.build(input_shape)
        self.normalize.build((None, self.grid, self.grid, self.depth))

    def call(self, x, training=False):
        return ops.relu(self.normalize(self.project(self.to_grid(x)), training=training))

    def to_grid(self, x):
        """A map [B, H, W, C] as [B, G, G, C]; one that has this size as it is."""
        height, width = x.shape[1:3]
        if (height, width) == (self.grid, self.grid):
            return x
        if height % self.grid == 0 and width % self.grid == 0:
            size = (height // self.grid, width // self.grid)
            return ops.average_pool(x, size, size)
        return resize(x, self.grid)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.grid, self.grid, self.depth)

    def get_config(self):
        return {
            **super().get_config(),
            "grid": self.grid,
            "depth": self.depth,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


def resize(x, side: int):
    """[B, H, W, C] to [B, side, side, C], bilinear, antialiased where it shrinks.

    One product with a constant matrix: `ops.image.resize` gives the same numbers by an operation
    that neither LiteRT nor ONNX has.
    """
    height, width, channels = x.shape[1:]
    matrix = np.kron(resizing_weights(height, side), resizing_weights(width, side))
    places = ops.reshape(ops.cast(x, "float32"), (-1, height * width, channels))
    resized = ops.matmul(matrix[None], places)
    return ops.cast(ops.reshape(resized, (-1, side, side, channels)), x.dtype)


def resizing_weights(size: int, new_size: int) -> np.ndarray:
    """The share [new_size, size] that each place of a line has in each place of the resized one."""
    scale = size / new_size
    centres = (np.arange(new_size) + 0.5) * scale
    distances = np.abs(np.arange(size) + 0.5 - centres[:, None])
    weights = np.maximum(0.0, 1.0 - distances / max(scale, 1.0))
    return (weights / weights.sum(axis=1, keepdims=True)).astype("float32")


def select(features, gate):
    """Sum over layers of gate [B, L] times features, L maps [B, G, G, D]: one map if one-hot.

    Without a gate it is the only map.
    """
    if gate is None:
        return features[0]
    weights = ops.cast(gate, features[0].dtype)
    return sum(
        ops.reshape(weights[:, index], (-1, 1, 1, 1)) * feature
        for index, feature in enumerate(features)
    )
