"""From the original layouts to prepared scenes."""

import io
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image
from tensorflow_datasets.core.writer import Writer

from data import catalog, images, synthetic
from data.pipeline import load_split
from errors import UserError
from tests.data.writers import (
    cambridge_line,
    write_cambridge,
    write_image,
    write_seven_scenes,
    write_tum_lsi,
)

WRITERS = {
    ("7scenes", "chess"): lambda root: write_seven_scenes(root / "7scenes", size=(320, 240)),
    ("cambridge", "ShopFacade"): lambda root: write_cambridge(root / "cambridge"),
    ("tum_lsi", "tum_lsi"): lambda root: write_tum_lsi(root / "tum_lsi"),
}


@pytest.fixture
def copies(tmp_path, monkeypatch):
    """The folder where prepared copies go."""
    folder = tmp_path / "tfds"
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def chess(tmp_path, copies):
    return write_seven_scenes(tmp_path / "data" / "7scenes", train=(1,), frames=2)


def prepare_chess(chess, **kwargs):
    return catalog.prepare("7scenes", "chess", str(chess.parent.parent), **kwargs)


def elements(prepared, split):
    return list(prepared.examples(split).as_numpy_iterator())


@pytest.mark.parametrize(("dataset", "scene"), WRITERS)
def test_prepared_scene_holds_what_the_reader_reads(tmp_path, copies, dataset, scene):
    scene_dir = WRITERS[dataset, scene](tmp_path)
    prepared = catalog.prepare(dataset, scene, str(tmp_path))
    for split in ("train", "test"):
        records = catalog.DATASETS[dataset].reader.read_split(scene_dir, split)
        examples = elements(prepared, split)
        assert [e["name"].decode() for e in examples] == [r.name for r in records]
        assert [e["sequence"].decode() for e in examples] == [r.sequence for r in records]
        assert prepared.size(split) == len(records)
        assert prepared.sequences(split) == list(dict.fromkeys(r.sequence for r in records))
        for example, record in zip(examples, records, strict=True):
            assert example["pose"].dtype == np.float64
            np.testing.assert_array_equal(example["pose"], record.pose)
            expected = images.resize_short_side(images.decode_rgb(record.image))
            assert min(expected.shape[:2]) == 256
            stored = Image.open(io.BytesIO(example["image"]))
            assert stored.format == "PNG"
            np.testing.assert_array_equal(np.asarray(stored), expected)


def test_same_files_are_prepared_once(chess, copies):
    first = prepare_chess(chess).builder
    changed = os.stat(first.data_path).st_mtime_ns
    second = prepare_chess(chess).builder
    assert second.data_path == first.data_path
    assert os.stat(second.data_path).st_mtime_ns == changed


def test_data_dir_is_only_read(chess, copies):
    before = {p: p.stat().st_mtime_ns for p in chess.parent.parent.rglob("*")}
    prepare_chess(chess)
    assert {p: p.stat().st_mtime_ns for p in chess.parent.parent.rglob("*")} == before


def shift_pose(chess):
    path = chess / "seq-02" / "frame-000000.pose.txt"
    matrix = np.loadtxt(path)
    matrix[0, 3] += 1
    np.savetxt(path, matrix, fmt="%.8e")


def touch_image(chess):
    path = chess / "seq-01" / "frame-000000.color.png"
    time = path.stat().st_mtime_ns + 1_000_000
    os.utime(path, ns=(time, time))


def add_frame(chess):
    write_image(chess / "seq-01" / "frame-000002.color.png")
    pose = chess / "seq-01" / "frame-000001.pose.txt"
    (chess / "seq-01" / "frame-000002.pose.txt").write_text(pose.read_text())


def swap_splits(chess):
    (chess / "TrainSplit.txt").write_text("sequence2\n")
    (chess / "TestSplit.txt").write_text("sequence1\n")


@pytest.mark.parametrize("change", [shift_pose, touch_image, add_frame, swap_splits])
def test_any_change_of_a_file_changes_the_fingerprint(chess, change):
    entry = catalog.DATASETS["7scenes"]
    before = catalog.fingerprint(entry, chess, skip_bad=False)
    assert catalog.fingerprint(entry, chess, skip_bad=False) == before
    change(chess)
    assert catalog.fingerprint(entry, chess, skip_bad=False) != before


def test_fingerprint_tells_folders_and_skipping_apart(tmp_path, chess):
    entry = catalog.DATASETS["7scenes"]
    before = catalog.fingerprint(entry, chess, skip_bad=False)
    assert catalog.fingerprint(entry, chess, skip_bad=True) != before
    chess.rename(tmp_path / "chess")
    assert catalog.fingerprint(entry, tmp_path / "chess", skip_bad=False) != before


def test_changed_pose_is_prepared_anew(chess, copies):
    before = elements(prepare_chess(chess), "test")[0]["pose"]
    shift_pose(chess)
    after = elements(prepare_chess(chess), "test")[0]["pose"]
    np.testing.assert_allclose(after - before, [1, 0, 0, 0, 0, 0, 0], atol=1e-6)


def test_truncated_image_stops_with_one_sentence_and_leaves_no_copy(chess, copies):
    image = chess / "seq-01" / "frame-000001.color.png"
    image.write_bytes(image.read_bytes()[:-1500])
    with pytest.raises(UserError, match=r"frame-000001\.color\.png does not decode") as raised:
        prepare_chess(chess)
    assert "\n" not in str(raised.value)
    assert not list(copies.rglob("*1.0.0"))


def test_truncated_image_is_skipped_on_request(chess, copies):
    image = chess / "seq-01" / "frame-000001.color.png"
    image.write_bytes(image.read_bytes()[:-1500])
    prepared = prepare_chess(chess, skip_bad=True)
    assert prepared.size("train") == 1
    assert [e["name"] for e in elements(prepared, "train")] == [b"seq-01/frame-000000"]


def test_no_image_left(chess, copies):
    for image in (chess / "seq-01").glob("*.color.png"):
        image.write_text("no image")
    with pytest.raises(UserError, match="chess has no train image that decodes"):
        prepare_chess(chess, skip_bad=True)


def test_interrupted_preparation_is_not_used_later(chess, copies, monkeypatch):
    calls = []

    def stop_at_the_second(image, short_side=256):
        calls.append(image)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return image

    with monkeypatch.context() as patch:
        patch.setattr(images, "resize_short_side", stop_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            prepare_chess(chess)
    prepared = prepare_chess(chess)
    assert len(elements(prepared, "train")) == prepared.size("train") == 2


def test_leftover_of_a_killed_preparation_does_no_harm(chess, copies):
    entry = catalog.DATASETS["7scenes"]
    copy = copies / "whatwhere" / catalog.fingerprint(entry, chess, skip_bad=False)
    # What TFDS leaves behind when its process is killed.
    leftover = copy / "seven_scenes" / "chess" / "incomplete.ABCDEF_1.0.0"
    leftover.mkdir(parents=True)
    (leftover / "seven_scenes-train.tfrecord-00000-of-00001").write_bytes(b"half")
    assert len(elements(prepare_chess(chess), "train")) == 2


def test_bad_pose_comes_out_as_it_is(chess, copies):
    (chess / "seq-02" / "frame-000001.pose.txt").write_text("nan " * 16)
    with pytest.raises(UserError, match=r"frame-000001\.pose\.txt: the pose is not finite"):
        prepare_chess(chess)


def test_image_in_both_splits(chess, copies):
    (chess / "TestSplit.txt").write_text("sequence1\nsequence2\n")
    with pytest.raises(UserError, match="lists 2 images, such as seq-01/frame-000000, for train"):
        prepare_chess(chess)


def test_image_listed_twice(tmp_path, copies):
    lines = write_cambridge(tmp_path / "cambridge") / "dataset_train.txt"
    lines.write_text(lines.read_text() + lines.read_text().splitlines()[-1] + "\n")
    with pytest.raises(UserError, match=r"1 images, such as seq\S+, more than once in the train"):
        catalog.prepare("cambridge", "ShopFacade", str(tmp_path))


def test_photographs_of_ones_own(tmp_path, copies):
    write_seven_scenes(tmp_path / "7scenes", scene="my kitchen", train=(1,), frames=1)
    prepared = catalog.prepare("7scenes", "my kitchen", str(tmp_path))
    assert prepared.sequences("train") == ["seq-01"]


UNKNOWN = [
    ("8scenes", "chess", r"--dataset=8scenes is unknown: choose one of synthetic, 7scenes"),
    ("7scenes", "kitchen", r"--scene=kitchen is not in 7scenes: .*redkitchen, stairs"),
    ("7scenes", "../7scenes/chess", r"--scene=\.\./7scenes/chess is not in 7scenes"),
    ("7scenes", "..", r"--scene=\.\. is not in 7scenes"),
    ("7scenes", "", r"--scene= is not in 7scenes"),
    ("cambridge", "chess", r"--scene=chess is not in cambridge: .*KingsCollege"),
    ("synthetic", "chess", r"--scene=chess is not in synthetic: choose one of room"),
]


@pytest.mark.parametrize(("dataset", "scene", "message"), UNKNOWN)
def test_unknown_names_list_the_choices(chess, dataset, scene, message):
    with pytest.raises(UserError, match=message):
        catalog.prepare(dataset, scene, str(chess.parent.parent))


MISSING = [
    (
        "7scenes",
        "fire",
        r"7scenes/fire is missing: download http://.*/fire\.zip and unpack it, with",
    ),
    ("cambridge", "Street", r"cambridge/Street is missing: download https://.*/251292/Street\.zip"),
    ("tum_lsi", "tum_lsi", r"tum_lsi is missing: .*NavVis-Indoor-Dataset .*tum-lsi_train\.txt"),
]


@pytest.mark.parametrize(("dataset", "scene", "message"), MISSING)
def test_missing_data_set_says_what_to_fetch(chess, dataset, scene, message):
    with pytest.raises(UserError, match=message):
        catalog.prepare(dataset, scene, str(chess.parent.parent))


def test_tum_lsi_is_never_downloaded(copies):
    with pytest.raises(UserError, match="TUM-LSI is given on request"):
        catalog.prepare("tum_lsi", "tum_lsi", None)


def test_copies_cannot_be_written(chess, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"chess cannot be prepared under .*set TFDS_DATA_DIR"):
        prepare_chess(chess)


def test_synthetic_room_is_rendered_once_per_seed(tmp_path, copies, monkeypatch):
    seeds = []

    def write_room(root, *, seed):
        seeds.append(seed)
        return write_seven_scenes(root, scene="room", train=(1 + seed,), test=(9,), frames=1)

    monkeypatch.setattr(synthetic, "write_room", write_room)
    # A room that lies in the data folder is not taken for it.
    write_seven_scenes(tmp_path / "synthetic", scene="room")
    first = catalog.prepare("synthetic", "room", str(tmp_path), seed=0)
    again = catalog.prepare("synthetic", "room", None, seed=0)
    other = catalog.prepare("synthetic", "room", None, seed=1)
    assert seeds == [0, 1]
    assert first.sequences("train") == again.sequences("train") == ["seq-01"]
    assert other.sequences("train") == ["seq-02"]


def test_interrupted_rendering_is_not_used_later(copies, monkeypatch):
    def stop(root, *, seed):
        write_seven_scenes(root, scene="room", train=(1,), test=(2,), frames=1)
        raise KeyboardInterrupt

    monkeypatch.setattr(synthetic, "write_room", stop)
    with pytest.raises(KeyboardInterrupt):
        catalog.prepare("synthetic", "room", None)
    assert not list((copies / "whatwhere" / "synthetic").iterdir())


@pytest.mark.parametrize("name", ["7scenes", "cambridge", "tum_lsi"])
def test_builders_name_their_licence_and_a_configuration_per_scene(name):
    entry = catalog.DATASETS[name]
    assert tuple(entry.builder.builder_configs) == entry.scenes
    assert issubclass(entry.builder, tfds.core.GeneratorBasedBuilder)
    assert entry.builder.LICENSE.endswith(".")


def damage_record(copy):
    path = next(copy.glob("*-train.tfrecord*"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def take_last_record(copy):
    path = next(copy.glob("*-train.tfrecord*"))
    content = path.read_bytes()
    path.write_bytes(content[: 16 + int.from_bytes(content[:8], "little")])


DAMAGES = {
    "a bit": damage_record,
    "a record": take_last_record,
    "a file": lambda copy: next(copy.glob("*-train.tfrecord*")).unlink(),
    "no description": lambda copy: (copy / "dataset_info.json").unlink(),
    "half a description": lambda copy: (copy / "dataset_info.json").write_text("{"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_copy(chess, damage):
    copy = prepare_chess(chess).builder.data_path
    DAMAGES[damage](copy)
    with pytest.raises(UserError, match=f"the prepared copy {copy} is damaged: delete it"):
        load_split(prepare_chess(chess), "train", 64)
    shutil.rmtree(copy)
    assert len(load_split(prepare_chess(chess), "train", 64)) == 2


def test_full_disk(chess, copies, monkeypatch):
    def full(self, *arguments):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(Writer, "finalize", full)
    with pytest.raises(UserError, match=r"chess cannot be prepared .*No space.*: free space there"):
        prepare_chess(chess)


def test_names_that_no_file_can_have(chess):
    long = "x" * 300
    for dataset, scene, data_dir in (
        ("7scenes", long, str(chess.parent.parent)),
        ("mit67", "mit67", long),
    ):
        with pytest.raises(UserError, match="x cannot be read: File name too long"):
            catalog.prepare(dataset, scene, data_dir)


@pytest.mark.parametrize("name", [".", "/", "x" * 300, "./seq1/frame00001.png"])
def test_lines_that_name_no_image_of_their_own(tmp_path, copies, name):
    lines = write_cambridge(tmp_path / "cambridge") / "dataset_test.txt"
    lines.write_text(lines.read_text() + cambridge_line(name, 3) + "\n")
    with pytest.raises(UserError, match=r"is missing|is outside|for train"):
        catalog.prepare("cambridge", "ShopFacade", str(tmp_path))
