"""Batches of scene categories: labels, crops of square images, mirrored images."""

import numpy as np
import pytest
import tensorflow as tf

from data.catalog import prepare
from data.crops import resize_short_side, short_side
from data.pipeline import held_out, load_split
from tests.data.writers import write_indoor_scenes

SIZE = 64


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_indoor_scenes(root / "scenes15", train=4, test=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(tmp_path_factory.mktemp("tfds")))
        yield prepare("scenes15", "scenes15", str(root))


@pytest.fixture(params=["cached", "decoded anew"])
def training(request, scene, monkeypatch):
    if request.param != "cached":
        monkeypatch.setattr("data.pipeline.CACHE_SHARE", 0.0)
    return load_split(scene, "train", SIZE)


def take(batches, count):
    return [(images, labels) for images, labels in batches.take(count).as_numpy_iterator()]


def test_targets_are_labels_with_names(scene):
    split = load_split(scene, "test", SIZE)
    assert split.classes == ("bakery", "kitchen", "office")
    assert split.targets.dtype == np.int64
    assert split.targets.tolist() == [2, 0, 1] * 2
    assert [split.classes[label] for label in split.targets] == [
        name.partition("/")[0] for name in split.names
    ]


def test_validation_holds_out_a_fold_of_every_category(scene):
    sequences = scene.sequences("train")
    aside = held_out(sequences, 0.25)
    validation = load_split(scene, "train", SIZE, aside)
    training = load_split(scene, "train", SIZE, set(sequences) - set(aside))
    assert sorted(validation.targets) == [0, 1, 2]
    assert sorted(training.targets) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert not set(validation.names) & set(training.names)


def test_batches_hold_bytes_and_labels(training):
    batches = take(training.train_batches(8, seed=1), 2)
    assert [images.shape for images, _ in batches] == [(8, SIZE, SIZE, 3), (4, SIZE, SIZE, 3)]
    assert all(images.dtype == np.uint8 for images, _ in batches)
    assert all(labels.dtype == np.int32 for _, labels in batches)
    assert sorted(np.concatenate([labels for _, labels in batches])) == sorted(training.targets)


def test_images_keep_their_labels(training):
    # Each category is brighter than the one before it: office, bakery, kitchen.
    images, labels = take(training.train_batches(12, seed=1, mirror=True), 1)[0]
    brightness = [images[labels == label].mean() for label in (2, 0, 1)]
    assert brightness == sorted(brightness)


def test_test_batches_are_centre_crops_in_file_order(training):
    images, labels = take(training.test_batches(12), 1)[0]
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, training.targets)
    side = short_side(SIZE)
    for image, example in zip(images, training.examples, strict=True):
        whole = resize_short_side(tf.io.decode_png(example["image"]), side).numpy()
        assert whole.shape == (side, side, 3)
        margin = (side - SIZE) // 2
        np.testing.assert_array_equal(image, whole[margin : margin + SIZE, margin : margin + SIZE])


def mirrored_share(split, seed, first_epoch=0, epochs=6):
    """Compares with the batches that are not mirrored; returns which images are flipped."""
    plain = take(split.train_batches(12, seed, first_epoch), epochs)
    mirrored = take(split.train_batches(12, seed, first_epoch, mirror=True), epochs)
    flips = []
    for (images, labels), (images_again, labels_again) in zip(plain, mirrored, strict=True):
        np.testing.assert_array_equal(labels, labels_again)
        for image, again in zip(images, images_again, strict=True):
            flipped = np.array_equal(again, image[:, ::-1])
            assert flipped != np.array_equal(again, image)
            flips.append(flipped)
    return np.array(flips)


def test_half_of_the_images_are_mirrored_and_nothing_else_changes(training):
    flips = mirrored_share(training, seed=1)
    assert len(flips) == 72
    assert 19 <= flips.sum() <= 53  # Within four standard deviations of a fair coin.
    other_seed = mirrored_share(training, seed=2)
    assert (flips != other_seed).any()
    epochs = flips.reshape(6, 12)
    assert (epochs[0] != epochs[1]).any()


def test_going_on_in_an_epoch_mirrors_what_the_unbroken_run_mirrors(training):
    unbroken = mirrored_share(training, seed=1, epochs=4).reshape(4, 12)
    resumed = mirrored_share(training, seed=1, first_epoch=2, epochs=2).reshape(2, 12)
    np.testing.assert_array_equal(resumed, unbroken[2:])
