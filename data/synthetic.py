"""The `synthetic` data set: a rendered room with exact poses, in the layout of 7-Scenes.

It lets everything that needs localisation data run on a machine that has none: `data.ray_caster`
photographs the furnished room of `data.room` along smooth random paths.

Camera: a pinhole without distortion, axes x right, y down, z forward. An image of W x H pixels has
the focal length 1.05 H (268.8 pixels at 341 x 256: 64.8 degrees across, 50.9 down) and, with pixel
centres at whole numbers, the principal point ((W - 1) / 2, (H - 1) / 2). World: metres, z up, the
origin on the floor in the middle of the room.
"""

import zlib
from pathlib import Path

import numpy as np
from absl import logging
from PIL import Image

from data.ray_caster import RayCaster, intrinsics

FRAMES_PER_PATH = 48  # sets the pace: so many frames take a path once over its main period
# Of the camera's x, y, z and of the point it looks at, in metres, and of its roll, in degrees. The
# cameras keep clear of all furniture; the point they look at wanders about the coffee table.
CENTRE = np.array((0.0, -0.6, 1.5, 0.0, 1.7, 1.15, 0.0))
REACH = np.array((1.2, 1.1, 0.2, 0.35, 0.3, 0.15, 3.0))  # either way
NOISE = 1.2  # standard deviation of the sensor's noise, grey levels


def write_room(
    root: Path,
    *,
    seed: int = 0,
    train_sequences: int = 10,
    test_sequences: int = 2,
    frames_per_sequence: int = 48,
    size: tuple[int, int] = (341, 256),
) -> Path:
    """Renders the room and writes it under `root`, which an interrupted run leaves incomplete.

    Sequences 1 to `train_sequences` are for training, the following ones for testing. The same
    arguments give the same bytes.

    Args:
        root: folder to write into; made if missing.
        seed: draws the textures, the paths and the noise.
        train_sequences, test_sequences: how many random paths of each split.
        frames_per_sequence: images along each path.
        size: width and height of the images in pixels.

    Returns:
        The scene's folder, `<root>/room`, which `data.seven_scenes.reader` reads.
    """
    scene = Path(root) / "room"
    count = train_sequences + test_sequences
    logging.info(
        "Rendering the synthetic room: %d images to %s", count * frames_per_sequence, scene
    )
    # About one texel a pixel at 2 m.
    caster = RayCaster(seed, texels_per_metre=intrinsics(size)[0, 0] / 2)
    for sequence in range(1, count + 1):
        folder = scene / f"seq-{sequence:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng([seed, sequence])
        for frame, camera in enumerate(random_path(rng, frames_per_sequence)):
            image = caster.photograph(camera, size)
            image += NOISE * rng.standard_normal(image.shape, np.float32)
            pixels = np.clip(np.round(image), 0, 255).astype(np.uint8)
            stem = f"frame-{frame:06d}"
            # Noise repeats nothing: Huffman coding alone is no larger than the default, and faster.
            Image.fromarray(pixels).save(
                folder / f"{stem}.color.png", compress_level=1, compress_type=zlib.Z_HUFFMAN_ONLY
            )
            np.savetxt(folder / f"{stem}.pose.txt", camera, fmt="%.17g")
    for name, first, last in (
        ("TrainSplit.txt", 1, train_sequences),
        ("TestSplit.txt", train_sequences + 1, count),
    ):
        lines = [f"sequence{sequence}\n" for sequence in range(first, last + 1)]
        (scene / name).write_text("".join(lines))
    return scene


def random_path(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Camera-to-world matrices [frames,4,4] along a smooth random path.

    The camera, the point it looks at and its roll each sway about `CENTRE` by sums of two sinusoids
    of random periods and phases: a path is smooth, stays within `REACH` and, if long, comes by
    everywhere. Looking at a wandering point makes the view turn by some 90 degrees in all, and yet
    different paths see much the same from the same place, so a few hundred images teach the room.
    """
    time = np.arange(frames)[:, None] / FRAMES_PER_PATH
    sway = np.zeros((frames, len(CENTRE)))
    for share, slowest, fastest in ((0.8, 0.7, 1.4), (0.2, 1.5, 2.5)):
        cycles = rng.uniform(slowest, fastest, len(CENTRE))
        phase = rng.uniform(0, 1, len(CENTRE))
        sway += share * np.sin(2 * np.pi * (cycles * time + phase))
    position, target, roll = np.split(CENTRE + REACH * sway, (3, 6), axis=1)
    x, y, z = (target - position).T
    yaw, pitch = np.rad2deg((np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))))
    cameras = np.tile(np.eye(4), (frames, 1, 1))
    angles = zip(yaw, pitch, roll[:, 0], strict=True)
    cameras[:, :3, :3] = [camera_rotation(*angle) for angle in angles]
    cameras[:, :3, 3] = position
    return cameras


def camera_rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Camera-to-world rotation [3,3] of a camera looking along (yaw, pitch), then rolled; degrees.

    Yaw turns from world x towards y, pitch lifts the view, roll turns the camera clockwise.
    """
    yaw, pitch, roll = np.deg2rad((yaw, pitch, roll))
    forward = (np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch))
    right = (np.sin(yaw), -np.cos(yaw), 0.0)
    level = np.stack([right, np.cross(forward, right), forward], axis=1)
    cos, sin = np.cos(roll), np.sin(roll)
    return level @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
