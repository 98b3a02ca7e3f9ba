"""What the results of poses, scenes and digits share; numpy only."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np

from errors import UserError


def retrieve(
    train_descriptors: np.ndarray,
    answers: np.ndarray,
    descriptors: np.ndarray,
    *,
    chunk_size: int = 256,
) -> np.ndarray:
    """Answers each image as the most similar training image would be.

    Args:
        train_descriptors: [M, D] one global descriptor per training image.
        answers: [M, ...] what is true of each training image: its pose, its label.
        descriptors: [N, D] descriptors of the images to answer.
        chunk_size: Images compared at a time; memory for similarities is chunk_size * M floats.

    Returns:
        [N, ...]: row n is the answer whose descriptor has the highest cosine similarity to
        descriptor n, the first of equals.

    Raises:
        ValueError: If there is no training image or the shapes do not fit together.
    """
    answers = np.asarray(answers)
    train_units, units = _unit_rows(train_descriptors), _unit_rows(descriptors)
    if len(train_units) == 0 or len(train_units) != len(answers):
        raise ValueError(f"{len(train_units)} training descriptors for {len(answers)} answers")
    if train_units.shape[1] != units.shape[1]:
        raise ValueError(f"descriptors of {train_units.shape[1]} and {units.shape[1]} values")
    nearest = [
        np.argmax(units[start : start + chunk_size] @ train_units.T, axis=1)
        for start in range(0, len(units), chunk_size)
    ]
    return answers[np.concatenate(nearest) if nearest else np.zeros(0, int)]


def require_numbers(outputs: Mapping[str, np.ndarray]) -> None:
    """Checks what a network has answered, by the name of each output.

    Raises:
        UserError: Not all of it is finite.
    """
    if not all(np.isfinite(values).all() for values in outputs.values()):
        raise UserError(
            "the network answers with what is no number: its weights are damaged, or its training "
            "came to nothing"
        )


def chosen_layers(layer_gates: np.ndarray, layers: Sequence[str]) -> list[list[str]]:
    """Names the layer that each step chose.

    Args:
        layer_gates: [N, T, L] gate rows, one-hot at inference.
        layers: [L] layer names.

    Returns:
        [N] rows of T names.
    """
    return np.asarray(layers)[np.argmax(layer_gates, axis=-1)].tolist()


@contextmanager
def open_predictions(path: Path) -> Iterator[TextIO]:
    """A predictions file, to be read by `csv`.

    Raises:
        UserError: It is missing, or no CSV file.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            yield file
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run eval.py on this run first") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read ({error}); run eval.py again") from None


def layer_columns(steps: int) -> list[str]:
    """The columns that name the layer of each of T steps."""
    return [f"layer_step{step}" for step in range(1, steps + 1)]


def image_file_name(index: int) -> str:
    """The file under `<split>/images/` that shows row `index` (from 0) of the predictions."""
    return f"{index:06d}.jpg"


def _unit_rows(descriptors: np.ndarray) -> np.ndarray:
    """Rows [N, D] scaled to length 1 in float32; a row of zeros stays zero."""
    rows = np.asarray(descriptors, dtype=np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
