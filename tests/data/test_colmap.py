"""The reader of COLMAP's text models."""

import shutil

import numpy as np
import pytest

from data import catalog, poses
from data.colmap import reader
from errors import UserError
from tests.data.writers import camera_to_world, write_colmap
from tests.runs import resolved


@pytest.fixture
def scene(tmp_path):
    return write_colmap(tmp_path / "colmap")


def names(scene, split):
    return [record.name for record in reader.read_split(scene, split)]


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_folder_is_a_sequence_and_is_tested_on_where_it_is_named(scene):
    assert names(scene, "train") == ["a/1", "a/2"]
    assert names(scene, "test") == ["b/1", "b/two words"]
    records = reader.read_split(scene, "train")
    assert [record.sequence for record in records] == ["a", "a"]
    assert all(record.image.is_file() for record in records)


def test_single_images_can_be_named(scene):
    (scene / "test.txt").write_text("a/2.png\n\nb/two words.png\n")
    assert names(scene, "train") == ["a/1", "b/1"]
    assert names(scene, "test") == ["a/2", "b/two words"]


def test_the_pose_is_the_camera_in_the_world(scene):
    for split, first in (("train", 0), ("test", 2)):
        for index, record in enumerate(reader.read_split(scene, split), start=first):
            expected = camera_to_world(index)
            np.testing.assert_allclose(record.pose[:3], expected[:3, 3], atol=1e-9)
            rotation = poses.matrix_from_quaternion(record.pose[3:])
            np.testing.assert_allclose(rotation, expected[:3, :3], atol=1e-9)


def test_the_focal_length_is_the_median_of_the_images(scene):
    # Two images of each camera: 72 / 60 and 66 / 60 of the short side.
    assert reader.focal_length(scene) == pytest.approx(1.15)
    replace(scene / "images.txt", " 2 a/2.png", " 1 a/2.png")
    assert reader.focal_length(scene) == pytest.approx(1.2)


def test_the_configuration_has_it(scene):
    words = ["--dataset=colmap", "--scene=flat", f"--data_dir={scene.parents[1]}"]
    assert resolved(*words)["focal_length"] == pytest.approx(1.15)
    assert resolved(*words, "--focal_length=0")["focal_length"] == 0


def test_the_scene_is_prepared(scene, tmp_path, prepared_copies):
    prepared = catalog.prepare("colmap", "flat", str(tmp_path))
    assert prepared.sequences("train") == ["a"]
    assert prepared.sequences("test") == ["b"]


@pytest.mark.parametrize("name", ["images.txt", "cameras.txt", "test.txt"])
def test_a_missing_file_is_named(scene, name):
    (scene / name).unlink()
    with pytest.raises(UserError, match=name):
        reader.read_split(scene, "train")
        reader.focal_length(scene)


def test_a_binary_model_can_be_written_as_text(scene):
    (scene / "images.txt").unlink()
    with pytest.raises(UserError, match=r"colmap model_converter .* --output_type TXT"):
        reader.read_split(scene, "train")


BAD = [
    ("images.txt", " 2 a/2.png", "", r"images\.txt, line 7 is no image"),
    ("images.txt", " a/2.png", " a/3.png", r"images\.txt, line 7: .*a/3\.png is missing"),
    ("images.txt", "\n2 ", "\n2 nan ", r"images\.txt, line 7"),
    ("images.txt", " a/2.png", " ../2.png", r"line 7: \.\./2\.png is outside .*images:"),
    ("images.txt", " a/2.png", " /etc/2.png", r"line 7: /etc/2\.png is outside .*images:"),
    ("images.txt", " a/2.png", " .", r"line 7: .*images is missing"),
    ("images.txt", " a/2.png", " " + "x" * 300, r"line 7: .*x is missing"),
    ("images.txt", "4.5 6.5 -1 7 8 12\n3", "3", r"line 4 holds no points .* add the line"),
    ("images.txt", "4.5 6.5 -1 7 8 12\n3", "4.5 6.5\n3", r"line 4 holds no points"),
    ("images.txt", " 2 a/2.png", " 9 a/2.png", r"cameras\.txt has no camera 9"),
    ("cameras.txt", "1 SIMPLE_RADIAL 80 60 72 40 30 0.01", "1 PINHOLE 80", r"line 2 is no camera"),
    ("cameras.txt", "80 60 72", "80 60 x", r"cameras\.txt, line 2 .* not a number"),
    ("cameras.txt", "80 60 72", "80 0 72", r"cameras\.txt, line 2 holds no camera"),
    ("test.txt", "b", "c", r"test\.txt, line 1: .*images\.txt has no image c"),
    ("test.txt", "b", "a\nb", "no image for the split train"),
]


@pytest.mark.parametrize(("name", "old", "new", "message"), BAD)
def test_bad_files(scene, name, old, new, message):
    replace(scene / name, old, new)
    with pytest.raises(UserError, match=message):
        reader.read_split(scene, "train")
        reader.focal_length(scene)


def test_names_are_unique(tmp_path):
    scene = write_colmap(tmp_path, names=("a/1.png", "a/1.jpg", "a/2.jpg", "b/1.png"))
    assert names(scene, "train") == ["a/1.jpg", "a/1.png", "a/2"]


def test_bad_images_can_be_skipped(scene):
    (scene / "images/a/2.png").unlink()
    assert [record.name for record in reader.read_split(scene, "train", skip_bad=True)] == ["a/1"]


def test_a_model_without_images(scene):
    replace(scene / "images.txt", (scene / "images.txt").read_text(), "# none\n")
    with pytest.raises(UserError, match="COLMAP has placed none"):
        reader.read_split(scene, "train")


def test_a_copy_is_made_anew_when_the_model_changes(scene, tmp_path):
    entry = catalog.DATASETS["colmap"]
    before = catalog.fingerprint(entry, scene, skip_bad=False)
    assert catalog.fingerprint(entry, scene, skip_bad=False) == before
    (scene / "test.txt").write_text("a/1.png\n")
    assert catalog.fingerprint(entry, scene, skip_bad=False) != before


def test_a_scene_that_is_not_there(scene, tmp_path):
    shutil.rmtree(scene)
    for data_dir in (str(tmp_path), None):
        with pytest.raises(UserError, match="put your own in <data_dir>/colmap/flat"):
            catalog.prepare("colmap", "flat", data_dir)
