"""Predicts poses or classes of photographs: rows of a CSV file, pictures of the attention."""

import csv
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np
import tensorflow as tf
from PIL import Image

from data.images import prepare
from errors import UserError, close_stdout
from files import user_path, writing
from report import style
from report.attention_figures import attention_panel
from report.glimpse_figures import path_figure
from serving import Predictor, crops
from tasks.pose_results import UNCERTAINTY_COLUMNS
from tasks.results import chosen_layers, layer_columns, require_numbers

BATCH = 16
COLUMNS = {
    "pose": ("x", "y", "z", "qw", "qx", "qy", "qz"),
    "scene": ("class", "probability"),
    "digit": ("digit", "probability"),
}
LOOKS = {"attention", "locations"}  # outputs that say where a network looks


def predict(
    predictor: Predictor,
    images: Sequence[str],
    *,
    output: str | None = None,
    overlays: str | None = None,
    skip_bad: bool = False,
) -> None:
    """Writes one row for each image: its name, the pose or the class, the layer of each step.

    Args:
        predictor: Of a run or of an export.
        images: Paths.
        output: CSV file; None prints the rows.
        overlays: Folder for one picture an image, see `overlay_paths`; None draws none.
        skip_bad: Whether an image that does not decode is named on stderr and left out.

    Raises:
        UserError: A bad image (the rows before it are written), no good image at all, a file that
            cannot be written, answers that are no numbers, or `overlays` of a model without
            attention.
    """
    description = predictor.description
    task = description["task"]
    if overlays and not LOOKS & description["outputs"].keys():
        raise UserError(f"--overlays: {description['model']} has no attention to draw")
    pictures = overlay_paths(images, _folder(overlays)) if overlays else {}
    gates = description["outputs"].get("layer_gates")
    steps = gates["shape"][1] if gates else 0
    with _rows_to(output) as file:
        writer = csv.writer(file, lineterminator="\n")
        spread = UNCERTAINTY_COLUMNS if "uncertainty" in description["outputs"] else ()
        writer.writerow(["image", *COLUMNS[task], *spread, *layer_columns(steps)])
        done = 0
        for names, batch in batches(images, skip_bad, task):
            if task == "digit":
                _tell_dark_on_white(names, batch)
            outputs = predictor(batch)
            require_numbers(outputs)
            layers = [()] * len(names)
            if gates:
                layers = chosen_layers(outputs["layer_gates"], description["layers"])
            answers = _answers(outputs, description)
            for name, answer, chosen in zip(names, answers, layers, strict=True):
                writer.writerow([name, *answer, *chosen])
            file.flush()
            if overlays:
                _draw(names, batch, outputs, description, pictures)
            done += len(names)
    if not done:
        raise UserError(f"none of the {len(images)} images could be read")


def batches(
    images: Sequence[str], skip_bad: bool, task: str = "pose", size: int = BATCH
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Yields names and pixels, uint8 [b, H, W, 3], b <= size, of neighbours of one shape, in order.

    They are prepared here as the task's training images were, by the same filter: the graph's own
    rounds some pixels the other way.

    Raises:
        UserError: An image does not decode; all before it have been yielded.
    """
    names: list[str] = []
    pixels: list[np.ndarray] = []
    for name in images:
        image, problem = None, None
        try:
            image = prepare(Path(name), task)
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


def _answers(outputs: dict[str, np.ndarray], description: dict) -> list[list[str]]:
    """The cells under the task's `COLUMNS`, and those of a spread if there is one."""
    if "pose" in outputs:
        parts = [outputs[name] for name in ("pose", "uncertainty") if name in outputs]
        return [[f"{value:.9g}" for value in row] for row in np.concatenate(parts, axis=1)]
    classes, best = description["classes"], outputs["logits"].argmax(axis=-1)
    return [
        [classes[label], f"{shares[label]:.9g}"]
        for label, shares in zip(best, outputs["probabilities"], strict=True)
    ]


def _draw(
    names: list[str],
    batch: np.ndarray,
    outputs: dict[str, np.ndarray],
    description: dict,
    pictures: dict[str, Path],
) -> None:
    inputs = crops(tf.constant(batch), description["image_size"], description["task"]).numpy()
    for row, name in enumerate(names):
        one = {key: value[row : row + 1] for key, value in outputs.items()}
        picture = _picture(inputs[row : row + 1], one, description)
        with writing(f"--overlays: {pictures[name]}"):
            pictures[name].parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(pictures[name])


def _picture(image: np.ndarray, outputs: dict[str, np.ndarray], description: dict) -> np.ndarray:
    """Where a network looks in the one image of a batch, uint8 [h, w, 3]: its maps, or its glimpses
    with the answer after each."""
    if "attention" in outputs:
        layers = description["layers"]
        return attention_panel(image, outputs.get("layer_gates"), outputs["attention"], layers)
    answers = [
        [description["classes"][label] for label in labels]
        for labels in outputs["logits_by_glimpse"].argmax(axis=-1)
    ]
    size, scales = description["glimpse_size"], description["scales"]
    return style.pixels(
        path_figure(image[..., 0], outputs["locations"], size, scales, [""], answers)
    )


def _tell_dark_on_white(names: list[str], batch: np.ndarray) -> None:
    """Says on stderr which images of digits, uint8 [b, H, W, 3], are not as those trained on."""
    for name, image in zip(names, batch, strict=True):
        if image.mean() > 127:
            print(
                f"{name} is mostly bright, the network has learned white digits on black: "
                "invert the image",
                file=sys.stderr,
            )


def _folder(overlays: str) -> Path:
    folder = user_path(overlays)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "it is a file" if folder.exists() else error.strerror
        raise UserError(f"--overlays={overlays} cannot be written: {reason}") from error
    return folder


@contextmanager
def _rows_to(output: str | None) -> Iterator[TextIO]:
    how = {"errors": "surrogateescape"}  # the names of files need not be text
    if output is None:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(**how)
        try:
            yield sys.stdout
        except BrokenPipeError:
            raise
        except OSError as error:
            close_stdout()
            raise UserError(f"the rows cannot be printed: {error.strerror}") from error
        return
    with (
        writing(f"--output={output}"),
        user_path(output).open("w", newline="", encoding="utf-8", **how) as file,
    ):
        yield file
