"""Reads a data set in the layout of MIT-67 Indoor Scenes (Quattoni and Torralba, CVPR 2009).

```
Images/<category>/<file>
TrainImages.txt, TestImages.txt     lines `<category>/<file>`; file names may hold spaces
```
"""

import os
from collections import Counter
from pathlib import Path

from data.records import (
    FOLDS,
    TEST_SEQUENCE,
    BadEntries,
    SceneRecord,
    listed_images,
    require_split,
    unique_names,
)
from errors import UserError

IMAGES = "Images"
SPLIT_FILES = {"train": "TrainImages.txt", "test": "TestImages.txt"}


def read_split(scene_dir: Path, split: str, skip_bad: bool = False) -> list[SceneRecord]:
    """Returns the records of one split in the order of its list.

    The n-th training image of a category, in the order of the list and counted from 0, belongs to
    fold n modulo 10: each fold has its share of every category. Images that are skipped are counted
    too, so that they move no other image to another fold.

    Args:
        scene_dir: Folder of the data set.
        split: `train` or `test`.
        skip_bad: Whether to count and log bad entries instead of stopping at the first.

    Raises:
        UserError: A list or an image is missing, a line is bad, or a category has no training
            image; the last also if bad entries are skipped and nothing is left of a category.
    """
    path = scene_dir / SPLIT_FILES[require_split(split)]
    bad = BadEntries(skip=skip_bad)
    classes = read_classes(scene_dir)
    names = unique_names(_entries(scene_dir))
    if not (scene_dir / IMAGES).is_dir():
        raise UserError(
            f"{scene_dir / IMAGES} is missing: it must hold a folder of images for each category"
        )
    records = []
    seen: Counter[str] = Counter()
    for number, listed in read_list(path, bad):
        category = listed.partition("/")[0]
        fold = f"fold-{seen[category] % FOLDS}"
        seen[category] += 1
        image = scene_dir / IMAGES / listed
        with bad.guard():
            if category not in classes:
                raise UserError(
                    f"{path}, line {number}: {SPLIT_FILES['train']} lists no image of the category "
                    f"{category}: list some there, or take the line out"
                )
            if not os.path.isfile(image):  # False too of what no file can be called.
                raise UserError(f"{path}, line {number}: {image} is missing")
            records.append(
                SceneRecord(
                    name=names[listed],
                    image=image,
                    sequence=fold if split == "train" else TEST_SEQUENCE,
                    label=classes.index(category),
                )
            )
    if split == "train":
        _require_training_images(scene_dir / IMAGES, path, classes, bad)
        _require_every_class(path, classes, records)
    bad.log_total(str(path))
    if not records:
        raise _no_usable_image(path)
    return records


def read_classes(scene_dir: Path) -> tuple[str, ...]:
    """Returns the categories of the training list, sorted: a label is a place among them.

    Lines of another form are passed over; `read_split` complains of them.

    Raises:
        UserError: The list is missing or holds no image.
    """
    path = scene_dir / SPLIT_FILES["train"]
    classes = {line.partition("/")[0] for _, line in listed_images(path) if _is_entry(line)}
    if not classes:
        raise _no_usable_image(path)
    return tuple(sorted(classes))


def read_list(path: Path, bad: BadEntries) -> list[tuple[int, str]]:
    """Returns number and content, `<category>/<file>`, of every good line of a list.

    Raises:
        UserError: The list is missing, or a line is bad, or the same as one before it, and `bad`
            stops.
    """
    lines: dict[str, int] = {}
    for number, line in listed_images(path):
        with bad.guard():
            if not _is_entry(line):
                raise UserError(
                    f"{path}, line {number}: {line!r} is not like `category/file.jpg`, a file of a "
                    f"category's folder in {IMAGES}"
                )
            if line in lines:
                raise UserError(
                    f"{path}, line {number}: {line} stands in line {lines[line]} already: take one "
                    "of them out"
                )
            lines[line] = number
    return [(number, line) for line, number in lines.items()]


def source_files(scene_dir: Path) -> list[Path]:
    """Returns every file that the records come from, in a fixed order.

    Raises:
        UserError: A list is missing.
    """
    lists = [scene_dir / name for name in SPLIT_FILES.values()]
    return lists + [scene_dir / IMAGES / line for line in _entries(scene_dir)]


def _is_entry(line: str) -> bool:
    """Whether a line names a file of a folder of `Images`, and nothing outside."""
    category, _, file = line.partition("/")
    return (
        all(part not in ("", ".", "..") for part in (category, file))
        and category == category.strip()
        and "/" not in file
        and "\\" not in line
    )


def _entries(scene_dir: Path) -> list[str]:
    """Returns the good lines of both lists."""
    paths = [scene_dir / name for name in SPLIT_FILES.values()]
    return [line for path in paths for _, line in listed_images(path) if _is_entry(line)]


def _require_training_images(
    images: Path, path: Path, classes: tuple[str, ...], bad: BadEntries
) -> None:
    """Checks that every category's folder is known from the training list, `path`."""
    for folder in sorted(images.iterdir()):
        if folder.is_dir() and folder.name not in classes and not folder.name.startswith("."):
            with bad.guard():
                raise UserError(
                    f"{folder} is a category without training images: list some of them in {path}, "
                    "or move the folder away"
                )


def _require_every_class(path: Path, classes: tuple[str, ...], records: list[SceneRecord]) -> None:
    """Checks that bad entries, if skipped, have left something of every category."""
    empty = set(range(len(classes))) - {record.label for record in records}
    if empty:
        raise UserError(
            f"{path} lists no usable image of the category {classes[min(empty)]}: restore some, or "
            "take the category out of both lists"
        )


def _no_usable_image(path: Path) -> UserError:
    return UserError(f"{path} lists no usable image: add lines `category/file.jpg`")
