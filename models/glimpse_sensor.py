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

    Rows are picked from sums of 2^k rows, columns summed by a product with a matrix from a table
    of all that there are. Who looks at the same images several times sums their rows once:
    `look(row_sums(images), locations)`.

    Args:
        size: Side of a glimpse, pixels.
        scales: Patches in a glimpse, each twice as wide as the one before.

    Reference: Mnih et al. 2014, section 3.1, "Sensor".
    """

    def __init__(self, size=8, scales=1, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.size = size
        self.scales = scales
        # Rows of zeros above an image, as many as the widest cell has.
        self.border = 2 ** (scales - 1)

    def call(self, images, locations):
        return self.look(self.row_sums(images), locations)

    def row_sums(self, images):
        """For each scale k the sums of 2^k rows, whichever they begin at.

        Args:
            images: [B, H, W, C].

        Returns:
            A list of [B, border + H + 1, W, C], float32: those that begin at row -border, ..., H.
            The first and the last lie outside the image: they are zero.
        """
        images = ops.cast(images, "float32")
        sums = [ops.pad(images, ((0, 0), (self.border, 1), (0, 0), (0, 0)))]
        for scale in range(self.scales - 1):
            # What lies below the last row is as empty as the border above the first.
            half, level = 2**scale, sums[-1]
            sums.append(level + ops.concatenate([level[:, half:], level[:, :half]], axis=1))
        return sums

    def look(self, row_sums, locations):
        """The glimpses [N, scales, size, size, C] at locations [N, 2]; see `row_sums`."""
        _, height, width, channels = row_sums[0].shape
        images, looks = ops.shape(row_sums[0])[0], ops.shape(locations)[0]
        image = ops.arange(looks, dtype="int32") // (looks // images)
        glimpses = []
        for scale, sums in enumerate(row_sums):
            cell = 2**scale
            first = self._first(locations[:, 1], height - self.border - 1, cell)
            rows = first[:, None] + cell * np.arange(self.size, dtype="int32")
            rows = ops.clip(rows + self.border, 0, height - 1) + height * image[:, None]
            rows = ops.take(ops.reshape(sums, (-1, width * channels)), rows, axis=0)
            rows = ops.reshape(rows, (-1, self.size, width, channels))
            table = column_averages(width, self.size, cell)
            first = self._first(locations[:, 0], width, cell) + math.ceil(self.size * cell / 2)
            columns = ops.take(table, ops.clip(first, 0, len(table) - 1), axis=0)
            if channels == 1:
                glimpses.append(ops.matmul(rows[..., 0], columns)[..., None])
            else:
                glimpses.append(ops.einsum("nywc,nwx->nyxc", rows, columns))
        return ops.stack(glimpses, axis=1)

    def _first(self, location, side, cell):
        """The pixel [N] that a patch begins at, along an axis of `side` pixels, int32.

        Where the location is no number, it is any.
        """
        center = ops.clip((location + 1.0) * (side / 2), 0.0, side)
        return ops.cast(ops.round(center - self.size * cell / 2), "int32")

    def compute_output_shape(self, images_shape, locations_shape):
        return (locations_shape[0], self.scales, self.size, self.size, images_shape[-1])

    def get_config(self):
        return {**super().get_config(), "size": self.size, "scales": self.scales}


@functools.cache
def column_averages(side: int, size: int, cell: int) -> np.ndarray:
    """What each of `side` columns, sums of `cell` rows, gives to each of `size` cells.

    Returns:
        Shares [P, side, size], float32: one matrix for each pixel the patch can begin at, from
        -ceil(size * cell / 2), outside the image, on.
    """
    half = size * cell / 2
    starts = np.arange(-math.ceil(half), side - math.floor(half) + 1)
    cells = starts[:, None, None] + cell * np.arange(size)
    pixels = np.arange(side)[:, None]
    inside = (cells <= pixels) & (pixels < cells + cell)
    return np.float32(inside) / np.float32(cell**2)
