"""Reads a scene in the layout of 7-Scenes (Shotton et al., CVPR 2013).

```
<scene>/TrainSplit.txt, TestSplit.txt        lines `sequenceN`
<scene>/seq-XX/frame-NNNNNN.color.png        640 x 480; recompressed copies carry .color.jpg
<scene>/seq-XX/frame-NNNNNN.pose.txt         4 x 4 matrix, camera-to-world, metres
```

Depth images may lie beside them and are not read. The same layout serves photographs of one's own.
"""

import re
from pathlib import Path

import numpy as np

from data import poses
from data.records import BadEntries, PoseRecord, parse_numbers, read_text, require_split
from errors import UserError

SPLIT_FILES = {"train": "TrainSplit.txt", "test": "TestSplit.txt"}
# The order in which endings are tried when a frame has several.
COLOR_SUFFIXES = (".color.png", ".color.jpg", ".color.jpeg")
POSE_SUFFIX = ".pose.txt"


def read_split(scene_dir: Path, split: str, skip_bad: bool = False) -> list[PoseRecord]:
    """Returns the records of one split, in the order of the split file and of the frame numbers.

    Args:
        scene_dir: Folder of the scene.
        split: `train` or `test`.
        skip_bad: Whether to count and log bad frames instead of stopping at the first.

    Raises:
        UserError: A file is missing or bad, or the split has no frames.
    """
    bad = BadEntries(skip=skip_bad)
    records = []
    for sequence in read_sequence_names(scene_dir, split):
        with bad.guard():
            for frame in _frames(scene_dir, sequence):
                with bad.guard():
                    records.append(_read_frame(scene_dir / sequence / frame, sequence))
    bad.log_total(f"{scene_dir / SPLIT_FILES[split]}")
    if not records:
        raise UserError(
            f"{scene_dir / SPLIT_FILES[split]} leads to no usable frame: check its sequences"
        )
    return records


def read_sequence_names(scene_dir: Path, split: str) -> list[str]:
    """Returns the sequence folders that a split lists, such as `seq-01` for `sequence1`.

    Raises:
        UserError: The split file is missing, empty or holds another kind of line.
    """
    require_split(split)
    path = scene_dir / SPLIT_FILES[split]
    text = read_text(path, "it must list the split's sequences, one `sequenceN` a line")
    names = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = re.fullmatch(r"sequence(\d+)", line.strip())
        if match is None:
            raise UserError(f"{path}, line {number}: {line.strip()!r} is not like `sequence1`")
        names.append(f"seq-{int(match[1]):02d}")
    if not names:
        raise UserError(f"{path} lists no sequences: add lines such as `sequence1`")
    return list(dict.fromkeys(names))


def read_pose(path: Path) -> np.ndarray:
    """Returns the pose float64 [7] of a file with a 4 x 4 camera-to-world matrix.

    Raises:
        UserError: The file is missing, does not hold 16 numbers or holds no rigid transform.
    """
    words = read_text(path, "each colour image needs its pose file").split()
    matrix = parse_numbers(words, 16, str(path)).reshape(4, 4)
    try:
        return poses.pose_from_matrix(matrix)
    except ValueError as error:
        raise UserError(f"{path}: {error}; mend the pose, or pass --skip_bad") from error


def source_files(scene_dir: Path) -> list[Path]:
    """Returns every file that the scene's records come from, in a fixed order.

    Raises:
        UserError: A split file is missing or bad.
    """
    files = [scene_dir / name for name in SPLIT_FILES.values()]
    for split in SPLIT_FILES:
        for sequence in read_sequence_names(scene_dir, split):
            folder = scene_dir / sequence
            if folder.is_dir():
                files += sorted(
                    path
                    for path in folder.iterdir()
                    if path.name.endswith((POSE_SUFFIX, *COLOR_SUFFIXES))
                )
    return files


def _frames(scene_dir: Path, sequence: str) -> list[str]:
    """Returns the sorted frame names of a sequence that have an image, a pose or both."""
    folder = scene_dir / sequence
    if not folder.is_dir():
        archive = folder.with_suffix(".zip")
        if archive.is_file():
            raise UserError(f"{folder} is missing: unpack {archive}")
        raise UserError(f"{folder} is missing, but a split file lists it: restore the sequence")
    endings = (POSE_SUFFIX, *COLOR_SUFFIXES)
    frames = {
        path.name.removesuffix(ending)
        for path in folder.iterdir()
        for ending in endings
        if path.name.endswith(ending)
    }
    if not frames:
        raise UserError(f"{folder} holds no frames (NAME.color.png with NAME.pose.txt)")
    return sorted(frames)


def _read_frame(stem: Path, sequence: str) -> PoseRecord:
    """Returns the record of the frame whose files begin with `stem`."""
    try:
        stem.name.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{str(stem)!a} has a name that is no UTF-8: rename it") from error
    images = [stem.with_name(stem.name + suffix) for suffix in COLOR_SUFFIXES]
    image = next((path for path in images if path.is_file()), None)
    if image is None:
        raise UserError(f"{images[0]} is missing (nor is there a .jpg), but its pose file is there")
    pose = read_pose(stem.with_name(stem.name + POSE_SUFFIX))
    return PoseRecord(name=f"{sequence}/{stem.name}", image=image, sequence=sequence, pose=pose)
