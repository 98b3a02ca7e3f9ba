"""Writes finished run folders with made-up results, for the tests of the report."""

import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from data import poses
from tasks import pose_results
from tasks.results import chosen_layers, image_file_name
from tasks.sequence_errors import sequence_metrics

LAYERS = ("3b", "4e", "5b")
STEPS = 3
GRID = 7


def made_up_poses(sequences: int, frames: int, seed: int = 0) -> np.ndarray:
    """Poses [sequences * frames, 7] of cameras that walk along arcs and look about them."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(sequences):
        t = np.linspace(0, 1, frames)
        start, sweep = random.uniform(0, 6), random.uniform(1, 3)
        angle = start + sweep * t
        radius = 1.2 + 0.3 * np.sin(5 * t + start)
        centre = np.stack([radius * np.cos(angle), 0.1 * np.sin(7 * t), radius * np.sin(angle)], 1)
        look = Rotation.from_euler(
            "yx", np.stack([90 - np.degrees(angle), 10 * np.sin(4 * t)], 1), True
        )
        rows.append(np.concatenate([centre, look.as_quat(canonical=True, scalar_first=True)], 1))
    return np.concatenate(rows)


def disturb(poses: np.ndarray, metres: float, degrees: float, seed: int = 1) -> np.ndarray:
    """Poses [N, 7] with errors of about this size, a few of them much larger."""
    random = np.random.default_rng(seed)
    size = random.lognormal(0, 0.6, len(poses))[:, None]
    moved = poses[:, :3] + size * metres / 1.6 * random.normal(size=(len(poses), 3))
    turn = Rotation.from_rotvec(
        np.radians(degrees) / 1.6 * size * random.normal(size=(len(poses), 3))
    )
    turned = turn * Rotation.from_quat(poses[:, 3:], scalar_first=True)
    return np.concatenate([moved, turned.as_quat(canonical=True, scalar_first=True)], 1)


def made_up_attention(
    images: int, grid: int = GRID, steps: int = STEPS, seed: int = 2
) -> np.ndarray:
    """Maps [images, steps, grid, grid]: a blob whose size and place differ by image and step."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:grid, :grid] / (grid - 1)
    centre = random.uniform(0.1, 0.9, (images, steps, 2, 1, 1))
    width = np.array([0.5, 0.25, 0.12, 0.3, 0.2])[:steps].reshape(1, steps, 1, 1)
    square = (y - centre[:, :, 0]) ** 2 + (x - centre[:, :, 1]) ** 2
    maps = np.exp(-square / (2 * width**2)) + 0.02
    return (maps / maps.sum(axis=(2, 3), keepdims=True)).astype(np.float32)


def made_up_gates(images: int, steps: int = STEPS, layers: int = len(LAYERS)) -> np.ndarray:
    """One-hot rows [images, steps, layers]: step t mostly takes layer t."""
    random = np.random.default_rng(3)
    chosen = np.where(
        random.random((images, steps)) < 0.7,
        np.minimum(np.arange(steps), layers - 1),
        random.integers(0, layers, (images, steps)),
    )
    return np.eye(layers, dtype=np.float32)[chosen]


def made_up_spread(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """A spread [N, 2] in metres and degrees that follows the errors, with noise."""
    errors = [
        poses.position_error_m(truth, predicted),
        poses.orientation_error_deg(truth, predicted),
    ]
    noise = np.random.default_rng(5).lognormal(0, 0.4, (len(truth), 2))
    return 0.5 * np.stack(errors, axis=-1) * noise


def write_history(path: Path, epochs: int = 12, *, attention: bool = True) -> None:
    fall = 0.3 + np.exp(-np.arange(epochs) / 3)
    columns = {"epoch": np.arange(epochs), "loss": 3 * fall, "pose_loss": 2.8 * fall}
    for prefix, factor in (("", 1.0), ("val_", 1.3)):
        columns[f"{prefix}median_position_m"] = 0.3 * factor * fall
        columns[f"{prefix}median_orientation_deg"] = 12 * factor * fall
    columns["val_loss"] = 3.6 * fall
    if attention:
        for step in range(1, STEPS + 1):
            share = np.linspace(1 / 3, 0.9, epochs)
            for index, layer in enumerate(LAYERS):
                value = share if index == step - 1 else (1 - share) / 2
                columns[f"gate_step{step}_{layer}"] = value
            columns[f"perplexity_step{step}"] = np.linspace(GRID**2, 40 / step, epochs)
        columns["temperature"] = np.linspace(5, 0.5, epochs)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def write_run(
    path: Path,
    *,
    scene: str = "redkitchen",
    attention: bool = True,
    images: np.ndarray | None = None,
    sequences: int = 2,
    frames: int = 12,
    uncertain: bool = False,
) -> Path:
    """Writes a run of `joint_attention`, or of `posenet` without attention.

    One that is `uncertain` says how far each answer may be off, and is right on average.

    `images` [N, S, S, 3] are taken in turn; without it they are noise of 32 pixels.
    """
    test = path / "test"
    (test / "images").mkdir(parents=True)
    count = sequences * frames
    truth = made_up_poses(sequences, frames)
    predicted = disturb(truth, 0.12, 4.0)
    sequence_names = [f"seq-{n // frames + 1:02d}" for n in range(count)]
    names = [f"{s}/frame-{n % frames:06d}" for n, s in enumerate(sequence_names)]
    gates, maps = made_up_gates(count), made_up_attention(count)
    pose_results.write_predictions_csv(
        test / "predictions.csv",
        names,
        sequence_names,
        truth,
        predicted,
        chosen_layers(gates, LAYERS) if attention else None,
        spread := made_up_spread(truth, predicted) if uncertain else None,
    )
    metrics = pose_results.pose_metrics(truth, predicted)
    metrics |= sequence_metrics(truth, predicted, sequence_names)
    if uncertain:
        metrics["uncertainty"] = pose_results.uncertainty_metrics(truth, predicted, spread)
    metrics["baselines"] = {
        "mean_pose": pose_results.pose_metrics(truth, disturb(truth, 0.6, 25.0, 8)),
        "retrieval": pose_results.pose_metrics(truth, disturb(truth, 0.15, 7.0, 9)),
    }
    (test / "metrics.json").write_text(json.dumps(metrics))
    config = {
        "task": "pose",
        "dataset": "7scenes",
        "scene": scene,
        "data_dir": "data",
        "model": "joint_attention" if attention else "posenet",
        "steps": STEPS,
        "layers": list(LAYERS),
        "seed": 0,
        "image_size": 224,
        "skip_bad": False,
        "validation_sequences": ["seq-03"],
    }
    (path / "config.json").write_text(json.dumps(config))
    write_history(path / "history.csv", attention=attention)
    if attention:
        np.savez(test / "attention.npz", layer_gates=gates, attention=maps, layers=list(LAYERS))
    if images is None:
        images = np.random.default_rng(4).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    errors = pose_results.read_predictions_csv(test / "predictions.csv")
    chosen = pose_results.choose_images(errors.position_error_m, errors.orientation_error_deg)
    for row in {row for rows in chosen.values() for row in rows}:
        picture = Image.fromarray(images[row % len(images)])
        picture.save(test / "images" / image_file_name(row))
    return path
