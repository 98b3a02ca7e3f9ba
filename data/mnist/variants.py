"""MNIST as Mnih et al. (2014, section 4.1) vary it: digits at random places, among clutter.

Translated: the digit lies whole at a random place on black. Cluttered: so do pieces of 8 x 8 pixels
cut at random places out of random other digits; where things overlap the brighter pixel is seen.
Everything is drawn uniformly.
"""

from dataclasses import dataclass

import tensorflow as tf

from data.mnist.digits import SIDE

PIECE = 8  # side of a piece of clutter, pixels


@dataclass(frozen=True)
class Variant:
    """How a digit becomes an image.

    Attributes:
        side: Of the image, pixels.
        translated: Whether the digit lies at a random place; else it fills the image.
        clutter: Pieces of other digits.
    """

    side: int = SIDE
    translated: bool = False
    clutter: int = 0


VARIANTS = {
    "mnist": Variant(),
    "mnist_translated_60": Variant(60, translated=True),
    "mnist_cluttered_60": Variant(60, translated=True, clutter=4),
    "mnist_translated_100": Variant(100, translated=True),
    "mnist_cluttered_100": Variant(100, translated=True, clutter=8),
}


def draw_numbers(count: int, variant: Variant, seed: tf.Tensor) -> tf.Tensor:
    """The random numbers that `count` images are made from, uint32 [count, D].

    They depend on the seed, int64 [2], and on `count` alone, not on the machine.
    """
    shape = (count, 2 + 5 * variant.clutter)
    return tf.random.stateless_uniform(shape, seed, None, None, tf.uint32, alg="philox")


def make_images(
    digits: tf.Tensor, rows: tf.Tensor, numbers: tf.Tensor, variant: Variant
) -> tf.Tensor:
    """Images uint8 [B, S, S, 1] of the variant.

    Args:
        digits: All digits of the split, uint8 [N, 28, 28]; clutter is cut from them too.
        rows: Digits to show, int32 [B].
        numbers: Of each image, from `draw_numbers`: uint32 [B, D].
        variant: How a digit becomes an image.
    """
    if not variant.translated:
        return tf.gather(digits, rows)[..., None]
    side, total = variant.side, tf.shape(digits)[0]
    y, x = tf.unstack(_digit_places(numbers, variant), axis=1)
    pieces = tf.reshape(numbers[:, 2:], (tf.shape(rows)[0], variant.clutter, 5))
    ways = [tf.maximum(total - 1, 1), *[SIDE - PIECE + 1] * 2, *[side - PIECE + 1] * 2]
    step, cut_y, cut_x, piece_y, piece_x = tf.unstack(_below(ways, pieces), axis=2)
    other = (rows[:, None] + 1 + step) % total  # any but the digit itself
    cuts = (other * SIDE + cut_y) * SIDE + cut_x
    return _compose(digits, rows, y * side + x, cuts, piece_y * side + piece_x, side)


def digit_centers(numbers: tf.Tensor, variant: Variant) -> tf.Tensor:
    """Where the middle of each digit lies in the image made from `numbers`.

    Returns:
        (x, y), float32 [B, 2]: (-1, -1) is the top left corner of the image, (1, 1) the bottom
        right one. The middle is that of the digit's 28 x 28 pixels, its centre of mass.
    """
    places = tf.cast(_digit_places(numbers, variant), tf.float32)
    return tf.reverse((places + SIDE / 2) / (variant.side / 2) - 1, axis=[1])


def _digit_places(numbers: tf.Tensor, variant: Variant) -> tf.Tensor:
    """First row and column of each digit, int32 [B, 2]."""
    return _below([variant.side - SIDE + 1] * 2, numbers[:, :2])


# XLA writes each pixel straight to its place: six times as fast, more than 100,000 images a second
# and core.
@tf.function(jit_compile=True, reduce_retracing=True)
def _compose(
    digits: tf.Tensor,
    rows: tf.Tensor,
    places: tf.Tensor,
    cuts: tf.Tensor,
    piece_places: tf.Tensor,
    side: int,
) -> tf.Tensor:
    """Puts all pixels of digits and pieces in their places by one scatter that keeps maxima.

    Args:
        digits: uint8 [N, 28, 28].
        rows: Digits to show, [B].
        places: Where the digit starts in its image, [B], in pixels row by row.
        cuts: Where pieces start among all pixels of `digits`, [B, P].
        piece_places: Where pieces start in their image, [B, P].
        side: Of the images.
    """
    count = tf.shape(rows)[0]
    images = tf.range(count)[:, None] * side**2  # where each image starts
    digit_targets = images + places[:, None] + _square(SIDE, side)
    piece_targets = (images + piece_places)[..., None] + _square(PIECE, side)
    pieces = tf.gather(tf.reshape(digits, [-1]), cuts[..., None] + _square(PIECE, SIDE))
    targets = tf.concat([tf.reshape(digit_targets, [-1]), tf.reshape(piece_targets, [-1])], axis=0)
    values = [tf.reshape(part, [-1]) for part in (tf.gather(digits, rows), pieces)]
    black = tf.zeros(count * side**2, tf.uint8)
    pixels = tf.tensor_scatter_nd_max(black, targets[:, None], tf.concat(values, axis=0))
    return tf.reshape(pixels, (count, side, side, 1))


def _below(ways: list, numbers: tf.Tensor) -> tf.Tensor:
    """Numbers uint32 [..., n] to int32 from 0 to below ways [n]; even to within n / 2^32."""
    return tf.cast(tf.cast(numbers, tf.int64) % tf.cast(tf.stack(ways), tf.int64), tf.int32)


def _square(size: int, width: int) -> tf.Tensor:
    """Places int32 [size^2] of a square's pixels, from its first, in an image of that width."""
    return tf.reshape(tf.range(size)[:, None] * width + tf.range(size), [-1])
