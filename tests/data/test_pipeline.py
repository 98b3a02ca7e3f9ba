"""Batches: order, crops, resuming, held-out sequences."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from data.catalog import prepare
from data.crops import (
    centre_crop,
    random_crop,
    resize_short_side,
    short_side,
    to_crop_scale,
    turned,
)
from data.pipeline import held_out, initial_pose, load_split, memory_bytes
from data.poses import matrix_from_quaternion, orientation_error_deg
from errors import UserError
from tests.data.writers import camera_to_world, write_seven_scenes

SIZE = 64


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_seven_scenes(root / "7scenes", train=(1, 3, 4), test=(2,), frames=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(tmp_path_factory.mktemp("tfds")))
        yield prepare("7scenes", "chess", str(root))


@pytest.fixture(params=["cached", "decoded anew"])
def training(request, scene, monkeypatch):
    if request.param != "cached":
        monkeypatch.setattr("data.pipeline.CACHE_SHARE", 0.0)
    return load_split(scene, "train", SIZE, ["seq-01", "seq-03"])


def take(batches, count):
    return [(images, poses) for images, poses in batches.take(count).as_numpy_iterator()]


def test_only_the_named_sequences_are_read(training):
    assert set(training.sequence_of) == {"seq-01", "seq-03"}
    assert len(training) == 6
    expected = [camera_to_world(index)[:3, 3] for index in (10, 11, 12, 30, 31, 32)]
    np.testing.assert_allclose(training.targets[:, :3], expected, atol=1e-6)


def test_sequences_without_images_are_refused(scene):
    with pytest.raises(ValueError, match="seq-99"):
        load_split(scene, "train", SIZE, ["seq-99"])


def test_a_container_may_have_less_memory_than_its_machine(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr("data.pipeline.CONTAINER_LIMITS", (tmp_path / "none", limit))
    of_machine = memory_bytes()
    assert of_machine > 2**28
    for text, expected in (("max\n", of_machine), ("1000\n", 1000), (f"{2**62}\n", of_machine)):
        limit.write_text(text)
        assert memory_bytes() == expected


def test_every_epoch_has_each_image_once_in_an_order_of_its_own(training):
    batches = take(training.train_batches(4, seed=1), 4)  # two epochs of 4 + 2 images
    assert [len(images) for images, _ in batches] == [4, 2, 4, 2]
    assert batches[0][0].shape == (4, SIZE, SIZE, 3)
    assert batches[0][0].dtype == np.uint8
    orders = [np.concatenate([batches[i][1], batches[i + 1][1]])[:, 0] for i in (0, 2)]
    for order in orders:
        assert sorted(order) == sorted(training.targets[:, 0].astype(np.float32))
    assert list(orders[0]) != list(orders[1])


def test_going_on_in_an_epoch_gives_what_the_unbroken_run_sees(training):
    unbroken = take(training.train_batches(4, seed=1), 6)
    resumed = take(training.train_batches(4, seed=1, first_epoch=2), 2)
    for (images, poses), (images_again, poses_again) in zip(unbroken[4:], resumed, strict=True):
        np.testing.assert_array_equal(images, images_again)
        np.testing.assert_array_equal(poses, poses_again)


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (1.0, 0.0), (0.3, -0.8)])
def test_a_turned_camera_looks_at_the_direction_by_the_shortest_way(x, y):
    pose = np.float32([1, 2, 3, *np.array([0.5, -0.7, 0.1, 0.4]) / np.sqrt(0.91)])
    found = turned(tf.constant(pose), tf.constant([x, y])).numpy()
    np.testing.assert_array_equal(found[:3], pose[:3])
    assert found[3] >= 0
    before, after = (matrix_from_quaternion(value[3:].astype(float)) for value in (pose, found))
    ray = np.array([x, y, 1.0]) / np.linalg.norm([x, y, 1.0])
    np.testing.assert_allclose(after[:, 2], before @ ray, atol=1e-6)
    expected = np.degrees(np.arctan(np.hypot(x, y)))
    assert orientation_error_deg(pose[None], found[None])[0] == pytest.approx(expected, abs=1e-2)


def test_a_crop_lies_anywhere_and_says_where():
    image = tf.reshape(tf.range(6 * 9 * 3), (6, 9, 3))
    places = set()
    for seed in range(100):
        crop, offset = random_crop(image, 4, tf.constant([seed, 1]))
        row, column = divmod(int(crop[0, 0, 0]) // 3, 9)
        np.testing.assert_array_equal(crop, image[row : row + 4, column : column + 4])
        assert offset.numpy().tolist() == [column - 2.5, row - 1.0]
        places.add((row, column))
    assert places == {(row, column) for row in range(3) for column in range(6)}


def test_with_a_focal_length_crops_have_the_poses_of_turned_cameras(training):
    plain = take(training.train_batches(6, seed=1), 1)[0]
    turning = take(training.train_batches(6, seed=1, focal_length=1.2), 1)[0]
    np.testing.assert_array_equal(turning[0], plain[0])
    np.testing.assert_array_equal(turning[1][:, :3], plain[1][:, :3])
    # Images of 74 x 98 pixels: a crop of 64 is at most 17 and 5 pixels off the centre.
    degrees = orientation_error_deg(plain[1], turning[1])
    assert 0.5 < degrees.max() < np.degrees(np.arctan(18 / (1.2 * 74)))
    # Towards where the crop was cut out, not away from it.
    poses = map(tuple, training.targets.astype(np.float32))
    sources = dict(zip(poses, training.examples, strict=True))
    for image, pose, found in zip(*plain, turning[1], strict=True):
        png = sources[tuple(pose)]["image"]
        whole = to_crop_scale(tf.io.decode_png(png), SIZE).numpy()
        every = np.lib.stride_tricks.sliding_window_view(whole, image.shape)[:, :, 0]
        ((row, column),) = np.argwhere((every == image).all(axis=(2, 3, 4)))
        centre = np.float32([column - (98 - SIZE) / 2, row - (74 - SIZE) / 2])
        expected = turned(tf.constant(pose), tf.constant(centre / np.float32(1.2 * 74)))
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_cameras_that_float32_would_round_are_refused(training):
    far = dataclasses.replace(training, targets=training.targets + 5.8e6)
    with pytest.raises(UserError, match=r"58000.. m from the origin, .* rounded to 0\.5 m"):
        initial_pose(far)


def test_images_with_poses_are_not_mirrored(training):
    with pytest.raises(ValueError, match="a mirrored image has no pose"):
        training.train_batches(4, seed=1, mirror=True)


def test_crops_differ_between_epochs_and_seeds(training):
    def crop_of_first_pose(seed, epoch):
        for images, poses in take(training.train_batches(6, seed, epoch), 1):
            return images[np.argmin(poses[:, 0])]

    first = crop_of_first_pose(1, 0)
    assert not np.array_equal(first, crop_of_first_pose(1, 1))
    assert not np.array_equal(first, crop_of_first_pose(2, 0))


def test_test_batches_are_centre_crops_in_file_order(training):
    (images, poses), *_ = take(training.test_batches(6), 1)
    np.testing.assert_array_equal(poses, training.targets.astype(np.float32))
    example = next(iter(training.examples))
    whole = to_crop_scale(tf.io.decode_png(example["image"]), SIZE)
    top, left = (whole.shape[0] - SIZE) // 2, (whole.shape[1] - SIZE) // 2
    np.testing.assert_array_equal(images[0], whole[top : top + SIZE, left : left + SIZE])


def test_mean_rgb_is_the_mean_over_all_pixels(training):
    pixels = [
        to_crop_scale(tf.io.decode_png(example["image"]), SIZE).numpy().reshape(-1, 3)
        for example in training.examples
    ]
    np.testing.assert_allclose(training.mean_rgb(), np.concatenate(pixels).mean(0), rtol=1e-6)


def test_short_side_keeps_the_thesis_ratio():
    assert short_side(224) == 256
    assert short_side(112) == 128
    assert short_side(96) == 110  # of 109.7


@pytest.mark.parametrize(
    ("width", "size", "expected"),
    # 256 / 341 of 110 and 74; what has the thesis's size is cut as it is.
    [(341, 96, (110, 146)), (341, 64, (74, 98)), (455, 96, (110, 196)), (341, 224, (256, 341))],
)
def test_a_small_crop_can_have_the_centre_of_its_image(width, size, expected):
    image = tf.zeros((256, width, 3), tf.uint8)
    assert to_crop_scale(image, size).shape == (*expected, 3)
    assert to_crop_scale(image[None], size).shape == (1, *expected, 3)


@pytest.mark.parametrize(("height", "width", "expected"), [(60, 80, (30, 40)), (80, 60, (40, 30))])
def test_resizing_keeps_the_aspect(height, width, expected):
    image = tf.fill((height, width, 3), tf.constant(77, tf.uint8))
    resized = resize_short_side(image, 30).numpy()
    assert resized.shape == (*expected, 3)
    assert (resized == 77).all()


def test_centre_crop_takes_the_middle():
    image = np.arange(5 * 7).reshape(5, 7, 1) * np.ones(3, int)
    np.testing.assert_array_equal(centre_crop(tf.constant(image), 3)[..., 0], image[1:4, 2:5, 0])


@pytest.mark.parametrize(
    ("count", "fraction", "expected"),
    [(12, 0.1, 1), (12, 0.25, 3), (2, 0.9, 1), (1, 0.5, 0), (12, 0.0, 0)],
)
def test_held_out_sequences(count, fraction, expected):
    sequences = [f"seq-{number:02d}" for number in range(count)]
    aside = held_out(sequences, fraction)
    assert len(aside) == len(set(aside)) == expected
    assert set(aside) <= set(sequences)


def test_named_sequences_are_held_out_in_their_order():
    assert held_out(["a", "b", "c"], 0.1, ["c", "a"]) == ["a", "c"]
