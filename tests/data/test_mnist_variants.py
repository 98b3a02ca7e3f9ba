"""Images of MNIST's variants: the digit is there, clutter is what it should be."""

import numpy as np
import pytest
import tensorflow as tf

from data.mnist.variants import VARIANTS, Variant, draw_numbers, make_images
from tests.data.mnist_writers import DIGITS


def images_of(digits, rows, variant, seed=0):
    numbers = draw_numbers(len(rows), variant, tf.constant([seed, 0], tf.int64))
    images = make_images(tf.constant(digits), tf.constant(rows, tf.int32), numbers, variant)
    assert images.shape == (len(rows), variant.side, variant.side, 1)
    assert images.dtype == tf.uint8
    return images.numpy()[..., 0]


def corners(images):
    """Row and column of the first pixel of what is not black, [B] each."""
    lit = images > 0
    return lit.any(axis=2).argmax(axis=1), lit.any(axis=1).argmax(axis=1)


def windows(images, y, x, size):
    """Squares [B, size, size] that begin at y and x, [B]."""
    rows = (y[:, None] + np.arange(size))[:, :, None]
    columns = (x[:, None] + np.arange(size))[:, None, :]
    return images[np.arange(len(images))[:, None, None], rows, columns]


def histogram(places, shape):
    counts = np.zeros(shape)
    np.add.at(counts, places, 1)
    return counts


def even_within_chance(counts):
    """Whether counts of a uniform variable are within five standard deviations of chance."""
    expected = counts.sum() / counts.size
    squares = ((counts - expected) ** 2 / expected).sum()
    freedom = counts.size - 1
    return abs(squares - freedom) < 5 * np.sqrt(2 * freedom)


def test_plain_digits_are_left_alone():
    digits = DIGITS["train"][0]
    images = images_of(digits, [3, 1, 1], VARIANTS["mnist"])
    np.testing.assert_array_equal(images, digits[[3, 1, 1]])


@pytest.mark.parametrize("name", sorted(set(VARIANTS) - {"mnist"}))
def test_images_are_as_a_loop_over_digits_and_pieces_makes_them(name):
    digits, side = DIGITS["train"][0], VARIANTS[name].side
    images = images_of(digits, np.arange(len(digits)), VARIANTS[name], seed=7)
    numbers = draw_numbers(len(digits), VARIANTS[name], tf.constant([7, 0], tf.int64)).numpy()
    for row, image in enumerate(images):
        expected = np.zeros((side, side), np.uint8)
        y, x = numbers[row, :2] % (side - 27)
        expected[y : y + 28, x : x + 28] = digits[row]
        for step, cut_y, cut_x, y, x in numbers[row, 2:].reshape(-1, 5).astype(int):
            other = (row + 1 + step % (len(digits) - 1)) % len(digits)
            piece = digits[other, cut_y % 21 :, cut_x % 21 :][:8, :8]
            place = expected[y % (side - 7) :, x % (side - 7) :][:8, :8]
            np.maximum(place, piece, out=place)
        np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("side", [29, 60])
def test_translated_digit_is_whole_and_alone_and_anywhere(side):
    digits = DIGITS["train"][0]
    rows = np.arange(4000) % len(digits)
    images = images_of(digits, rows, Variant(side, True))
    y, x = corners(images)
    np.testing.assert_array_equal(windows(images, y, x, 28), digits[rows])
    assert (np.count_nonzero(images, axis=(1, 2)) == 28 * 28).all()
    assert even_within_chance(histogram((y, x), (side - 27, side - 27)))


def test_piece_is_a_cut_of_another_digit_at_any_place():
    # The digit shown is black; no cut of the two others is like another.
    digits = np.concatenate([np.zeros((1, 28, 28), np.uint8), DIGITS["train"][0][:2]])
    places = {
        digits[other, y : y + 8, x : x + 8].tobytes(): (other - 1, y, x)
        for other in (1, 2) for y in range(21) for x in range(21)
    }  # fmt: skip
    assert len(places) == 2 * 21 * 21
    images = images_of(digits, [0] * 4000, Variant(40, True, clutter=1))
    y, x = corners(images)
    pieces = windows(images, y, x, 8)
    assert (np.count_nonzero(images, axis=(1, 2)) == 8 * 8).all()
    assert even_within_chance(histogram((y, x), (33, 33)))
    cuts = np.array([places[piece.tobytes()] for piece in pieces]).T
    assert even_within_chance(histogram(tuple(cuts), (2, 21, 21)))


@pytest.mark.parametrize("name", ["mnist_cluttered_60", "mnist_cluttered_100"])
def test_number_of_pieces(name):
    # One digit is black and the other white: the black one's image shows the pieces alone.
    digits = np.stack([np.zeros((28, 28)), np.full((28, 28), 255)]).astype(np.uint8)
    pieces = {"mnist_cluttered_60": 4, "mnist_cluttered_100": 8}[name]
    areas = (images_of(digits, [0] * 500, VARIANTS[name]) > 0).sum(axis=(1, 2))
    assert areas.max() == pieces * 64
    assert np.mean(areas == areas.max()) > 0.2  # The others' pieces overlap.
    # The white one's pieces are black: a digit has no clutter of its own.
    white = images_of(digits, [1] * 500, VARIANTS[name])
    assert set((white > 0).sum(axis=(1, 2))) == {28 * 28}


def test_the_brighter_pixel_is_seen():
    # Images that digits fill, so that all pieces lie on them.
    digits = np.stack([np.full((28, 28), 100), np.full((28, 28), 200)]).astype(np.uint8)
    variant = Variant(28, True, clutter=3)
    assert set(np.unique(images_of(digits, [1] * 200, variant))) == {200}
    dark = images_of(digits, [0] * 200, variant)
    assert set(np.unique(dark)) == {100, 200}
    assert (dark == 200).sum(axis=(1, 2)).max() == 3 * 64


def test_a_single_digit_has_nothing_but_itself_to_cut_from():
    digits = np.full((1, 28, 28), 9, np.uint8)
    assert images_of(digits, [0], VARIANTS["mnist_cluttered_60"]).max() == 9
