"""Reads a reconstruction by COLMAP (Schönberger and Frahm, CVPR 2016), in its text format.

```
<scene>/images.txt     two lines an image: `ID QW QX QY QZ TX TY TZ CAMERA_ID NAME`, and its points
<scene>/cameras.txt    `CAMERA_ID MODEL WIDTH HEIGHT PARAMS...`
<scene>/images/NAME    the photographs
<scene>/test.txt       names of the images to test on, or folders of them, one a line
```

QW to TZ map the world to the camera, whose x axis points right, y down and z forward; the unit of
length is the reconstruction's. Images that `test.txt` does not name are trained on; those of one
folder are a sequence.
"""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from data import poses
from data.records import (
    BadEntries,
    PoseRecord,
    listed_images,
    parse_numbers,
    read_text,
    require_inside,
    require_split,
    unique_names,
)
from errors import UserError

IMAGES, CAMERAS, TEST = "images.txt", "cameras.txt", "test.txt"
FOLDER = "images"
AS_TEXT = (
    "write COLMAP's model as text: colmap model_converter --input_path sparse/0 --output_path "
    "<scene> --output_type TXT"
)


@dataclass(frozen=True)
class Entry:
    """An image of images.txt.

    Attributes:
        line: Its line there, from 1 on.
        name: Of the file below the folder of photographs.
        words: The numbers before the name, as they stand there.
    """

    line: int
    name: str
    words: list[str]


def read_split(scene_dir: Path, split: str, skip_bad: bool = False) -> list[PoseRecord]:
    """Returns the records of one split, ordered by name.

    Args:
        scene_dir: Folder of the scene.
        split: `train` or `test`.
        skip_bad: Whether to count and log bad images instead of stopping at the first.

    Raises:
        UserError: A file is missing or bad, or the split has no images.
    """
    require_split(split)
    path = scene_dir / IMAGES
    entries = _entries(path)
    test = _test_names(scene_dir / TEST, entries)
    names = unique_names(entry.name for entry in entries)
    bad = BadEntries(skip=skip_bad)
    records = []
    for entry in sorted(entries, key=lambda entry: entry.name):
        if (entry.name in test) != (split == "test"):
            continue
        with bad.guard():
            name = names[entry.name]
            records.append(_record(scene_dir, entry, name, f"{path}, line {entry.line}"))
    bad.log_total(str(path))
    if not records:
        raise UserError(f"{scene_dir} has no image for the split {split}: see {TEST} and {IMAGES}")
    return records


def focal_length(scene_dir: Path) -> float:
    """The median over all images of their camera's focal length, in units of the short side.

    Raises:
        UserError: A file is missing or bad.
    """
    path = scene_dir / CAMERAS
    lengths = {}
    for number, line in _lines(path):
        words, where = line.split(), f"{path}, line {number}"
        if len(words) < 5:
            raise UserError(f"{where} is no camera: `CAMERA_ID MODEL WIDTH HEIGHT PARAMS...`")
        # The first parameter of each of COLMAP's models is a focal length in pixels.
        width, height, pixels = parse_numbers(words[2:5], 3, where)
        if not (np.isfinite(pixels) and pixels > 0 and width > 0 and height > 0):
            raise UserError(f"{where} holds no camera that there can be: mend it")
        lengths[words[0]] = pixels / min(width, height)
    images = scene_dir / IMAGES
    found = []
    for entry in _entries(images):
        camera = entry.words[8]
        if camera not in lengths:
            raise UserError(f"{images}, line {entry.line}: {path} has no camera {camera}")
        found.append(lengths[camera])
    return round(float(np.median(found)), 6)


def source_files(scene_dir: Path) -> list[Path]:
    """Returns every file that the scene's records come from, in a fixed order.

    Raises:
        UserError: images.txt is missing or bad.
    """
    images = sorted(scene_dir / FOLDER / entry.name for entry in _entries(scene_dir / IMAGES))
    return [scene_dir / IMAGES, scene_dir / TEST, *images]


def _record(scene_dir: Path, entry: Entry, name: str, where: str) -> PoseRecord:
    image = scene_dir / FOLDER / entry.name
    if not os.path.isfile(image):
        raise UserError(f"{where}: {image} is missing")
    numbers = parse_numbers(entry.words[1:8], 7, where)
    try:
        pose = poses.pose_from_world_to_camera(numbers[:4], numbers[4:])
    except ValueError as error:
        raise UserError(f"{where}: {error}; mend the line, or pass --skip_bad") from error
    return PoseRecord(
        name=name,
        image=image,
        sequence=PurePosixPath(entry.name).parent.as_posix(),
        pose=pose,
    )


def _entries(path: Path) -> list[Entry]:
    """The images of images.txt in its order."""
    entries = []
    for index, (number, line) in enumerate(_lines(path, keep_empty=True)):
        if index % 2:
            if not _points(line):
                raise UserError(
                    f"{path}, line {number} holds no points `X Y POINT3D_ID ...` of the image "
                    "before it: add the line, which is empty where there are none"
                )
            continue
        words = line.split(maxsplit=9)
        if len(words) < 10:
            raise UserError(
                f"{path}, line {number} is no image: "
                "`ID QW QX QY QZ TX TY TZ CAMERA_ID NAME` and a line of points"
            )
        name = words[9].strip()
        require_inside(name, path.with_name(FOLDER), f"{path}, line {number}")
        entries.append(Entry(number, name, words[:9]))
    if not entries:
        raise UserError(f"{path} lists no image: COLMAP has placed none")
    return entries


def _points(line: str) -> bool:
    """Whether a line is that of an image's points: as a rule many, so only the last one is read."""
    words = line.split()
    try:
        return len(words) % 3 == 0 and all(map(np.isfinite, map(float, words[-3:])))
    except ValueError:
        return False


def _test_names(path: Path, entries: list[Entry]) -> set[str]:
    """The images that test.txt names, by themselves or by a folder that they are in."""
    names = {entry.name for entry in entries}
    chosen = set()
    for number, line in listed_images(path):
        folder = line.rstrip("/") + "/"
        found = {name for name in names if name == line or name.startswith(folder)}
        if not found:
            raise UserError(f"{path}, line {number}: {path.with_name(IMAGES)} has no image {line}")
        chosen |= found
    return chosen


def _lines(path: Path, keep_empty: bool = False) -> list[tuple[int, str]]:
    """Number and content of the lines that are no comments."""
    lines = enumerate(read_text(path, AS_TEXT).splitlines(), start=1)
    return [
        (number, line)
        for number, line in lines
        if not line.startswith("#") and (keep_empty or line.strip())
    ]
