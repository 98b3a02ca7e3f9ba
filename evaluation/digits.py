"""What evaluation does for digits; `poses` has the same functions for poses."""

from pathlib import Path

import keras
import numpy as np
from PIL import Image

from data.mnist.pipeline import DigitSplit
from report import digit_report
from report.digit_report import write_report
from report.glimpse_maps import distances_in_pixels, error_by_glimpse
from tasks import scene_results
from tasks.results import image_file_name

__all__ = ["BATCH", "baselines", "metrics", "table", "write", "write_report"]

BATCH = 500


def metrics(config: dict, tested: DigitSplit, outputs: dict[str, np.ndarray]) -> dict:
    """What metrics.json says about the network: one look at each image, no averaging."""
    found = scene_results.scene_metrics(tested.targets, outputs["logits"], config["class_names"])
    found["error_percent"] = _error_percent(found)
    if "logits_by_glimpse" in outputs:
        errors = error_by_glimpse(outputs["logits_by_glimpse"], tested.targets)
        found["error_percent_by_glimpse"] = [round(100 * float(error), 4) for error in errors]
    if "locations" in outputs and tested.variant.translated:
        distances = distances_in_pixels(
            outputs["locations"], tested.test_centers(), tested.image_size
        )
        found["median_distance_px_by_glimpse"] = [
            round(float(distance), 2) for distance in np.median(distances, axis=0)
        ]
    return found


def baselines(
    config: dict,
    network: keras.Model,
    tested: DigitSplit,
    reference: DigitSplit,
    outputs: dict[str, np.ndarray],
) -> dict[str, dict]:
    """What metrics.json says about always answering the commonest digit of `reference`."""
    classes = len(config["class_names"])
    majority = np.bincount(reference.targets, minlength=classes).argmax()
    constant = np.eye(classes)[np.full(len(tested), majority)]
    found = scene_results.scene_metrics(tested.targets, constant, config["class_names"])
    kept = {name: found[name] for name in ("accuracy", "mean_class_accuracy", "images")}
    return {"majority_class": kept | {"error_percent": _error_percent(found)}}


def write(folder: Path, config: dict, tested: DigitSplit, outputs: dict[str, np.ndarray]) -> None:
    """Writes predictions.csv, the images that the report shows and, with glimpses, glimpses.npz."""
    classes = config["class_names"]
    path, labels = folder / "predictions.csv", tested.targets
    shares = scene_results.probabilities(outputs["logits"])
    scene_results.write_predictions_csv(path, tested.names, labels, shares, classes, None)
    groups = digit_report.choose_images(scene_results.read_predictions_csv(path, classes))
    shown = sorted({row for group in groups.values() for row in group})
    pictures = np.concatenate([images for images, _ in tested.test_batches(BATCH)])[shown, ..., 0]
    (folder / "images").mkdir(exist_ok=True)
    for row, picture in zip(shown, pictures, strict=True):
        name = image_file_name(row)
        Image.fromarray(picture).save(folder / "images" / name, quality=95)
    if "locations" in outputs:
        np.savez_compressed(
            folder / "glimpses.npz",
            images=pictures,
            shown=shown,
            labels=labels,
            locations=outputs["locations"],
            centers=tested.test_centers(),
            logits_by_glimpse=outputs["logits_by_glimpse"],
            glimpse_size=config["glimpse_size"],
            scales=config["scales"],
        )


def table(predictors: dict[str, dict]) -> list[str]:
    """Lines that compare the metrics of predictors, by name."""
    lines = [f"{'':<18}{'error':>10}"]
    return lines + [f"{name:<18}{row['error_percent']:>9.2f}%" for name, row in predictors.items()]


def _error_percent(found: dict) -> float:
    return round(100 * (1 - found["accuracy"]), 4)
