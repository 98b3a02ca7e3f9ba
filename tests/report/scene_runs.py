"""Writes finished runs of scene recognition with made-up results, for the tests of the report."""

import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image

from tasks import scene_results
from tasks.results import chosen_layers, image_file_name
from tests.report.runs import LAYERS, STEPS, made_up_attention, made_up_gates

CLASSES = ("bar", "bedroom", "church inside", "kitchen", "office", "stairs", "store")


def made_up_logits(labels: np.ndarray, classes: int, seed: int = 0) -> np.ndarray:
    """Logits [N, classes] of a classifier that is mostly right, and confuses neighbours."""
    random = np.random.default_rng(seed)
    skill = random.uniform(1.0, 6.0, classes)[labels]
    logits = random.normal(0, 1.2, (len(labels), classes))
    rows = np.arange(len(labels))
    logits[rows, labels] += skill
    logits[rows, (labels + 1) % classes] += random.choice([0, 3.5], len(labels), p=(0.7, 0.3))
    return logits


def write_history(path: Path, epochs: int = 12, *, attention: bool = True) -> None:
    fall = 0.3 + np.exp(-np.arange(epochs) / 3)
    columns = {"epoch": np.arange(epochs), "loss": 3 * fall, "val_loss": 3.6 * fall}
    for prefix, factor in (("", 1.0), ("val_", 1.4)):
        columns[f"{prefix}cross_entropy"] = 2 * factor * fall
        columns[f"{prefix}accuracy"] = np.exp(-factor * fall)
    if attention:
        for step in range(1, STEPS + 1):
            share = np.linspace(1 / 3, 0.9, epochs)
            for index, layer in enumerate(LAYERS):
                value = share if index == step - 1 else (1 - share) / 2
                columns[f"gate_step{step}_{layer}"] = value
            columns[f"perplexity_step{step}"] = np.linspace(49, 40 / step, epochs)
        columns["temperature"] = np.linspace(2, 0.5, epochs)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def write_scene_run(
    path: Path,
    *,
    classes: tuple[str, ...] = CLASSES,
    attention: bool = True,
    images: np.ndarray | None = None,
    per_class: int = 6,
) -> Path:
    """Writes a run of `joint_attention`, or of `googlenet` without attention.

    `images` [N, S, S, 3] are those of the rows; without it they are noise of 32 pixels.
    """
    test = path / "test"
    (test / "images").mkdir(parents=True)
    labels = np.repeat(np.arange(len(classes)), per_class)
    logits = made_up_logits(labels, len(classes))
    gates, maps = made_up_gates(len(labels)), made_up_attention(len(labels))
    scene_results.write_predictions_csv(
        test / "predictions.csv",
        [f"{classes[label]}/image_{row:04d}.jpg" for row, label in enumerate(labels)],
        labels,
        scene_results.probabilities(logits),
        classes,
        chosen_layers(gates, LAYERS) if attention else None,
    )
    metrics = scene_results.scene_metrics(labels, logits, classes)
    random = np.random.default_rng(1)
    metrics["baselines"] = scene_results.baselines(
        labels, labels, np.eye(len(classes))[labels],
        np.eye(len(classes))[labels] + random.normal(0, 0.7, (len(labels), len(classes))),
        len(classes),
    )  # fmt: skip
    (test / "metrics.json").write_text(json.dumps(metrics))
    config = {
        "task": "scene", "dataset": "scenes15", "scene": "scenes15", "data_dir": "data",
        "model": "joint_attention" if attention else "googlenet", "steps": STEPS,
        "layers": list(LAYERS), "seed": 0, "image_size": 224, "skip_bad": False,
        "network": {"classes": len(classes), "mean_rgb": [120.0, 115.0, 105.0]},
        "class_names": list(classes), "validation_sequences": ["fold-1"],
    }  # fmt: skip
    (path / "config.json").write_text(json.dumps(config))
    write_history(path / "history.csv", attention=attention)
    if attention:
        np.savez(test / "attention.npz", layer_gates=gates, attention=maps, layers=list(LAYERS))
    if images is None:
        images = random.integers(0, 256, (len(labels), 32, 32, 3), dtype=np.uint8)
    rows = scene_results.read_predictions_csv(test / "predictions.csv", classes)
    for row in {row for group in scene_results.choose_images(rows).values() for row in group}:
        picture = Image.fromarray(images[row])
        picture.save(test / "images" / image_file_name(row))
    return path
