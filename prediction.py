"""Predicts the poses of photographs: rows of a CSV file as they come, pictures of the attention."""

import csv
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from data.images import decode_rgb, resize_short_side
from errors import UserError
from report.attention_figures import attention_panel
from serving import Localizer, crops
from tasks.pose_results import chosen_layers

BATCH = 16
COLUMNS = ("image", "x", "y", "z", "qw", "qx", "qy", "qz")


def predict(
    localizer: Localizer,
    images: Sequence[str],
    *,
    output: str | None = None,
    overlays: str | None = None,
    skip_bad: bool = False,
) -> None:
    """Writes one row for each image: its name as given, the pose, the layer of each step.

    Args:
        localizer: Of a run or of an export.
        images: Paths.
        output: CSV file; None prints the rows.
        overlays: Folder for one picture an image, see `overlay_paths`; None draws none.
        skip_bad: Whether an image that does not decode is named on stderr and left out.

    Raises:
        UserError: A bad image (the rows before it are written), no good image at all, a file that
            cannot be written, or `overlays` of a model without attention maps.
    """
    description = localizer.description
    if overlays and "attention" not in description["outputs"]:
        raise UserError(f"--overlays: {description['model']} makes no attention maps to draw")
    pictures = overlay_paths(images, Path(overlays)) if overlays else {}
    gates = description["outputs"].get("layer_gates")
    steps = gates["shape"][1] if gates else 0
    with _rows_to(output) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*COLUMNS, *(f"layer_step{step}" for step in range(1, steps + 1))])
        done = 0
        for names, batch in batches(images, skip_bad):
            outputs = localizer(batch)
            layers = [()] * len(names)
            if gates:
                layers = chosen_layers(outputs["layer_gates"], description["layers"])
            for name, pose, chosen in zip(names, outputs["pose"], layers, strict=True):
                writer.writerow([name, *(f"{value:.9g}" for value in pose), *chosen])
            file.flush()
            if overlays:
                _draw(names, batch, outputs, description, pictures)
            done += len(names)
    if not done:
        raise UserError(f"none of the {len(images)} images could be read")


def batches(
    images: Sequence[str], skip_bad: bool, size: int = BATCH
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Yields names and pixels, uint8 [b, H, W, 3], b <= size, of neighbours of one shape, in order.

    They are shrunk to a short side of 256 here, by the same filter that prepared the training
    images: the graph's own filter rounds some pixels the other way.

    Raises:
        UserError: An image does not decode; all before it have been yielded.
    """
    names: list[str] = []
    pixels: list[np.ndarray] = []
    for name in images:
        image, problem = None, None
        try:
            image = resize_short_side(decode_rgb(Path(name)))
        except UserError as error:
            problem = error
            if skip_bad:
                print(f"skipped: {error}", file=sys.stderr)
                continue
        if names and (problem or len(names) == size or image.shape != pixels[0].shape):
            yield names, np.stack(pixels)
            names, pixels = [], []
        if problem:
            raise problem
        names.append(name)
        pixels.append(image)
    if names:
        yield names, np.stack(pixels)


def overlay_paths(images: Sequence[str], folder: Path) -> dict[str, Path]:
    """Where the picture of each image goes: `<folder>/<image>.attention.png`.

    <image> is the path below the folder that all images share, so that files of one name in
    different folders stay apart.
    """
    absolute = {name: os.path.abspath(name) for name in images}
    common = os.path.commonpath([os.path.dirname(path) for path in absolute.values()])
    return {
        name: folder / f"{os.path.relpath(path, common)}.attention.png"
        for name, path in absolute.items()
    }


def _draw(
    names: list[str],
    batch: np.ndarray,
    outputs: dict[str, np.ndarray],
    description: dict,
    pictures: dict[str, Path],
) -> None:
    inputs = crops(tf.constant(batch), description["image_size"]).numpy()
    for row, name in enumerate(names):
        one = slice(row, row + 1)
        gates = outputs["layer_gates"][one] if "layer_gates" in outputs else None
        panel = attention_panel(
            inputs[one], gates, outputs["attention"][one], description["layers"]
        )
        try:
            pictures[name].parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(panel).save(pictures[name])
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"--overlays: {pictures[name]} cannot be written: {reason}") from error


def _rows_to(output: str | None):
    if output is None:
        return nullcontext(sys.stdout)
    try:
        return open(output, "w", newline="", encoding="utf-8")
    except OSError as error:
        raise UserError(f"--output={output} cannot be written: {error.strerror}") from error
