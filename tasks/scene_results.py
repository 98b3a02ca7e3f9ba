"""Results of scene recognition: metrics, baselines and the predictions file.

Everything here is numpy on finished predictions; no network is needed. A label is an integer, the
place of its class among the K `class_names`; scores [N, K] are logits or probabilities.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from errors import UserError
from tasks.results import layer_columns, open_predictions, retrieve

COLUMNS = ("name", "true_class", "predicted_class", "probability", "true_probability")
TOP = 5


@dataclass(frozen=True)
class Predictions:
    """The rows of a predictions file, N images in file order.

    Attributes:
        names: [N] image names, unique in the data set.
        class_names: [K] by label.
        truth: [N] true labels.
        predicted: [N] predicted labels.
        probability: [N] of the predicted class.
        true_probability: [N] of the true class.
        layers: [N] rows of T chosen layer names; empty rows for a network without gates.
    """

    names: list[str]
    class_names: list[str]
    truth: np.ndarray
    predicted: np.ndarray
    probability: np.ndarray
    true_probability: np.ndarray
    layers: list[list[str]]

    @property
    def right(self) -> np.ndarray:
        """[N] whether the prediction is right."""
        return self.predicted == self.truth


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax of logits [N, K] in float64."""
    logits = np.asarray(logits, np.float64)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def scene_metrics(
    labels: np.ndarray, scores: np.ndarray, class_names: Sequence[str]
) -> dict[str, object]:
    """Summarises the answers of one classifier.

    Args:
        labels: [N] true labels.
        scores: [N, K]; the largest is the answer, of equals the first.
        class_names: [K] by label.

    Returns:
        `accuracy` (share of images that are right), `mean_class_accuracy` (mean over classes of
        the share of their images), `top5_accuracy` (share with the true class among the five best,
        for more than five classes), the number of `images`, and `per_class`: for each class that
        has images their number, `accuracy`, and the class that its wrong ones are mostly taken for
        (`most_confused_with`, None without any) and how many are (`confused_images`).

    Raises:
        ValueError: If there are no images, the shapes do not fit or a score is not a number.
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    if labels.ndim != 1 or len(labels) == 0 or scores.shape != (len(labels), len(class_names)):
        raise ValueError(
            f"expected [N] labels and [N, {len(class_names)}] scores, "
            f"got {labels.shape}, {scores.shape}"
        )
    if np.isnan(scores).any():
        raise ValueError("scores that are not numbers")
    matrix = confusion_matrix(labels, scores.argmax(axis=1), len(class_names))
    metrics = _accuracies(matrix)
    if len(class_names) > TOP:
        # A stable order ranks equal scores as argmax does.
        best = np.argsort(-scores, axis=1, kind="stable")[:, :TOP]
        metrics["top5_accuracy"] = float(np.mean((best == labels[:, None]).any(axis=1)))
    metrics["per_class"] = {
        name: _class_row(matrix[label], label, class_names)
        for label, name in enumerate(class_names)
        if matrix[label].any()
    }
    return metrics


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts images [K, K]: row the true class, column the predicted one.

    Args:
        labels: [N] true labels in 0..K-1.
        predicted: [N] predicted labels.
        classes: K.
    """
    pairs = np.asarray(labels) * classes + np.asarray(predicted)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def baselines(
    labels: np.ndarray,
    train_labels: np.ndarray,
    train_descriptors: np.ndarray,
    descriptors: np.ndarray,
    classes: int,
) -> dict[str, dict[str, object]]:
    """Measures the two predictors that learn nothing.

    Args:
        labels: [N] true labels of the images to recognise.
        train_labels: [M] labels of the training images.
        train_descriptors: [M, D] global descriptors of the training images.
        descriptors: [N, D] global descriptors of the images to recognise.
        classes: K.

    Returns:
        `accuracy`, `mean_class_accuracy` and `images` of `majority_class` (always the class with
        most training images, of equals the first) and of `retrieval` (the class of the nearest
        training image).
    """
    majority = np.argmax(np.bincount(train_labels, minlength=classes))
    answers = {
        "majority_class": np.full(len(labels), majority),
        "retrieval": retrieve(train_descriptors, train_labels, descriptors),
    }
    return {
        name: _accuracies(confusion_matrix(labels, predicted, classes))
        for name, predicted in answers.items()
    }


def choose_images(
    predictions: Predictions, *, right: int = 6, wrong: int = 6, sample: int = 6
) -> dict[str, list[int]]:
    """Chooses the images that the figures show.

    Args:
        predictions: The rows.
        right: How many right ones to choose, each the surest of its class.
        wrong: How many wrong ones to choose.
        sample: How many to choose evenly over the file order, first and last included.

    Returns:
        Indices of rows: `confident_right` and `confident_wrong` from the highest probability down,
        `sample` in file order.
    """
    order = np.argsort(-predictions.probability, kind="stable")
    is_right = predictions.right[order]
    surest: dict[int, int] = {}
    for row in order[is_right].tolist():
        surest.setdefault(int(predictions.truth[row]), row)
    spread = np.linspace(0, len(order) - 1, min(sample, len(order)))
    return {
        "confident_right": list(surest.values())[:right],
        "confident_wrong": order[~is_right][:wrong].tolist(),
        "sample": np.unique(np.round(spread).astype(int)).tolist(),
    }


def write_predictions_csv(
    path: Path,
    names: Sequence[str],
    labels: np.ndarray,
    shares: np.ndarray,
    class_names: Sequence[str],
    layers: Sequence[Sequence[str]] | None = None,
) -> None:
    """Writes one row an image, probabilities with 9 digits.

    Args:
        path: The file to write.
        names: [N] image names.
        labels: [N] true labels.
        shares: [N, K] probabilities.
        class_names: [K] by label.
        layers: [N] rows of T chosen layer names (`chosen_layers`), of networks with gates.

    Raises:
        ValueError: If the arguments differ in length.
    """
    layers = [()] * len(names) if layers is None else layers
    steps = len(layers[0]) if len(layers) else 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, *layer_columns(steps)])
        for name, label, row, chosen in zip(names, labels, shares, layers, strict=True):
            answer = int(np.argmax(row))
            numbers = (f"{row[answer]:.9g}", f"{row[label]:.9g}")
            writer.writerow([name, class_names[label], class_names[answer], *numbers, *chosen])


def read_predictions_csv(path: Path, class_names: Sequence[str]) -> Predictions:
    """Reads what `write_predictions_csv` wrote for these classes.

    Raises:
        UserError: If the file is missing, or a line does not have its columns, its classes or its
            probabilities.
    """
    labels = {name: label for label, name in enumerate(class_names)}
    names, classes, shares, layers = [], [], [], []
    with open_predictions(path) as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if header != [*COLUMNS, *layer_columns(len(header) - len(COLUMNS))]:
            raise UserError(f"{path} does not have the columns of a scene's predictions file")
        for row in reader:
            try:
                if len(row) != len(header):
                    raise ValueError
                classes.append([labels[name] for name in row[1:3]])
                shares.append([_share(text) for text in row[3:5]])
            except (ValueError, KeyError):
                raise UserError(
                    f"{path}, line {reader.line_num}: expected {len(header)} columns with two "
                    f"of the run's {len(labels)} classes from the second and two "
                    "probabilities from the fourth; run eval.py again"
                ) from None
            names.append(row[0])
            layers.append(row[len(COLUMNS) :])
    pairs = np.array(classes, dtype=np.int64).reshape(-1, 2)
    numbers = np.array(shares, dtype=np.float64).reshape(-1, 2)
    return Predictions(names, list(class_names), *pairs.T, *numbers.T, layers)


def _accuracies(matrix: np.ndarray) -> dict[str, object]:
    images, right = matrix.sum(axis=1), np.diag(matrix)
    present = images > 0
    return {
        "accuracy": float(right.sum() / images.sum()),
        "mean_class_accuracy": float(np.mean(right[present] / images[present])),
        "images": int(images.sum()),
    }


def _class_row(row: np.ndarray, label: int, class_names: Sequence[str]) -> dict[str, object]:
    wrong = row.copy()
    wrong[label] = 0
    other = int(wrong.argmax())
    return {
        "accuracy": float(row[label] / row.sum()),
        "images": int(row.sum()),
        "most_confused_with": class_names[other] if wrong[other] else None,
        "confused_images": int(wrong[other]),
    }


def _share(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise ValueError
    return value
