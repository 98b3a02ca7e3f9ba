"""The reader of 7-Scenes and the unpacking of its archives."""

import os
import shutil
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from data import poses
from data.seven_scenes import reader
from data.seven_scenes.seven_scenes_dataset_builder import extract_sequences
from errors import UserError
from files import locked
from tests.data.writers import camera_to_world, write_image, write_seven_scenes


@pytest.fixture
def scene(tmp_path):
    return write_seven_scenes(tmp_path)


def pose_file(scene):
    return scene / "seq-01" / "frame-000001.pose.txt"


def test_records(scene):
    records = reader.read_split(scene, "train")
    assert [record.name for record in records] == [
        f"seq-{s:02d}/frame-{f:06d}" for s in (1, 3) for f in range(3)
    ]
    assert [record.sequence for record in records] == ["seq-01"] * 3 + ["seq-03"] * 3
    assert [record.name for record in reader.read_split(scene, "test")] == [
        f"seq-02/frame-{f:06d}" for f in range(3)
    ]


def test_poses_are_camera_to_world(scene):
    for record, index in zip(
        reader.read_split(scene, "train"), (10, 11, 12, 30, 31, 32), strict=True
    ):
        expected = camera_to_world(index)
        np.testing.assert_allclose(record.pose[:3], expected[:3, 3], atol=1e-7)
        np.testing.assert_allclose(
            poses.matrix_from_quaternion(record.pose[3:]), expected[:3, :3], atol=1e-7
        )


def test_order_of_the_split_file_is_kept(scene):
    (scene / "TrainSplit.txt").write_text("sequence3\n\nsequence1\nsequence3\n")
    records = reader.read_split(scene, "train")
    assert [record.sequence for record in records] == ["seq-03"] * 3 + ["seq-01"] * 3


@pytest.mark.parametrize("suffix", [".color.jpg", ".color.jpeg"])
def test_recompressed_frames(tmp_path, suffix):
    scene = write_seven_scenes(tmp_path, suffix=suffix)
    assert all(r.image.name.endswith(suffix) for r in reader.read_split(scene, "train"))


def test_frame_with_two_images_counts_once_as_png(scene):
    write_image(scene / "seq-02" / "frame-000000.color.jpg")
    records = reader.read_split(scene, "test")
    assert len(records) == 3
    assert records[0].image.name == "frame-000000.color.png"


def test_depth_images_are_not_read(scene):
    write_image(scene / "seq-02" / "frame-000000.depth.png")
    write_image(scene / "seq-02" / "frame-000007.depth.png")
    assert len(reader.read_split(scene, "test")) == 3


def text_of(matrix):
    return "\n".join(" ".join(str(value) for value in row) for row in matrix)


BAD_POSES = {
    "nan": (text_of(np.diag([1, 1, 1, np.nan])), r"frame-000001\.pose\.txt: .*not finite"),
    "15 numbers": ("1 " * 15, r"frame-000001\.pose\.txt holds 15 values where 16 numbers"),
    "words": ("a " * 16, r"frame-000001\.pose\.txt holds a value that is not a number"),
    "empty": ("", r"frame-000001\.pose\.txt holds 0 values"),
    "singular": (text_of(np.diag([1, 1, 0, 1])), r"frame-000001\.pose\.txt: .*determinant 0 "),
    "mirrored": (text_of(np.diag([1, 1, -1, 1])), r"frame-000001\.pose\.txt: .*determinant -1 "),
}


@pytest.mark.parametrize("case", BAD_POSES)
def test_bad_pose_stops_or_is_skipped(scene, case):
    text, message = BAD_POSES[case]
    pose_file(scene).write_text(text)
    with pytest.raises(UserError, match=message):
        reader.read_split(scene, "train")
    names = [record.name for record in reader.read_split(scene, "train", skip_bad=True)]
    assert len(names) == 5
    assert "seq-01/frame-000001" not in names


def test_binary_pose_file(scene):
    pose_file(scene).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"frame-000001\.pose\.txt cannot be read as text"):
        reader.read_split(scene, "train")


def test_missing_pose_and_missing_image(scene):
    pose_file(scene).unlink()
    with pytest.raises(UserError, match=r"frame-000001\.pose\.txt is missing"):
        reader.read_split(scene, "train")
    (scene / "seq-02" / "frame-000002.color.png").unlink()
    with pytest.raises(UserError, match=r"frame-000002\.color\.png is missing"):
        reader.read_split(scene, "test")


def test_missing_sequence_stops_or_is_skipped(scene):
    (scene / "TrainSplit.txt").write_text("sequence1\nsequence9\n")
    with pytest.raises(UserError, match="seq-09 is missing, but a split file lists it"):
        reader.read_split(scene, "train")
    assert len(reader.read_split(scene, "train", skip_bad=True)) == 3


def test_sequence_still_zipped(scene):
    (scene / "TrainSplit.txt").write_text("sequence9\n")
    (scene / "seq-09.zip").touch()
    with pytest.raises(UserError, match=r"unpack .*seq-09\.zip"):
        reader.read_split(scene, "train")


@pytest.mark.parametrize("skip_bad", [False, True])
def test_empty_sequence(scene, skip_bad):
    (scene / "TestSplit.txt").write_text("sequence7\n")
    (scene / "seq-07").mkdir()
    message = "leads to no usable frame" if skip_bad else "seq-07 holds no frames"
    with pytest.raises(UserError, match=message):
        reader.read_split(scene, "test", skip_bad=skip_bad)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n\n", r"TestSplit\.txt lists no sequences"),
        ("sequence2\nseq-03\n", r"TestSplit\.txt, line 2: 'seq-03'"),
    ],
)
def test_bad_split_file(scene, text, message):
    (scene / "TestSplit.txt").write_text(text)
    with pytest.raises(UserError, match=message):
        reader.read_split(scene, "test")


def test_missing_split_file(scene):
    (scene / "TestSplit.txt").unlink()
    with pytest.raises(UserError, match=r"TestSplit\.txt is missing"):
        reader.read_split(scene, "test")


def test_unknown_split(scene):
    with pytest.raises(ValueError, match="train, test"):
        reader.read_split(scene, "validation")


def zip_sequences(scene):
    """Packs every sequence as Microsoft does, a zip with the folder inside, and removes it."""
    for folder in sorted(scene.glob("seq-??")):
        with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
            for path in sorted(folder.iterdir()):
                archive.write(path, path.relative_to(scene))
                path.unlink()
        folder.rmdir()


def test_zips_in_the_zip_are_unpacked(scene):
    before = [(r.name, r.pose.tolist()) for r in reader.read_split(scene, "train")]
    zip_sequences(scene)
    extract_sequences(scene)
    assert [(r.name, r.pose.tolist()) for r in reader.read_split(scene, "train")] == before
    assert not list(scene.glob("*.zip"))
    assert not list(scene.glob("*.incomplete"))


def test_interrupted_unpacking_is_finished_by_the_next(scene):
    zip_sequences(scene)
    half = scene / "seq-01.incomplete" / "seq-01"
    half.mkdir(parents=True)
    (half / "frame-000000.pose.txt").write_text("half a po")
    extract_sequences(scene)
    assert len(reader.read_split(scene, "train")) == 6


def test_of_two_at_a_time_the_second_waits(scene):
    zip_sequences(scene)
    with ThreadPoolExecutor(2) as pool:  # a lock keeps threads apart as it does processes
        with locked(scene, wait=True):
            others = [pool.submit(extract_sequences, scene) for _ in range(2)]
            time.sleep(0.2)
            assert not list(scene.glob("seq-??"))
        for other in others:
            other.result()
    assert len(reader.read_split(scene, "train")) == 6
    assert not list(scene.glob("seq-*.*"))


def test_damaged_archive_is_named_and_leaves_nothing(scene):
    zip_sequences(scene)
    archive = scene / "seq-01.zip"
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"seq-01\.zip is damaged"):
        extract_sequences(scene)
    assert not (scene / "seq-01").exists()
    assert not (scene / "seq-01.incomplete").exists()


def test_a_name_that_is_no_utf8_stops_or_is_skipped(scene):
    folder = os.fsencode(scene / "seq-01")
    for ending in (b".color.png", b".pose.txt"):
        shutil.copy(folder + b"/frame-000000" + ending, folder + b"/frame-\xff" + ending)
    with pytest.raises(UserError, match=r"frame-\\udcff' has a name that is no UTF-8"):
        reader.read_split(scene, "train")
    assert len(reader.read_split(scene, "train", skip_bad=True)) == 6


def test_damaged_member_of_an_archive(tmp_path):
    archive = tmp_path / "seq-01.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("frame-000000.pose.txt", "1 0 0 0")
    content = bytearray(archive.read_bytes())
    content[content.rindex(b"PK\1\2") + 8] |= 1  # "encrypted"
    archive.write_bytes(content)
    with pytest.raises(UserError, match=r"seq-01\.zip is damaged"):
        extract_sequences(tmp_path)
