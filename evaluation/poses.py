"""What evaluation does for poses; `scenes` has the same functions for classes."""

from pathlib import Path

import keras
import numpy as np

from data.pipeline import Split
from evaluation import photographs
from evaluation.photographs import BATCH, gate_metrics
from report.pose_report import write_report
from tasks import pose_results
from tasks.sequence_errors import sequence_metrics

__all__ = ["BATCH", "baselines", "gate_metrics", "metrics", "table", "write", "write_report"]


def metrics(config: dict, tested: Split, outputs: dict[str, np.ndarray]) -> dict:
    """What metrics.json says about the network."""
    found = pose_results.pose_metrics(tested.targets, outputs["pose"])
    if "uncertainty" in outputs:
        found["uncertainty"] = pose_results.uncertainty_metrics(
            tested.targets, outputs["pose"], outputs["uncertainty"]
        )
    return found | sequence_metrics(tested.targets, outputs["pose"], tested.sequence_of)


def baselines(
    config: dict,
    network: keras.Model,
    tested: Split,
    reference: Split,
    outputs: dict[str, np.ndarray],
) -> dict[str, dict]:
    """What metrics.json says about predictors that learn nothing from the `reference` images."""
    here, there = photographs.describe(network, tested, reference)
    return pose_results.baselines(tested.targets, reference.targets, there, here)


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
    pose_results.write_predictions_csv(
        path, tested.names, tested.sequence_of, tested.targets, outputs["pose"], chosen,
        outputs.get("uncertainty"),
    )  # fmt: skip
    rows = pose_results.read_predictions_csv(path)
    groups = pose_results.choose_images(rows.position_error_m, rows.orientation_error_deg)
    return {row for group in groups.values() for row in group}


def table(predictors: dict[str, dict]) -> list[str]:
    """Lines that compare the metrics of predictors, by name."""
    lines = [f"{'median errors':<18}{'position':>12}{'orientation':>14}"]
    for name, row in predictors.items():
        position, degrees = row["median_position_m"], row["median_orientation_deg"]
        lines.append(f"{name:<18}{position:>10.3f} m{degrees:>10.2f} deg")
    return lines
