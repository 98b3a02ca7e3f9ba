"""The reader of Cambridge Landmarks."""

import logging
import shutil

import numpy as np
import pytest

from data import poses
from data.cambridge_landmarks import reader
from errors import UserError
from tests.data.writers import (
    CAMBRIDGE_HEADER,
    cambridge_line,
    camera_to_world,
    write_cambridge,
)


@pytest.fixture
def scene(tmp_path):
    return write_cambridge(tmp_path)


def replace_line(scene, number, text):
    path = scene / "dataset_train.txt"
    lines = path.read_text().splitlines()
    lines[number - 1] = text
    path.write_text("\n".join(lines) + "\n")


def test_records(scene):
    records = reader.read_split(scene, "train")
    assert [record.name for record in records] == [
        f"{s}/frame{f:05d}" for s in ("seq1", "seq3") for f in (1, 2, 3)
    ]
    assert [record.sequence for record in records] == ["seq1"] * 3 + ["seq3"] * 3
    assert all(record.image.is_file() for record in records)


def test_poses_are_world_to_camera_at_the_camera_centre(scene):
    for index, record in enumerate(reader.read_split(scene, "train")):
        expected = camera_to_world(index)
        np.testing.assert_allclose(record.pose[:3], expected[:3, 3], atol=1e-6)
        np.testing.assert_allclose(
            poses.matrix_from_quaternion(record.pose[3:]), expected[:3, :3], atol=1e-5
        )


def test_long_quaternion_is_normalised(scene):
    image = "seq1/frame00001.png"
    before = reader.read_split(scene, "train")[0].pose
    replace_line(scene, 4, cambridge_line(image, 0, norm=2.0))
    after = reader.read_split(scene, "train")[0].pose
    np.testing.assert_allclose(after, before, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(after[3:]), 1, atol=1e-12)


def test_implausible_camera_is_dropped_and_said_so(scene, caplog):
    replace_line(scene, 5, "seq1/frame00002.png 3e9 -1.2e9 5e8 1 0 0 0")
    with caplog.at_level(logging.WARNING, logger="absl"):
        records = reader.read_split(scene, "train")
    assert [r.name for r in records][:2] == ["seq1/frame00001", "seq1/frame00003"]
    assert "Dropped seq1/frame00002.png" in caplog.text
    assert "line 5" in caplog.text


def test_far_from_the_origin_is_not_implausible(scene):
    # Coordinates of a national grid: every camera is far from the origin, none from the others.
    path = scene / "dataset_train.txt"
    lines = [f"seq1/frame{f:05d}.png {5e5 + f} 5.8e6 20 1 0 0 0\n" for f in (1, 2, 3)]
    path.write_text(CAMBRIDGE_HEADER + "".join(lines))
    assert len(reader.read_split(scene, "train")) == 3


BAD_LINES = {
    "six numbers": ("seq1/frame00002.png 1 2 3 1 0 0", "line 5 holds 6 values where 7 numbers"),
    "word": ("seq1/frame00002.png 1 2 3 1 0 0 x", "line 5 holds a value that is not a number"),
    "nan": ("seq1/frame00002.png nan 2 3 1 0 0 0", "line 5: the position is not finite"),
    "norm 0": ("seq1/frame00002.png 1 2 3 0 0 0 0", "line 5: the quaternion has norm 0"),
    "outside": ("../frame00002.png 1 2 3 1 0 0 0", r"line 5: \.\./frame00002\.png is outside"),
    "no image": ("seq1/frame00099.png 1 2 3 1 0 0 0", r"line 5: .*frame00099\.png is missing"),
}


@pytest.mark.parametrize("case", BAD_LINES)
def test_bad_line_stops_or_is_skipped(scene, case):
    text, message = BAD_LINES[case]
    replace_line(scene, 5, text)
    with pytest.raises(UserError, match=rf"dataset_train\.txt, {message}"):
        reader.read_split(scene, "train")
    assert len(reader.read_split(scene, "train", skip_bad=True)) == 5


def test_names_are_unique(scene):
    shutil.copy(scene / "seq1/frame00001.png", scene / "seq1/frame00001.jpg")
    with (scene / "dataset_test.txt").open("a") as file:
        file.write("seq1/frame00001.jpg 1 2 3 1 0 0 0\n")
    assert reader.read_split(scene, "train")[0].name == "seq1/frame00001.png"
    assert reader.read_split(scene, "test")[-1].name == "seq1/frame00001.jpg"


@pytest.mark.parametrize("text", ["", CAMBRIDGE_HEADER])
def test_list_without_images(scene, text):
    (scene / "dataset_test.txt").write_text(text)
    with pytest.raises(UserError, match=r"dataset_test\.txt lists no usable image"):
        reader.read_split(scene, "test")


def test_list_without_header(scene):
    # Skipping three lines blindly would lose three images.
    path = scene / "dataset_test.txt"
    path.write_text(path.read_text().removeprefix(CAMBRIDGE_HEADER))
    with pytest.raises(UserError, match=r"dataset_test\.txt, line 1: .*3 header lines"):
        reader.read_split(scene, "test")


def test_missing_list(scene):
    (scene / "dataset_test.txt").unlink()
    with pytest.raises(UserError, match=r"dataset_test\.txt is missing"):
        reader.read_split(scene, "test")
