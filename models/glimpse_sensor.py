"""The glimpse sensor of the Recurrent Attention Model: a retina with several scales."""

import functools
import math

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("whatwhere")
class GlimpseSensor(layers.Layer):
    """Images [B, H, W, C] and locations [N, 2] to glimpses [N, scales, size, size, C], float32.

    A location (x, y) is in [-1, 1]: from the left or top edge of the image to the right or bottom
    edge; what lies beyond counts as on the edge. Scale k is a square of size * 2^k pixels around
    it, beginning at the nearest whole pixel (halves go to the even one), each 2^k x 2^k pixels
    averaged to one. Outside the image is zero. Locations receive no gradient: patches jump from
    pixel to pixel.

    N is B, or M times B: rows b * M .. b * M + M - 1 then look at image b.

    The whole batch is read by two products, first rows and then columns, with matrices that
    average; the matrices come from a table of all that there are.

    Args:
        size: Side of a glimpse, pixels.
        scales: Patches in a glimpse, each twice as wide as the one before.

    Reference: Mnih et al. 2014, section 3.1, "Sensor".
    """

    def __init__(self, size=8, scales=1, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.size = size
        self.scales = scales

    def call(self, images, locations):
        _, height, width, channels = images.shape
        batch = ops.shape(images)[0]
        images = ops.cast(images, "float32")
        down = self._averages(locations[:, 1], height)
        rows = ops.matmul(
            ops.reshape(down, (batch, -1, height)),
            ops.reshape(images, (-1, height, width * channels)),
        )
        rows = ops.reshape(rows, (-1, self.scales, self.size, width, channels))
        across = self._averages(locations[:, 0], width)
        if channels == 1:
            return ops.matmul(rows[..., 0], ops.swapaxes(across, -1, -2))[..., None]
        return ops.einsum("nkywc,nkxw->nkyxc", rows, across)

    def _averages(self, location, side):
        """The matrix [N, scales, size, side] of each location [N] along one axis."""
        center = (location + 1.0) * (side / 2)
        matrices = []
        for scale in range(self.scales):
            half = self.size * 2**scale / 2
            table = averages(side, self.size, 2**scale)
            row = ops.cast(ops.round(center - half), "int32") + math.ceil(half)
            # Not the location is clipped but the row: a location can be no number, a row cannot.
            matrices.append(ops.take(table, ops.clip(row, 0, len(table) - 1), axis=0))
        return ops.stack(matrices, axis=1)

    def compute_output_shape(self, images_shape, locations_shape):
        return (locations_shape[0], self.scales, self.size, self.size, images_shape[-1])

    def get_config(self):
        return {**super().get_config(), "size": self.size, "scales": self.scales}


@functools.cache
def averages(side: int, size: int, width: int) -> np.ndarray:
    """What each of `side` pixels gives to each of `size` cells of `width` pixels.

    Returns:
        Shares [P, size, side], float32: one matrix for each pixel the patch can begin at, from
        -ceil(size * width / 2), outside the image, on.
    """
    half = size * width / 2
    starts = np.arange(-math.ceil(half), side - math.floor(half) + 1)
    cells = starts[:, None, None] + width * np.arange(size)[:, None]
    pixels = np.arange(side)
    inside = (cells <= pixels) & (pixels < cells + width)
    return np.float32(inside) / np.float32(width)
