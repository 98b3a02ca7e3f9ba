"""Evaluates a run on a split: predictions, metrics beside the baselines', pictures and report."""

import json
from pathlib import Path

import keras
import numpy as np
from keras import ops
from PIL import Image

import pose_evaluation
import scene_evaluation
from data.catalog import prepare
from data.pipeline import Split, load_split
from data.preparation import PreparedScene
from errors import UserError
from run_folder import RunFolder, load_network
from tasks.pose_results import chosen_layers, image_file_name

BATCH = 40
TASKS = {"pose": pose_evaluation, "scene": scene_evaluation}


def evaluate(run: RunFolder, split: str, data_dir: str | None = None) -> dict:
    """Writes `<run>/<split>/` and returns what metrics.json there holds.

    Args:
        run: A run with a checkpoint.
        split: "test", or "validation": the training sequences that were held out.
        data_dir: Where the data lie, if not where they lay in training.

    Raises:
        UserError: Checkpoint or data cannot be used, or nothing was held out.
    """
    task = TASKS[run.config.get("task", "pose")]
    network = load_network(run)
    scene = _prepare(run.config, data_dir)
    reference = load_split(scene, "train", run.config["image_size"], _trained_on(run, scene))
    tested = _load(run, scene, split)
    folder = run.split_folder(split)

    print(f"evaluating {len(tested)} images of {run.config['scene']} ({split})")
    outputs = network.predict(tested.test_batches(BATCH))
    metrics = task.metrics(run.config, tested, outputs)
    descriptor = descriptor_model(network, run.config["image_size"])
    print(f"describing them and {len(reference)} training images for retrieval")
    metrics["baselines"] = task.baselines(
        run.config,
        tested,
        reference,
        descriptor.predict(tested.test_batches(BATCH)),
        descriptor.predict(reference.test_batches(BATCH)),
    )
    chosen = None
    if "layer_gates" in outputs:
        chosen = chosen_layers(outputs["layer_gates"], run.config["layers"])
    shown = task.write_predictions(folder / "predictions.csv", run.config, tested, outputs, chosen)
    _save_maps(folder / "attention.npz", outputs, run.config["layers"])
    _save_images(folder / "images", tested, shown)
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    task.write_report(run.path, split)
    return metrics


def comparison(config: dict, metrics: dict) -> list[str]:
    """Lines with the model's main numbers and, below, the baselines'."""
    predictors = {config["model"]: metrics, **metrics["baselines"]}
    return TASKS[config.get("task", "pose")].table(predictors)


def descriptor_model(network: keras.Model, side: int) -> keras.Model:
    """Images [B, side, side, 3] to descriptors [B, C]: the trunk's deepest map, averaged."""
    trunk = network.trunk
    images = keras.Input((side, side, 3), dtype="uint8")
    descriptor = ops.mean(ops.cast(trunk(images)[trunk.deepest], "float32"), axis=(1, 2))
    model = keras.Model(images, descriptor)
    model.compile(jit_compile=False)
    return model


def _prepare(config: dict, data_dir: str | None) -> PreparedScene:
    return prepare(
        config["dataset"],
        config["scene"],
        data_dir or config["data_dir"],
        skip_bad=config["skip_bad"],
        seed=config["seed"],
    )


def _trained_on(run: RunFolder, scene: PreparedScene) -> list[str]:
    aside = run.config["validation_sequences"]
    return [sequence for sequence in scene.sequences("train") if sequence not in aside]


def _load(run: RunFolder, scene: PreparedScene, split: str) -> Split:
    size = run.config["image_size"]
    if split == "test":
        return load_split(scene, "test", size)
    if not run.config["validation_sequences"]:
        raise UserError(f"{run.path} held nothing out for validation: evaluate --split=test")
    return load_split(scene, "train", size, run.config["validation_sequences"])


def _save_maps(path: Path, outputs: dict, layers: list[str]) -> None:
    maps = {key: outputs[key] for key in ("layer_gates", "attention") if key in outputs}
    if maps:
        np.savez_compressed(path, **maps, layers=np.array(layers))


def _save_images(folder: Path, tested: Split, rows: set[int]) -> None:
    folder.mkdir(exist_ok=True)
    for row, (image, _) in enumerate(tested.test_batches(1).as_numpy_iterator()):
        if row in rows:
            Image.fromarray(image[0]).save(folder / image_file_name(row), quality=92)
