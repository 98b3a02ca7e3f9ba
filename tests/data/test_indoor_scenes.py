"""The reader of MIT-67 and 15 Scenes."""

import pytest

from data.indoor_scenes import reader
from data.pipeline import held_out
from errors import UserError
from tests.data.writers import write_indoor_scenes


@pytest.fixture
def scene(tmp_path):
    return write_indoor_scenes(tmp_path)


def lines_of(scene, name="TrainImages.txt"):
    return (scene / name).read_text().splitlines()


def write_lines(scene, lines, name="TrainImages.txt"):
    (scene / name).write_text("".join(f"{line}\n" for line in lines))


def test_records(scene):
    # The lists go through office, bakery and kitchen in turn; sorted, bakery comes first.
    assert reader.read_classes(scene) == ("bakery", "kitchen", "office")
    train = reader.read_split(scene, "train")
    test = reader.read_split(scene, "test")
    assert [record.label for record in train] == [2, 0, 1] * 3
    assert [record.label for record in test] == [2, 0, 1] * 2
    assert [record.name for record in train[:4]] == [
        "office/office 00",
        "bakery/bakery 00",
        "kitchen/kitchen 00",
        "office/office 01",
    ]
    assert [record.sequence for record in train] == [
        f"fold-{fold}" for fold in (0, 0, 0, 1, 1, 1, 2, 2, 2)
    ]
    assert {record.sequence for record in test} == {"test"}
    assert all(record.image.is_file() for record in train + test)


def test_fold_is_the_place_within_the_category_modulo_ten(tmp_path):
    scene = write_indoor_scenes(tmp_path, ("b", "a"), train=12, test=1)
    lines = lines_of(scene)
    # All of b, then all of a: the place in the list would give other folds.
    write_lines(scene, sorted(lines, reverse=True))
    sequences = [record.sequence for record in reader.read_split(scene, "train")]
    assert sequences == [f"fold-{fold}" for fold in (*range(10), 0, 1) * 2]


@pytest.mark.parametrize(("fraction", "images_of_each"), [(0.1, 3), (0.2, 6), (0.9, 27)])
def test_validation_has_its_share_of_every_category(tmp_path, fraction, images_of_each):
    scene = write_indoor_scenes(tmp_path, ("a", "b"), train=30, test=1, size=(4, 3))
    records = reader.read_split(scene, "train")
    aside = held_out(list(dict.fromkeys(record.sequence for record in records)), fraction)
    labels = [record.label for record in records if record.sequence in aside]
    assert [labels.count(label) for label in (0, 1)] == [images_of_each] * 2


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.25, 0.5, 0.9, 0.99])
def test_every_category_stays_in_training(fraction):
    # A category of a single image has it in fold 0.
    assert "fold-0" not in held_out([f"fold-{fold}" for fold in range(10)], fraction)


def test_endings_are_kept_where_names_would_be_the_same(scene):
    folder = scene / "Images" / "office"
    # The last one without its ending has the whole name of the first.
    names = ["office 00.png", "office 01.gif", "office 00.jpg.gif", "plain"]
    for name in names:
        (folder / name).write_bytes((folder / "office 00.jpg").read_bytes())
    train = [f"office/{name}" for name in (*names[:1], *names[2:])]
    write_lines(scene, lines_of(scene) + train)
    # Alike but for the ending, across the two lists.
    write_lines(scene, ["office/office 01.gif", "bakery/bakery 03.jpg"], "TestImages.txt")
    records = {split: reader.read_split(scene, split) for split in ("train", "test")}
    names = [record.name for split in records for record in records[split]]
    assert len(names) == len(set(names))
    assert [name for name in names if name.startswith("office/")] == [
        "office/office 00.jpg",
        "office/office 01.jpg",
        "office/office 02",
        "office/office 00.png",
        "office/office 00.jpg.gif",
        "office/plain",
        "office/office 01.gif",
    ]


BAD_LINES = {
    "parent": "../office/office 00.jpg",
    "parent's file": "office/..",
    "parent in between": "office/../bakery/bakery 00.jpg",
    "absolute": "/etc/passwd",
    "here": "./office 00.jpg",
    "no category": "office 00.jpg",
    "no file": "office/",
    "folder in the category": "office/small/office 00.jpg",
    "Windows": "office\\office 00.jpg",
    "Windows' parent": "..\\..\\office/office 00.jpg",
    "blank category": "office /office 00.jpg",
}


@pytest.mark.parametrize("case", BAD_LINES)
def test_bad_line_stops_or_is_skipped(scene, case):
    lines = lines_of(scene)
    write_lines(scene, [*lines[:4], BAD_LINES[case], *lines[4:]])
    with pytest.raises(UserError, match=r"TrainImages\.txt, line 5: .* is not like `category/file"):
        reader.read_split(scene, "train")
    assert len(reader.read_split(scene, "train", skip_bad=True)) == 9
    listed = reader.source_files(scene)
    assert len(listed) == 2 + 9 + 6
    assert all(path.resolve().is_relative_to(scene.resolve()) for path in listed)


def test_image_listed_twice(scene):
    write_lines(scene, [*lines_of(scene), "bakery/bakery 00.jpg"])
    with pytest.raises(UserError, match=r"line 10: bakery/bakery 00\.jpg stands in line 2 already"):
        reader.read_split(scene, "train")
    assert len(reader.read_split(scene, "train", skip_bad=True)) == 9


@pytest.mark.parametrize("name", ["office 00.jpg", "o" * 300])
def test_missing_image_moves_no_other_to_another_fold(scene, name):
    lines = lines_of(scene)
    write_lines(scene, [f"office/{name}", *lines[1:]])
    (scene / "Images" / "office" / "office 00.jpg").unlink()
    with pytest.raises(UserError, match=rf"TrainImages\.txt, line 1: .*office/{name} is missing"):
        reader.read_split(scene, "train")
    records = reader.read_split(scene, "train", skip_bad=True)
    assert [record.sequence for record in records if record.label == 2] == ["fold-1", "fold-2"]


def test_category_without_training_images(scene):
    write_lines(scene, [line for line in lines_of(scene) if not line.startswith("kitchen")])
    with pytest.raises(UserError, match=r"Images/kitchen is a category without training images"):
        reader.read_split(scene, "train")
    with pytest.raises(
        UserError, match=r"TestImages\.txt, line 3: TrainImages\.txt lists no image of .* kitchen"
    ):
        reader.read_split(scene, "test")
    for split, labels in (("train", [1, 0] * 3), ("test", [1, 0] * 2)):
        records = reader.read_split(scene, split, skip_bad=True)
        assert [record.label for record in records] == labels


def test_nothing_left_of_a_category(scene):
    for image in (scene / "Images" / "kitchen").iterdir():
        image.unlink()
    with pytest.raises(UserError, match=r"TrainImages\.txt lists no usable image of .* kitchen"):
        reader.read_split(scene, "train", skip_bad=True)


def test_what_else_lies_about_does_no_harm(scene):
    (scene / "Images" / ".thumbnails").mkdir()
    (scene / "Images" / "README").write_text("not a category")
    (scene / "Images" / "office" / "unlisted.jpg").write_text("not used")
    assert len(reader.read_split(scene, "train")) == 9


@pytest.mark.parametrize("name", ["TrainImages.txt", "TestImages.txt"])
def test_empty_and_missing_list(scene, name):
    split = "train" if name.startswith("Train") else "test"
    (scene / name).write_text("\n\n")
    with pytest.raises(UserError, match=rf"{name} lists no usable image: add lines"):
        reader.read_split(scene, split)
    (scene / name).unlink()
    with pytest.raises(UserError, match=rf"{name} is missing"):
        reader.read_split(scene, split)


def test_missing_images(scene):
    (scene / "Images").rename(scene / "Pictures")
    with pytest.raises(UserError, match=r"Images is missing: it must hold a folder"):
        reader.read_split(scene, "train")
