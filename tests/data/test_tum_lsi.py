"""The reader of TUM-LSI."""

import numpy as np
import pytest

from data import poses
from data.tum_lsi import reader
from errors import UserError
from tests.data.writers import TUM_SCAN, camera_to_world, write_tum_lsi


@pytest.fixture
def scene(tmp_path):
    return write_tum_lsi(tmp_path)


def xml_file(scene):
    return scene / "poses" / f"{TUM_SCAN}_poses.xml"


def edit_pose(scene, image_id, edit):
    """Applies `edit` to the <pose> element of one image."""
    lines = xml_file(scene).read_text().splitlines()
    edited = [edit(line) if f"<id>{image_id}</id>" in line else line for line in lines]
    assert edited != lines
    xml_file(scene).write_text("\n".join(edited))


def test_records(scene):
    records = reader.read_split(scene, "train")
    assert [record.name for record in records] == [
        f"{TUM_SCAN}/{n:05d}-cam{c}" for n in (0, 2, 11) for c in (0, 1)
    ]
    assert all(record.image.is_file() for record in records)


def test_all_cameras_of_neighbouring_locations_are_one_sequence(scene):
    sequences = [record.sequence for record in reader.read_split(scene, "train")]
    assert sequences == ["locations-00000"] * 4 + ["locations-00010"] * 2


def test_poses_are_camera_to_world(scene):
    indices = (0, 1, 20, 21, 110, 111)  # The odd ones are written with w < 0.
    for record, index in zip(reader.read_split(scene, "train"), indices, strict=True):
        expected = camera_to_world(index)
        assert record.pose[3] >= 0
        np.testing.assert_allclose(record.pose[:3], expected[:3, 3], atol=1e-12)
        np.testing.assert_allclose(
            poses.matrix_from_quaternion(record.pose[3:]), expected[:3, :3], atol=1e-12
        )


def zero_rotation(line):
    start = line.index("<rotation>")
    return line[:start] + ("<rotation><w>0</w><x>0</x><y>0</y><z>0</z></rotation></pose>")


BAD_POSES = {
    "norm 0": (zero_rotation, "pose 00002-cam0: the quaternion has norm 0"),
    "nan": (
        lambda line: (
            line.replace("<x>", "<x>nan ", 1)
            .replace("nan ", "nan<!--")
            .replace("</x>", "--></x>", 1)
        ),
        "pose 00002-cam0: the position is not finite",
    ),
    "word": (lambda line: line.replace("<y>", "<y>abc", 1), "pose 00002-cam0 holds a value"),
    "lost": (lambda line: "", r"line 3: .*_poses\.xml holds no pose of 00002-cam0"),
    "cut": (lambda line: line.replace("<w>", "<v>").replace("</w>", "</v>"), "holds 6 values"),
}


@pytest.mark.parametrize("case", BAD_POSES)
def test_bad_pose_stops_or_is_skipped(scene, case):
    edit, message = BAD_POSES[case]
    edit_pose(scene, "00002-cam0", edit)
    with pytest.raises(UserError, match=message):
        reader.read_split(scene, "train")
    assert len(reader.read_split(scene, "train", skip_bad=True)) == 5


def test_missing_image(scene):
    (scene / "images" / TUM_SCAN / "00002-cam1.jpg").unlink()
    with pytest.raises(UserError, match=r"train\.txt, line 4: .*00002-cam1\.jpg is missing"):
        reader.read_split(scene, "train")
    assert len(reader.read_split(scene, "train", skip_bad=True)) == 5


def test_bad_line(scene):
    long = "x" * 300 + "/00001-cam0.jpg\n"
    (scene / "tum-lsi_test.txt").write_text(long)
    with pytest.raises(UserError, match=r"_poses\.xml is missing"):
        reader.read_split(scene, "test")
    (scene / "tum-lsi_test.txt").write_text("cam1.jpg\n")
    with pytest.raises(UserError, match=r"tum-lsi_test\.txt, line 1: 'cam1\.jpg' is not like"):
        reader.read_split(scene, "test")


@pytest.mark.parametrize("text", ["<poses><pose>", "no XML at all"])
def test_pose_file_is_not_xml(scene, text):
    xml_file(scene).write_text(text)
    with pytest.raises(UserError, match=r"_poses\.xml is not XML"):
        reader.read_split(scene, "train")


@pytest.mark.parametrize("encoding", ["foo", "utf-16"])
def test_pose_file_in_no_encoding_of_its_own(scene, encoding):
    xml_file(scene).write_text(f'<?xml version="1.0" encoding="{encoding}"?><poses/>')
    with pytest.raises(UserError, match=r"_poses\.xml is not XML"):
        reader.read_split(scene, "train")


def test_missing_pose_file(scene):
    xml_file(scene).unlink()
    with pytest.raises(UserError, match=r"_poses\.xml is missing"):
        reader.read_split(scene, "train")


def test_empty_and_missing_list(scene):
    (scene / "tum-lsi_test.txt").write_text("\n")
    with pytest.raises(UserError, match=r"tum-lsi_test\.txt lists no usable image"):
        reader.read_split(scene, "test")
    (scene / "tum-lsi_test.txt").unlink()
    with pytest.raises(UserError, match=r"tum-lsi_test\.txt is missing"):
        reader.read_split(scene, "test")
