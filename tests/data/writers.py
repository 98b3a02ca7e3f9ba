"""Writes tiny data sets in the original layouts, with cameras known to the test."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

TUM_SCAN = "2015-08-16_15.34.11"
# What the .jpg files of MIT-67 hold: mode and format.
SCENE_IMAGES = (("RGB", "JPEG"), ("P", "GIF"), ("L", "JPEG"), ("CMYK", "JPEG"), ("RGB", "PNG"))
CAMBRIDGE_HEADER = "Visual Landmark Dataset V1\nImageFile, Camera Position [X Y Z W P Q R]\n\n"


def camera_to_world(index: int) -> np.ndarray:
    """Returns a rigid transform [4, 4] that differs from those of other indices in all parts."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec([0.3, 0.1 * index, -0.2]).as_matrix()
    matrix[:3, 3] = (index, -0.5 * index, 1.5)
    return matrix


def write_image(path: Path, size: tuple[int, int] = (80, 60), seed: int = 0) -> None:
    """Writes a colour gradient with a little noise, `size` being width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(gradient(size, seed)).save(path)


def gradient(size: tuple[int, int], seed: int) -> np.ndarray:
    """Returns what `write_image` writes, uint8 [height, width, 3]."""
    width, height = size
    ramp = np.linspace(0, 200, width)[None, :, None] + np.linspace(0, 30, height)[:, None, None]
    noise = np.random.default_rng(seed).integers(0, 20, (height, width, 3))
    return (ramp + noise).astype(np.uint8)


def write_seven_scenes(
    root: Path,
    scene: str = "chess",
    train: Sequence[int] = (1, 3),
    test: Sequence[int] = (2,),
    frames: int = 3,
    size: tuple[int, int] = (80, 60),
    suffix: str = ".color.png",
) -> Path:
    """Writes `root/scene`; frame f of sequence s is camera 10 s + f. Returns the scene's folder."""
    folder = root / scene
    for sequence in sorted({*train, *test}):
        for frame in range(frames):
            stem = folder / f"seq-{sequence:02d}" / f"frame-{frame:06d}"
            index = 10 * sequence + frame
            write_image(stem.with_name(stem.name + suffix), size, seed=index)
            np.savetxt(stem.with_name(stem.name + ".pose.txt"), camera_to_world(index), fmt="%.8e")
    for name, sequences in (("TrainSplit.txt", train), ("TestSplit.txt", test)):
        (folder / name).write_text("".join(f"sequence{sequence}\n" for sequence in sequences))
    return folder


def cambridge_line(image: str, index: int, norm: float = 1.0) -> str:
    """Returns the list line of an image with camera `index` and a quaternion of norm `norm`."""
    matrix = camera_to_world(index)
    world_to_camera = Rotation.from_matrix(matrix[:3, :3].T).as_quat(scalar_first=True)
    return " ".join([image, *(f"{x:.6f}" for x in (*matrix[:3, 3], *(norm * world_to_camera)))])


def write_cambridge(
    root: Path,
    scene: str = "ShopFacade",
    train: Sequence[str] = ("seq1", "seq3"),
    test: Sequence[str] = ("seq2",),
    frames: int = 3,
    size: tuple[int, int] = (96, 54),
) -> Path:
    """Writes `root/scene`; the cameras are counted from 0, training first. Returns the folder."""
    folder = root / scene
    index = 0
    for split, sequences in (("train", train), ("test", test)):
        lines = []
        for sequence in sequences:
            for frame in range(1, frames + 1):
                image = f"{sequence}/frame{frame:05d}.png"
                write_image(folder / image, size, seed=index)
                lines.append(cambridge_line(image, index) + "\n")
                index += 1
        (folder / f"dataset_{split}.txt").write_text(CAMBRIDGE_HEADER + "".join(lines))
    return folder


def write_colmap(
    root: Path,
    scene: str = "flat",
    names: Sequence[str] = ("a/1.png", "a/2.png", "b/1.png", "b/two words.png"),
    test: Sequence[str] = ("b",),
    size: tuple[int, int] = (80, 60),
) -> Path:
    """Writes `root/scene`, the last image first, each second without points; image n is camera n.

    Returns the folder.
    """
    folder = root / scene
    lines = [
        "# Image list with two lines of data per image:",
        "#   POINTS2D[] as (X, Y, POINT3D_ID)",
    ]
    for index, name in reversed(list(enumerate(names))):
        write_image(folder / "images" / name, size, seed=index)
        world_to_camera = np.linalg.inv(camera_to_world(index))
        rotation = Rotation.from_matrix(world_to_camera[:3, :3]).as_quat(scalar_first=True)
        values = " ".join(f"{x:.12g}" for x in (*rotation, *world_to_camera[:3, 3]))
        lines += [f"{index + 1} {values} {1 + index % 2} {name}", "4.5 6.5 -1 7 8 12" * (index % 2)]
    (folder / "images.txt").write_text("\n".join(lines) + "\n")
    (folder / "cameras.txt").write_text(
        "# Camera list\n1 SIMPLE_RADIAL 80 60 72 40 30 0.01\n2 PINHOLE 60 80 66 67 30 40\n"
    )
    (folder / "test.txt").write_text("".join(f"{name}\n" for name in test))
    return folder


def tum_lsi_pose(image_id: str, index: int) -> str:
    """Returns the <pose> element of an image with camera `index`; every second has w < 0."""
    matrix = camera_to_world(index)
    quaternion = Rotation.from_matrix(matrix[:3, :3]).as_quat(canonical=True, scalar_first=True)
    values = zip("xyz", matrix[:3, 3], strict=True)
    signed = zip("wxyz", quaternion * (-1) ** index, strict=True)
    translation = "".join(f"<{tag}>{value:.25f}</{tag}>" for tag, value in values)
    rotation = "".join(f"<{tag}>{value:.25f}</{tag}>" for tag, value in signed)
    return (
        f"<pose><id>{image_id}</id><translation>{translation}</translation>"
        f"<rotation>{rotation}</rotation></pose>\n"
    )


def write_tum_lsi(
    root: Path,
    train: Sequence[int] = (0, 2, 11),
    test: Sequence[int] = (1,),
    cameras: int = 2,
    size: tuple[int, int] = (60, 80),
) -> Path:
    """Writes into `root`, which it returns; camera c of location n is camera 10 n + c."""
    elements = []
    for split, locations in (("train", train), ("test", test)):
        lines = []
        for location in locations:
            for camera in range(cameras):
                image_id = f"{location:05d}-cam{camera}"
                index = 10 * location + camera
                write_image(root / "images" / TUM_SCAN / f"{image_id}.jpg", size, seed=index)
                elements.append(tum_lsi_pose(image_id, index))
                lines.append(f"{TUM_SCAN}/{image_id}.jpg\n")
        (root / f"tum-lsi_{split}.txt").write_text("".join(lines))
    (root / "poses").mkdir(parents=True, exist_ok=True)
    (root / "poses" / f"{TUM_SCAN}_poses.xml").write_text(
        f'<?xml version="1.0" encoding="UTF-8" ?>\n<poses>\n{"".join(elements)}</poses>\n'
    )
    return root


def write_indoor_scenes(
    root: Path,
    categories: Sequence[str] = ("office", "bakery", "kitchen"),
    train: int = 3,
    test: int = 2,
    size: tuple[int, int] = (80, 60),
) -> Path:
    """Writes into `root`, which it returns, `train` + `test` images of each category.

    The lists go through the categories in turn. Each category is brighter than the one before it;
    the n-th image of each is of the n-th kind of `SCENE_IMAGES`, all are called `.jpg`.
    """
    lines = []
    for index in range(train + test):
        mode, form = SCENE_IMAGES[index % len(SCENE_IMAGES)]
        for place, category in enumerate(categories):
            line = f"{category}/{category} {index:02d}.jpg"
            path = root / "Images" / line
            path.parent.mkdir(parents=True, exist_ok=True)
            brightness = (place + 1) / len(categories)
            pixels = (brightness * gradient(size, seed=100 * place + index)).astype(np.uint8)
            Image.fromarray(pixels).convert(mode).save(path, format=form)
            lines.append(line + "\n")
    (root / "TrainImages.txt").write_text("".join(lines[: train * len(categories)]))
    (root / "TestImages.txt").write_text("".join(lines[train * len(categories) :]))
    return root
