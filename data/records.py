"""What a reader hands on for each image, and how a reader meets bad entries."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from absl import logging

from errors import UserError

SPLITS = ("train", "test")
FOLDS = 10  # of each class's training images, for validation
TEST_SEQUENCE = "test"  # of images that have no sequence and no fold


@dataclass(frozen=True)
class PoseRecord:
    """One image of a scene and the pose of its camera.

    Attributes:
        name: The image's path under the scene without its ending, such as `seq-01/frame-000000`;
            unique in the scene.
        image: The image file.
        sequence: The run of consecutive images that this one belongs to; validation holds out whole
            sequences, because neighbouring frames are near copies.
        pose: float64 [7], see `data.poses`.
    """

    name: str
    image: Path
    sequence: str
    pose: np.ndarray


@dataclass(frozen=True)
class SceneRecord:
    """One image and the category of the scene that it shows.

    Attributes:
        name: The image's path under the folder of all images without its ending, such as
            `kitchen/int474`; unique in the data set.
        image: The image file.
        sequence: Where validation holds it out: `fold-0` to `fold-9` for training images, each fold
            with its share of every category; `test` for test images.
        label: Place of its category among all categories in sorted order.
    """

    name: str
    image: Path
    sequence: str
    label: int


class BadEntries:
    """Stops at the first bad entry, or counts and logs bad entries and goes on.

    Attributes:
        count: Entries skipped so far.
    """

    def __init__(self, *, skip: bool) -> None:
        self.skip = skip
        self.count = 0

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Runs its body; a `UserError` in it is passed on or, when skipping, counted and logged."""
        try:
            yield
        except UserError as error:
            if not self.skip:
                raise
            self.count += 1
            logging.warning("Skipped: %s", error)

    def log_total(self, where: str) -> None:
        """Logs how many entries of `where` were skipped, if any."""
        if self.count:
            logging.warning("Skipped %d bad entries of %s", self.count, where)


def require_split(split: str) -> str:
    """Returns `split`.

    Raises:
        ValueError: It is neither `train` nor `test`.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, not {split!r}")
    return split


def require_file(path: Path, why: str) -> Path:
    """Returns `path`.

    Raises:
        UserError: There is no such file; the sentence ends on `why` it is needed.
    """
    if not os.path.isfile(path):  # false too of what no file can be called
        raise UserError(f"{path} is missing: {why}")
    return path


def read_text(path: Path, why: str) -> str:
    """Returns the text of a small annotation file.

    Raises:
        UserError: The file is missing, unreadable or not text.
    """
    try:
        return require_file(path, why).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as text ({error}): replace the file") from error


def listed_images(path: Path) -> list[tuple[int, str]]:
    """Returns number and content of the lines of a list of images that are not blank.

    Raises:
        UserError: As of `read_text`.
    """
    lines = read_text(path, "it must list the split's images, one a line").splitlines()
    numbered = enumerate(map(str.strip, lines), start=1)
    return [(number, line) for number, line in numbered if line]


def unique_names(files: Iterable[str]) -> dict[str, str]:
    """Returns the unique name of each listed file: its path without ending, if that is unique.

    Of files that differ in their ending alone, and of a file whose name without ending is another
    file's whole name, the ending is kept.
    """
    listed = set(files)
    paths = {file: PurePosixPath(file) for file in listed}
    stems = {file: (p.with_suffix("") if p.name else p).as_posix() for file, p in paths.items()}
    count = Counter(stems.values())
    return {
        file: file if count[stem] > 1 or stem in listed else stem for file, stem in stems.items()
    }


def require_inside(name: str, folder: Path, where: str) -> None:
    """Checks that a file as it is listed lies below a folder.

    Raises:
        UserError: It need not; the sentence begins with `where`, a file and line.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise UserError(f"{where}: {name} is outside {folder}: give its path below that folder")


def parse_numbers(words: list[str], count: int, where: str) -> np.ndarray:
    """Returns `count` numbers as float64 [count].

    Raises:
        UserError: There are more or fewer words, or one is not a number; the sentence begins with
            `where`, a file and line.
    """
    if len(words) != count:
        raise UserError(f"{where} holds {len(words)} values where {count} numbers belong: mend it")
    try:
        return np.array([float(word) for word in words])
    except ValueError as error:
        raise UserError(f"{where} holds a value that is not a number ({error}): mend it") from error
