"""The published lists of MIT-67, and the photographs of 15 Scenes.

Reads the folder named by the environment variable WHATWHERE_DATA, which holds `annotations/mit67`
(lists without images) and `scenes15`.
"""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from data import images
from data.indoor_scenes import reader

ROOT = Path(os.environ.get("WHATWHERE_DATA", "/nonexistent"))
MIT67 = ROOT / "annotations" / "mit67"
SCENES15 = ROOT / "scenes15"


@pytest.fixture
def mit67(tmp_path):
    """The lists, with an empty file for each image."""
    if not MIT67.is_dir():
        pytest.skip("WHATWHERE_DATA does not name a folder with annotations/mit67/")
    for name in reader.SPLIT_FILES.values():
        (tmp_path / name).write_bytes((MIT67 / name).read_bytes())
    for path in reader.source_files(tmp_path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.fixture
def scenes15():
    if not SCENES15.is_dir():
        pytest.skip("WHATWHERE_DATA holds no scenes15/")
    return SCENES15


def images_of_each(records):
    return sorted(set(Counter(record.label for record in records).values()))


def test_mit67_counts(mit67):
    train, test = (reader.read_split(mit67, split) for split in ("train", "test"))
    classes = reader.read_classes(mit67)
    assert (len(train), len(test), len(classes)) == (5360, 1340, 67)
    assert (classes[0], classes[-1]) == ("airport_inside", "winecellar")
    assert {record.label for record in train} == {record.label for record in test} == {*range(67)}
    # 80 and 20 a category, says the data set's page; not quite.
    assert (images_of_each(train)[0], images_of_each(train)[-1]) == (77, 83)
    assert (images_of_each(test)[0], images_of_each(test)[-1]) == (17, 23)
    names = [record.name for record in train + test]
    assert len(set(names)) == 6700
    assert names[0] == "gameroom/bt_132294gameroom2"


def test_mit67_folds_hold_a_tenth_of_every_category(mit67):
    records = reader.read_split(mit67, "train")
    assert {record.sequence for record in records} == {f"fold-{fold}" for fold in range(10)}
    for fold in range(10):
        labels = Counter(r.label for r in records if r.sequence == f"fold-{fold}")
        assert len(labels) == 67
        assert set(labels.values()) <= {7, 8, 9}


def test_scenes15_counts(scenes15):
    train, test = (reader.read_split(scenes15, split) for split in ("train", "test"))
    assert (len(train), len(test), len(reader.read_classes(scenes15))) == (1500, 1495, 15)
    assert images_of_each(train) == [100]
    folds = Counter((record.label, record.sequence) for record in train)
    assert len(folds) == 150
    assert set(folds.values()) == {10}


def test_scenes15_images_are_squares_of_rgb(scenes15):
    for record in reader.read_split(scenes15, "train")[::150]:
        image = images.resize_square(images.decode_rgb(record.image, upright=True))
        assert image.shape == (256, 256, 3)
        assert image.dtype == np.uint8
        assert image.std() > 10
