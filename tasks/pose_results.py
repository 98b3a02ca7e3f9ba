"""Results of camera localisation: metrics, baselines and the predictions file.

Everything here is numpy on finished predictions; no network is needed. A pose is an array [7]:
camera centre x, y, z in metres, then the camera-to-world quaternion w, x, y, z.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from data import poses
from errors import UserError
from tasks.results import layer_columns, open_predictions, retrieve

RECALL_THRESHOLDS = ((0.1, 5.0), (0.25, 2.0), (0.5, 5.0), (5.0, 10.0))  # metres, degrees

COLUMNS = (
    *("name", "sequence"),
    *("x", "y", "z", "qw", "qx", "qy", "qz"),
    *("true_x", "true_y", "true_z", "true_qw", "true_qx", "true_qy", "true_qz"),
    *("position_error_m", "orientation_error_deg"),
)
UNCERTAINTY_COLUMNS = ("uncertainty_m", "uncertainty_deg")


@dataclass(frozen=True)
class Predictions:
    """The rows of a predictions file, N images in file order.

    Attributes:
        names: [N] image names, unique in the scene.
        sequences: [N] the sequence of each image.
        predicted: [N, 7] predicted poses.
        truth: [N, 7] true poses.
        position_error_m: [N] metres.
        orientation_error_deg: [N] degrees.
        layers: [N] rows of T chosen layer names; empty rows for a network without gates.
        uncertainty: [N, 2] spread of the network's samples in metres and degrees, or None.
    """

    names: list[str]
    sequences: list[str]
    predicted: np.ndarray
    truth: np.ndarray
    position_error_m: np.ndarray
    orientation_error_deg: np.ndarray
    layers: list[list[str]]
    uncertainty: np.ndarray | None = None


def pose_metrics(truth: np.ndarray, predicted: np.ndarray) -> dict[str, object]:
    """Summarises the errors of one predictor.

    Args:
        truth: [N, 7] true poses.
        predicted: [N, 7] predicted poses.

    Returns:
        Median and mean position (metres) and orientation (degrees) errors, `recall` (the fraction
        of images within both thresholds, inclusive) and the number of `images`.

    Raises:
        ValueError: If there are no images or the two arrays differ in shape.
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape or truth.ndim != 2 or len(truth) == 0:
        raise ValueError(f"expected two equal [N, 7] arrays, got {truth.shape}, {predicted.shape}")
    position = poses.position_error_m(truth, predicted)
    orientation = poses.orientation_error_deg(truth, predicted)
    return {
        "median_position_m": float(np.median(position)),
        "median_orientation_deg": float(np.median(orientation)),
        "mean_position_m": float(np.mean(position)),
        "mean_orientation_deg": float(np.mean(orientation)),
        "recall": {
            f"{metres:g}m_{degrees:g}deg": float(
                np.mean((position <= metres) & (orientation <= degrees))
            )
            for metres, degrees in RECALL_THRESHOLDS
        },
        "images": len(truth),
    }


def uncertainty_metrics(
    truth: np.ndarray, predicted: np.ndarray, uncertainty: np.ndarray
) -> dict[str, dict[str, float]]:
    """How well the uncertainty that a network gives with its poses foretells its errors.

    Args:
        truth: [N, 7] true poses.
        predicted: [N, 7] predicted poses.
        uncertainty: [N, 2] in metres and degrees.

    Returns:
        For `position` and `orientation`: `rank_correlation` of uncertainty and error (Spearman; 1
        if the images come in the same order by both, 0 if the uncertainty says nothing), and
        `error_per_spread`, the median of error / uncertainty: what to multiply an uncertainty by
        so that half of the errors are below it; 1 if it is calibrated.
    """
    errors = (
        poses.position_error_m(truth, predicted),
        poses.orientation_error_deg(truth, predicted),
    )
    found = {}
    for name, error, spread in zip(("position", "orientation"), errors, uncertainty.T, strict=True):
        ranks = [rankdata(values) for values in (error, spread)]
        varied = all(np.ptp(rank) > 0 for rank in ranks)
        found[name] = {
            "rank_correlation": float(np.corrcoef(ranks)[0, 1]) if varied else 0.0,
            "error_per_spread": float(np.median(error / np.maximum(spread, 1e-9))),
        }
    return found


def baselines(
    truth: np.ndarray,
    train_poses: np.ndarray,
    train_descriptors: np.ndarray,
    descriptors: np.ndarray,
) -> dict[str, dict[str, object]]:
    """Measures the two predictors that learn nothing.

    Args:
        truth: [N, 7] true poses of the images to localise.
        train_poses: [M, 7] poses of the training images.
        train_descriptors: [M, D] global descriptors of the training images.
        descriptors: [N, D] global descriptors of the images to localise.

    Returns:
        The `pose_metrics` of `mean_pose` (always the mean training pose) and of `retrieval` (the
        pose of the nearest training image).
    """
    mean = np.broadcast_to(poses.mean_pose(train_poses), np.shape(truth))
    nearest = retrieve(train_descriptors, train_poses, descriptors)
    return {"mean_pose": pose_metrics(truth, mean), "retrieval": pose_metrics(truth, nearest)}


def choose_images(
    position_error_m: np.ndarray,
    orientation_error_deg: np.ndarray,
    *,
    best: int = 6,
    worst: int = 6,
    sample: int = 6,
) -> dict[str, list[int]]:
    """Chooses the images that the figures show.

    An image's error is position / median position + orientation / median orientation, so that
    metres and degrees weigh alike whatever the size of the scene.

    Args:
        position_error_m: [N] metres.
        orientation_error_deg: [N] degrees.
        best: How many of the best to choose; never more than half of the images.
        worst: How many of the worst to choose; never more than half of the images.
        sample: How many to choose evenly over the file order, first and last included.

    Returns:
        Indices of rows: `best` from the smallest error up, `worst` from the largest down, and
        `sample` in file order. `best` and `worst` share no image.
    """
    error = _in_medians(position_error_m) + _in_medians(orientation_error_deg)
    order = np.argsort(error, kind="stable")
    half = len(order) // 2
    spread = np.linspace(0, len(order) - 1, min(sample, len(order)))
    return {
        "best": order[: min(best, len(order) - half)].tolist(),
        "worst": order[::-1][: min(worst, half)].tolist(),
        "sample": np.unique(np.round(spread).astype(int)).tolist(),
    }


def write_predictions_csv(
    path: Path,
    names: Sequence[str],
    sequences: Sequence[str],
    truth: np.ndarray,
    predicted: np.ndarray,
    layers: Sequence[Sequence[str]] | None = None,
    uncertainty: np.ndarray | None = None,
) -> None:
    """Writes one row an image, numbers with the 9 digits that keep a float32 exact.

    Args:
        path: The file to write.
        names: [N] image names.
        sequences: [N] sequence of each image.
        truth: [N, 7] true poses.
        predicted: [N, 7] predicted poses.
        layers: [N] rows of T chosen layer names (`chosen_layers`), of networks with gates.
        uncertainty: [N, 2] metres and degrees, for networks that know theirs.

    Raises:
        ValueError: If the arguments differ in length.
    """
    layers = [()] * len(names) if layers is None else layers
    numbers = np.column_stack(
        [
            predicted,
            truth,
            poses.position_error_m(truth, predicted),
            poses.orientation_error_deg(truth, predicted),
            *(() if uncertainty is None else (uncertainty,)),
        ]
    )
    columns = COLUMNS if uncertainty is None else COLUMNS + UNCERTAINTY_COLUMNS
    steps = len(layers[0]) if len(layers) else 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, *layer_columns(steps)])
        for name, sequence, row, chosen in zip(names, sequences, numbers, layers, strict=True):
            writer.writerow([name, sequence, *(f"{value:.9g}" for value in row), *chosen])


def read_predictions_csv(path: Path) -> Predictions:
    """Reads what `write_predictions_csv` wrote.

    Raises:
        UserError: If the file is missing, or a line does not have its columns or its numbers.
    """
    columns = COLUMNS
    names, sequences, numbers, layers = [], [], [], []
    with open_predictions(path) as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if UNCERTAINTY_COLUMNS[0] in header:
            columns = COLUMNS + UNCERTAINTY_COLUMNS
        if header != [*columns, *layer_columns(len(header) - len(columns))]:
            raise UserError(f"{path} does not have the columns of a predictions file")
        for row in reader:
            try:
                if len(row) != len(header):
                    raise ValueError
                numbers.append([float(cell) for cell in row[2 : len(columns)]])
            except ValueError:
                raise UserError(
                    f"{path}, line {reader.line_num}: expected {len(header)} columns with "
                    f"numbers from the third to number {len(columns)}; run eval.py again"
                ) from None
            names.append(row[0])
            sequences.append(row[1])
            layers.append(row[len(columns) :])
    table = np.array(numbers, dtype=np.float64).reshape(-1, len(columns) - 2)
    uncertainty = table[:, 16:] if columns != COLUMNS else None
    return Predictions(
        names, sequences, table[:, :7], table[:, 7:14], table[:, 14], table[:, 15], layers,
        uncertainty,
    )  # fmt: skip


def _in_medians(error: np.ndarray) -> np.ndarray:
    """Errors in multiples of their median; one that is not a number counts as infinite."""
    error = np.nan_to_num(np.asarray(error, dtype=np.float64), nan=np.inf)
    median = np.median(error) if len(error) else 0.0
    return error / median if 0 < median < np.inf else error
