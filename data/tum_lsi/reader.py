"""Reads TUM-LSI (Walch et al., ICCV 2017) in its original layout.

```
tum-lsi_train.txt, tum-lsi_test.txt       lines `<scan>/NNNNN-camK.jpg`
poses/<scan>_poses.xml                    <pose>: <id>NNNNN-camK, <translation> x y z,
                                          <rotation> w x y z
images/<scan>/NNNNN-camK.jpg              4592 x 3448, portrait, not rotated
```

<translation> is the camera centre in metres and <rotation> is camera-to-world: the data set's own
description has a pose as the transform of the image with respect to the scan. The data agree. The
six cameras of a capture location stand on one rigid trolley, and read so, the pose of each camera
relative to camera 0 is the same at all 219 locations, to 1e-8 degrees and 1e-10 m; read as
world-to-camera, the baselines scatter by decimetres. A fifth of the quaternions have w < 0.
"""

import os
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np

from data import poses
from data.records import (
    BadEntries,
    PoseRecord,
    listed_images,
    parse_numbers,
    require_file,
    require_split,
)
from errors import UserError

SPLIT_FILES = {"train": "tum-lsi_train.txt", "test": "tum-lsi_test.txt"}
# The cameras of a capture location see from one spot, and locations lie a metre or two apart.
# Holding out single images or cameras would leave their neighbours in training, so that a sequence
# is a stretch of the walk: ten locations with all their cameras.
LOCATIONS_PER_SEQUENCE = 10


def read_split(scene_dir: Path, split: str, skip_bad: bool = False) -> list[PoseRecord]:
    """Returns the records of one split in the order of its list.

    Args:
        scene_dir: Folder of the data set.
        split: `train` or `test`.
        skip_bad: Whether to count and log bad entries instead of stopping at the first.

    Raises:
        UserError: A list, a pose file, a pose or an image is missing or bad.
    """
    bad = BadEntries(skip=skip_bad)
    path = scene_dir / SPLIT_FILES[require_split(split)]
    records = []
    for number, scan, image_id, pose in read_poses(scene_dir, split, bad):
        with bad.guard():
            image = scene_dir / "images" / scan / f"{image_id}.jpg"
            if not os.path.isfile(image):
                raise UserError(f"{path}, line {number}: {image} is missing")
            records.append(
                PoseRecord(
                    name=f"{scan}/{image_id}",
                    image=image,
                    sequence=sequence_of(image_id),
                    pose=pose,
                )
            )
    bad.log_total(str(path))
    if not records:
        raise UserError(f"{path} lists no usable image: add lines `<scan>/NNNNN-camK.jpg`")
    return records


def read_poses(
    scene_dir: Path, split: str, bad: BadEntries
) -> list[tuple[int, str, str, np.ndarray]]:
    """Returns line number, scan, image id and pose [7] of every good line of a split's list.

    Raises:
        UserError: A list or pose file is missing or bad, or a line is bad and `bad` stops.
    """
    path = scene_dir / SPLIT_FILES[split]
    scans: dict[str, dict[str, ElementTree.Element]] = {}
    entries = []
    for number, line in listed_images(path):
        with bad.guard():
            match = re.fullmatch(r"([^/]+)/(\d+-cam\d+)\.jpg", line)
            if match is None:
                raise UserError(
                    f"{path}, line {number}: {line!r} is not like `<scan>/00000-cam0.jpg`"
                )
            scan, image_id = match.groups()
            xml = pose_file(scene_dir, scan)
            if scan not in scans:
                scans[scan] = _pose_elements(xml)
            if image_id not in scans[scan]:
                raise UserError(f"{path}, line {number}: {xml} holds no pose of {image_id}")
            entries.append((number, scan, image_id, _pose(scans[scan][image_id], xml, image_id)))
    return entries


def sequence_of(image_id: str) -> str:
    """Returns the sequence of an image: `locations-00010` for capture locations 10 to 19."""
    location = int(image_id.partition("-")[0])
    return f"locations-{location - location % LOCATIONS_PER_SEQUENCE:05d}"


def pose_file(scene_dir: Path, scan: str) -> Path:
    """Returns the file with all poses of a scan."""
    return scene_dir / "poses" / f"{scan}_poses.xml"


def source_files(scene_dir: Path) -> list[Path]:
    """Returns every file that the records come from, in a fixed order.

    Raises:
        UserError: A list is missing.
    """
    lists = [scene_dir / name for name in SPLIT_FILES.values()]
    lines = [line for path in lists for _, line in listed_images(path)]
    scans = sorted({line.partition("/")[0] for line in lines})
    return (
        lists
        + [pose_file(scene_dir, scan) for scan in scans]
        + [scene_dir / "images" / line for line in lines]
    )


def _pose_elements(path: Path) -> dict[str, ElementTree.Element]:
    """Returns the <pose> elements of a pose file by their <id>."""
    require_file(path, "a split file lists images of this scan")
    try:
        root = ElementTree.parse(path).getroot()
    # The last two for an encoding that there is not, or that it does not have.
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise UserError(f"{path} is not XML ({error}): replace the file") from error
    return {(pose.findtext("id") or "").strip(): pose for pose in root.iter("pose")}


def _pose(element: ElementTree.Element, path: Path, image_id: str) -> np.ndarray:
    where = f"{path}, pose {image_id}"
    words = [
        element.findtext(tag)
        for tag in (*(f"translation/{axis}" for axis in "xyz"), *(f"rotation/{c}" for c in "wxyz"))
    ]
    numbers = parse_numbers([word for word in words if word], 7, where)
    try:
        return poses.pose_from_camera_to_world_quaternion(numbers[:3], numbers[3:])
    except ValueError as error:
        raise UserError(f"{where}: {error}; mend the pose, or pass --skip_bad") from error
