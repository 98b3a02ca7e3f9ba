"""Reads a scene in the layout of Cambridge Landmarks (Kendall et al., ICCV 2015).

```
<Scene>/dataset_train.txt, dataset_test.txt    3 header lines, then `path x y z w p q r`
<Scene>/seq1/frame00001.png                    1920 x 1080
```

x y z is the camera centre in metres, w p q r the quaternion of the world-to-camera rotation: only
read so are the cameras held level, in the scenes whose z axis points up. Some quaternions, most of
them in Street, are up to 2 long; they are normalised.
"""

import os
from pathlib import Path, PurePosixPath

import numpy as np
from absl import logging

from data import poses
from data.records import (
    BadEntries,
    PoseRecord,
    parse_numbers,
    read_text,
    require_inside,
    require_split,
    unique_names,
)
from errors import UserError

SPLIT_FILES = {"train": "dataset_train.txt", "test": "dataset_test.txt"}
HEADER_LINES = 3
# A camera further than this from the median camera of its split is a failure of the
# reconstruction: the largest scene, Street, reaches 270 m. GreatCourt has one at 3e9 m.
LARGEST_PLAUSIBLE_DISTANCE_M = 10_000.0


def read_split(scene_dir: Path, split: str, skip_bad: bool = False) -> list[PoseRecord]:
    """Returns the records of one split in the order of its list.

    Frames with an implausible position are dropped, with a warning, whatever `skip_bad` says.

    Args:
        scene_dir: Folder of the scene.
        split: `train` or `test`.
        skip_bad: Whether to count and log bad lines instead of stopping at the first.

    Raises:
        UserError: The list or an image is missing, or a line is bad.
    """
    require_split(split)
    path = scene_dir / SPLIT_FILES[split]
    bad = BadEntries(skip=skip_bad)
    records = []
    names = unique_names(_listed(scene_dir))
    for number, image, pose in drop_implausible(read_poses(path, bad), path):
        with bad.guard():
            require_inside(image, scene_dir, f"{path}, line {number}")
            if not os.path.isfile(scene_dir / image):
                raise UserError(f"{path}, line {number}: {scene_dir / image} is missing")
            records.append(
                PoseRecord(
                    name=names[image],
                    image=scene_dir / image,
                    sequence=Path(image).parent.as_posix(),
                    pose=pose,
                )
            )
    bad.log_total(str(path))
    if not records:
        raise UserError(f"{path} lists no usable image: add lines `path x y z w p q r`")
    return records


def read_poses(path: Path, bad: BadEntries) -> list[tuple[int, str, np.ndarray]]:
    """Returns line number, image path as listed and pose [7] of every good line of a list.

    Raises:
        UserError: The list is missing or has another header, or a line is bad and `bad` stops.
    """
    entries = []
    for number, words in _lines(path):
        where = f"{path}, line {number}"
        with bad.guard():
            numbers = parse_numbers(words[1:], 7, where)
            try:
                pose = poses.pose_from_world_to_camera_quaternion(numbers[:3], numbers[3:])
            except ValueError as error:
                raise UserError(f"{where}: {error}; mend the line, or pass --skip_bad") from error
            entries.append((number, words[0], pose))
    return entries


def drop_implausible(
    entries: list[tuple[int, str, np.ndarray]], path: Path
) -> list[tuple[int, str, np.ndarray]]:
    """Returns the entries of `read_poses` without cameras that are impossibly far away."""
    if not entries:
        return entries
    centres = np.stack([pose[:3] for _, _, pose in entries])
    distances = np.linalg.norm(centres - np.median(centres, axis=0), axis=1)
    kept = []
    for entry, distance in zip(entries, distances, strict=True):
        if distance <= LARGEST_PLAUSIBLE_DISTANCE_M:
            kept.append(entry)
            continue
        number, image, _ = entry
        logging.warning(
            "Dropped %s (%s, line %d): its camera lies %.3g m from the median camera, beyond the "
            "plausible %.0f m",
            *(image, path, number, distance, LARGEST_PLAUSIBLE_DISTANCE_M),
        )
    return kept


def source_files(scene_dir: Path) -> list[Path]:
    """Returns every file that the scene's records come from, in a fixed order.

    Raises:
        UserError: A list is missing or has another header.
    """
    lists = [scene_dir / name for name in SPLIT_FILES.values()]
    return lists + [scene_dir / image for image in _listed(scene_dir)]


def _listed(scene_dir: Path) -> list[str]:
    """Returns the images of both lists."""
    paths = [scene_dir / name for name in SPLIT_FILES.values()]
    return [words[0] for path in paths for _, words in _lines(path)]


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Returns number and words of the lines after the header that are not blank."""
    lines = read_text(path, "it must list the split's images with their poses").splitlines()
    if lines and not lines[0].startswith("Visual Landmark Dataset"):
        raise UserError(
            f"{path}, line 1: a list begins with 3 header lines, the first of them "
            "`Visual Landmark Dataset V1`"
        )
    numbered = enumerate(lines[HEADER_LINES:], start=HEADER_LINES + 1)
    entries = [(number, line.split()) for number, line in numbered if line.strip()]
    # One image is known by one name: without `./`.
    return [
        (number, [PurePosixPath(image).as_posix(), *rest]) for number, (image, *rest) in entries
    ]
