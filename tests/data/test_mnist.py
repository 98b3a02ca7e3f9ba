"""Batches of digits: plain, translated and among clutter."""

import dataclasses
import os
import zlib
from pathlib import Path

import numpy as np
import pytest

from data.mnist.digits import load_digits
from data.mnist.pipeline import FOLD_NAMES, TEST_SEED, load_digit_split
from data.mnist.variants import VARIANTS
from errors import UserError
from tests.data.mnist_writers import DIGITS, write_keras_file

REAL = Path(os.environ.get("WHATWHERE_DATA", "/nonexistent"))


@pytest.fixture
def root(tmp_path):
    write_keras_file(tmp_path)
    return tmp_path


def take(batches, count):
    return [(images, labels) for images, labels in batches.take(count).as_numpy_iterator()]


def joined(batches):
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def assert_same(batches, others):
    for batch, other in zip(batches, others, strict=True):
        np.testing.assert_array_equal(batch[0], other[0])
        np.testing.assert_array_equal(batch[1], other[1])


def test_split(root):
    train, test = (load_digit_split(root, "mnist_cluttered_60", s) for s in ("train", "test"))
    assert (len(train), len(test)) == (43, 21)
    assert train.image_size == 60
    assert train.classes == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
    assert train.targets.dtype == np.int64
    np.testing.assert_array_equal(train.targets, np.arange(43) % 10)
    assert train.names[17] == "train-00017"
    assert test.names[-1] == "test-00020"
    assert set(test.sequence_of) == {"test"}
    # Labels go round: the n-th of its class is the n-th round.
    assert train.sequence_of == [f"fold-{row // 10}" for row in range(43)]


def test_folds_part_the_digits(root):
    validation = load_digit_split(root, "mnist", "train", ["fold-1", "fold-4"])
    training = load_digit_split(root, "mnist", "train", ["fold-0", "fold-2", "fold-3"])
    rows = [*range(10, 20), 40, 41, 42]
    assert validation.names == [f"train-{row:05d}" for row in rows]
    np.testing.assert_array_equal(validation.digits, DIGITS["train"][0][rows])
    np.testing.assert_array_equal(validation.targets, [*range(10), 0, 1, 2])
    assert not set(validation.names) & set(training.names)
    assert len(validation) + len(training) == 43
    with pytest.raises(UserError, match="none of the 43 train digits belongs to fold-9"):
        load_digit_split(root, "mnist", "train", ["fold-9"])


def test_clutter_is_cut_from_digits_of_the_same_folds(tmp_path):
    # Digits of fold 0 are darker than all others.
    images = np.full((43, 28, 28), 250, np.uint8)
    images[:10] = 50
    write_keras_file(tmp_path, x_train=images)
    split = load_digit_split(tmp_path, "mnist_cluttered_100", "train", ["fold-0"])
    shown, _ = joined(take(split.train_batches(10, seed=0), 20))
    assert shown.max() == 50


@pytest.mark.parametrize("name", VARIANTS)
def test_an_epoch_has_every_digit_once_with_its_label(root, name):
    split = load_digit_split(root, name, "train")
    batches = take(split.train_batches(16, seed=3), 3)
    side = VARIANTS[name].side
    assert [images.shape for images, _ in batches] == [
        (count, side, side, 1) for count in (16, 16, 11)
    ]
    assert all(images.dtype == np.uint8 and labels.dtype == np.int32 for images, labels in batches)
    images, labels = joined(batches)
    digits = {digit.tobytes(): label for digit, label in zip(*DIGITS["train"], strict=True)}
    if VARIANTS[name].clutter == 0:
        found = [image[image > 0].tobytes() for image in images]  # no pixel of theirs is black
        assert sorted(found) == sorted(digits)
        assert [digits[digit] for digit in found] == labels.tolist()
    assert sorted(labels) == sorted(DIGITS["train"][1])


@pytest.mark.parametrize("name", VARIANTS)
def test_going_on_in_an_epoch_shows_what_the_unbroken_run_shows(root, name):
    split = load_digit_split(root, name, "train")
    unbroken = take(split.train_batches(16, seed=5), 12)
    assert_same(take(split.train_batches(16, seed=5, first_epoch=2), 6), unbroken[6:])


@pytest.mark.parametrize("name", VARIANTS)
def test_order_changes_with_epoch_and_seed(root, name):
    split = load_digit_split(root, name, "train")
    first, second = (joined(take(split.train_batches(43, 5, epoch), 1)) for epoch in (0, 1))
    other = joined(take(split.train_batches(43, seed=6), 1))
    for one, two in ((first, second), (first, other)):
        assert (one[1] != two[1]).any()
        assert sorted(one[1]) == sorted(two[1])
        same = {image.tobytes() for image in one[0]} & {image.tobytes() for image in two[0]}
        assert len(same) == (43 if name == "mnist" else 0)


def test_size_of_batches_plays_no_part(root):
    split = load_digit_split(root, "mnist_cluttered_60", "train")
    for small, large in (
        (take(split.train_batches(5, seed=1), 9), take(split.train_batches(43, seed=1), 1)),
        (take(split.test_batches(5), 9), take(split.test_batches(43), 1)),
    ):
        assert_same([joined(small)], large)


def test_test_batches_are_in_file_order_and_end(root):
    split = load_digit_split(root, "mnist", "test")
    batches = list(split.test_batches(8).as_numpy_iterator())
    assert split.test_batches(8).cardinality() == len(batches) == 3
    assert_same([joined(batches)], [(DIGITS["test"][0][..., None], DIGITS["test"][1])])


@pytest.mark.parametrize(
    ("name", "checksum"),
    [
        ("mnist_translated_60", 1955920011),
        ("mnist_cluttered_60", 2103441070),
        ("mnist_translated_100", 2448138038),
        ("mnist_cluttered_100", 2370105106),
    ],
)
def test_test_images_never_change(root, name, checksum):
    # Whoever compares results compares them on these images: they must outlive versions.
    images, _ = joined(load_digit_split(root, name, "test").test_batches(8).as_numpy_iterator())
    again, _ = joined(load_digit_split(root, name, "test").test_batches(8).as_numpy_iterator())
    np.testing.assert_array_equal(images, again)
    assert zlib.crc32(images.tobytes()) == checksum


@pytest.mark.parametrize("name", ["mnist", "mnist_translated_60", "mnist_translated_100"])
def test_centers_are_those_of_the_digits_in_the_images(root, name):
    split = load_digit_split(root, name, "test")
    split = dataclasses.replace(split, digits=np.full_like(split.digits, 255))
    images = joined(split.test_batches(8).as_numpy_iterator())[0][..., 0] / 255
    side = images.shape[1]
    pixels = (np.arange(side) + 0.5) / (side / 2) - 1  # from the edges of the image
    x, y = ((images * axis).sum(axis=(1, 2)) / 28**2 for axis in (pixels, pixels[:, None]))
    np.testing.assert_allclose(split.test_centers(), np.stack([x, y], axis=1), atol=1e-6)


def test_training_never_has_the_numbers_of_the_test(root):
    split = load_digit_split(root, "mnist_translated_100", "train")
    tested = {image.tobytes() for image in joined(take(split.test_batches(43), 1))[0]}
    trained = joined(take(split.train_batches(43, seed=TEST_SEED[0]), 20))[0]
    # By chance one of the 860 is as in the test once in six times; not all of an epoch's 43.
    assert sum(image.tobytes() in tested for image in trained) < 5


# Real data


@pytest.fixture(scope="module")
def real():
    if not (REAL / "mnist").is_dir():
        pytest.skip("WHATWHERE_DATA does not name a folder with mnist/")
    return REAL


def test_real_digits(real):
    train, test = load_digits(real)
    assert (len(train), len(test)) == (60_000, 10_000)
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(train.labels).tolist()[:3] == [5923, 6742, 5958]
    assert round(train.images.mean() / 255, 4) == 0.1307


def test_real_folds_hold_a_tenth_of_every_class(real):
    split = load_digit_split(real, "mnist", "train")
    counts = np.zeros((10, 10), int)
    for fold, label in zip(split.sequence_of, split.targets, strict=True):
        counts[label, FOLD_NAMES.index(fold)] += 1
    assert (counts.max(axis=1) - counts.min(axis=1)).max() <= 1


def test_real_translated_digits_keep_all_their_ink(real):
    split = load_digit_split(real, "mnist_translated_60", "test")
    images, labels = next(split.test_batches(1000).as_numpy_iterator())
    np.testing.assert_array_equal(labels, split.targets[:1000])
    np.testing.assert_array_equal(
        images.sum(axis=(1, 2, 3), dtype=int), split.digits[:1000].sum(axis=(1, 2), dtype=int)
    )
