"""Evaluates a run on a split: predictions, metrics beside the baselines', pictures and report."""

import json
from pathlib import Path

import keras
import numpy as np
from keras import ops
from PIL import Image

from data.catalog import prepare
from data.pipeline import Split, load_split
from data.preparation import PreparedScene
from errors import UserError
from report.pose_report import write_report
from run_folder import RunFolder, load_network
from tasks import pose_results

BATCH = 40


def evaluate(run: RunFolder, split: str, data_dir: str | None = None) -> dict:
    """Writes `<run>/<split>/` and returns what metrics.json there holds.

    Args:
        run: A run with a checkpoint.
        split: "test", or "validation": the training sequences that were held out.
        data_dir: Where the data lie, if not where they lay in training.

    Raises:
        UserError: Checkpoint or data cannot be used, or nothing was held out.
    """
    network = load_network(run)
    scene = _prepare(run.config, data_dir)
    reference = load_split(scene, "train", run.config["image_size"], _trained_on(run, scene))
    tested = _load(run, scene, split)
    folder = run.split_folder(split)

    print(f"evaluating {len(tested)} images of {run.config['scene']} ({split})")
    outputs = network.predict(tested.test_batches(BATCH))
    metrics = pose_results.pose_metrics(tested.poses, outputs["pose"])
    descriptor = descriptor_model(network, run.config["image_size"])
    print(f"describing them and {len(reference)} training images for retrieval")
    metrics["baselines"] = pose_results.baselines(
        tested.poses,
        reference.poses,
        descriptor.predict(reference.test_batches(BATCH)),
        descriptor.predict(tested.test_batches(BATCH)),
    )
    _write(folder, run, tested, outputs, metrics)
    write_report(run.path, split)
    return metrics


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


def _write(folder: Path, run: RunFolder, tested: Split, outputs: dict, metrics: dict) -> None:
    layers = run.config["layers"]
    chosen = None
    if "layer_gates" in outputs:
        chosen = pose_results.chosen_layers(outputs["layer_gates"], layers)
    pose_results.write_predictions_csv(
        folder / "predictions.csv",
        tested.names,
        tested.sequence_of,
        tested.poses,
        outputs["pose"],
        chosen,
    )
    maps = {key: outputs[key] for key in ("layer_gates", "attention") if key in outputs}
    if maps:
        np.savez_compressed(folder / "attention.npz", **maps, layers=np.array(layers))
    rows = pose_results.read_predictions_csv(folder / "predictions.csv")
    chosen_rows = pose_results.choose_images(rows.position_error_m, rows.orientation_error_deg)
    _save_images(folder / "images", tested, {int(i) for part in chosen_rows.values() for i in part})
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")


def _save_images(folder: Path, tested: Split, rows: set[int]) -> None:
    folder.mkdir(exist_ok=True)
    for row, (image, _) in enumerate(tested.test_batches(1).as_numpy_iterator()):
        if row in rows:
            Image.fromarray(image[0]).save(folder / pose_results.image_file_name(row), quality=92)
