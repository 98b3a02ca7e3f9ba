"""What evaluation does for scene classes; `poses` has the same functions for poses."""

from pathlib import Path

import keras
import numpy as np

from data.pipeline import Split
from errors import UserError
from evaluation import photographs
from evaluation.photographs import BATCH, gate_metrics
from report.scene_report import write_report
from tasks import scene_results

__all__ = ["BATCH", "baselines", "gate_metrics", "metrics", "table", "write", "write_report"]


def require_classes(config: dict, tested: Split) -> None:
    """Checks that images are of the classes that a run was trained on.

    Raises:
        UserError: They are not.
    """
    classes = config["class_names"]
    if list(tested.classes) != classes:
        different = sorted(set(tested.classes) ^ set(classes)) or ["their order"]
        raise UserError(
            f"the classes of {config['dataset']} are not those of the run "
            f"({', '.join(different[:5])}): give the --data_dir it was trained with"
        )


def metrics(config: dict, tested: Split, outputs: dict[str, np.ndarray]) -> dict:
    """What metrics.json says about the network.

    Raises:
        UserError: The images' classes are not those of the training.
    """
    require_classes(config, tested)
    return scene_results.scene_metrics(tested.targets, outputs["logits"], config["class_names"])


def baselines(
    config: dict,
    network: keras.Model,
    tested: Split,
    reference: Split,
    outputs: dict[str, np.ndarray],
) -> dict[str, dict]:
    """What metrics.json says about predictors that learn nothing from the `reference` images."""
    here, there = photographs.describe(network, tested, reference)
    classes = len(config["class_names"])
    return scene_results.baselines(tested.targets, reference.targets, there, here, classes)


def write(folder: Path, config: dict, tested: Split, outputs: dict[str, np.ndarray]) -> None:
    """Writes predictions.csv, the attention and the images that the report shows."""
    photographs.write(folder, config, tested, outputs, write_predictions)


def write_predictions(
    path: Path,
    config: dict,
    tested: Split,
    outputs: dict[str, np.ndarray],
    chosen: list[list[str]] | None,
) -> set[int]:
    """Writes predictions.csv; returns the rows whose images the report shows.

    `chosen` are [N] rows of T layer names, None for a network without gates.
    """
    shares = scene_results.probabilities(outputs["logits"])
    classes = config["class_names"]
    scene_results.write_predictions_csv(path, tested.names, tested.targets, shares, classes, chosen)
    groups = scene_results.choose_images(scene_results.read_predictions_csv(path, classes))
    return {row for group in groups.values() for row in group}


def table(predictors: dict[str, dict]) -> list[str]:
    """Lines that compare the metrics of predictors, by name."""
    lines = [f"{'':<18}{'accuracy':>10}{'mean class accuracy':>22}"]
    for name, row in predictors.items():
        lines.append(f"{name:<18}{row['accuracy']:>10.1%}{row['mean_class_accuracy']:>22.1%}")
    return lines
