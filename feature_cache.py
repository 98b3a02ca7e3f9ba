"""The features of a run's images under a frozen trunk: computed once, kept in the run folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from data import features
from data.pipeline import Split
from errors import UserError
from files import writing
from models.googlenet import CHANNELS
from models.joint_attention import JointAttention
from run_folder import RunFolder
from weights.values import values_sha256

FOLDER = "features"
# What of a configuration says which features an image has.
DECISIVE = ("layers", "grid", "image_size", "seed", "mirror", "focal_length", "mixed_precision")


def require_space(config: dict, training: Split, validation: Split | None) -> None:
    """Says how much space the features take.

    Raises:
        UserError: The disk of the run folder has less.
    """
    run = Path(config["run_dir"]).absolute()
    if (run / "finished.json").exists():
        return
    crops = _passes(config) * len(training) + len(validation or ())
    channels = sum(CHANNELS[tap] for tap in config["layers"])
    needed = crops * config["grid"] ** 2 * channels * features.DTYPE.itemsize
    there = sum(file.stat().st_size for file in (run / FOLDER).rglob("*.npy"))
    disk = next(folder for folder in (run, *run.parents) if folder.exists())
    free = shutil.disk_usage(disk).free + there
    if needed > free:
        raise UserError(
            f"{run / FOLDER} needs {needed / 1e9:.2f} GB for the features of {crops} crops, and "
            f"the disk has {free / 1e9:.2f}: lower --cached_crops, or give a --run_dir elsewhere"
        )
    print(f"the features of {crops} crops take {needed / 1e9:.2f} GB in {run / FOLDER}")


def cached_batches(
    run: RunFolder,
    network: JointAttention,
    training: Split,
    validation: Split | None,
    train_options: dict,
    first_epoch: int,
) -> tuple[tf.data.Dataset, tf.data.Dataset | None]:
    """What `fit` trains and validates on: features in place of images, computed if need be.

    Pass k of the training images is what epoch k of `Split.train_batches` would show, so that the
    first epochs are those of a training that keeps no features.

    Raises:
        UserError: The features cannot be written or kept.
    """
    config, folder = run.config, run.path / FOLDER
    passes = [folder / f"crop-{number}" for number in range(_passes(config))]
    held_out = folder / "validation"
    with writing(folder):
        features.claim(folder, fingerprint(config, network, training, validation))
        _compute(config, network, training, passes, validation, held_out, train_options)
    size = config["batch_size"]
    opened = [features.Pass.open(path) for path in passes]
    batches = features.train_batches(opened, size, config["seed"], first_epoch)
    if not validation:
        return batches, None
    return batches, features.test_batches(features.Pass.open(held_out), size)


def discard(run: RunFolder) -> None:
    """Deletes the features of a run that is finished."""
    shutil.rmtree(run.path / FOLDER, ignore_errors=True)


def fingerprint(
    config: dict, network: JointAttention, training: Split, validation: Split | None
) -> dict:
    """What the features depend on, ready for JSON; crops are told apart by their pass."""
    return {
        **{name: config.get(name) for name in DECISIVE},
        "mean_rgb": list(network.trunk.mean_rgb),
        "trunk": values_sha256(network.trunk),
        "training": training.digest(),
        "validation": validation.digest() if validation else None,
    }


def _passes(config: dict) -> int:
    return min(config["cached_crops"], config["epochs"])


def _compute(
    config: dict,
    network: JointAttention,
    training: Split,
    passes: list[Path],
    validation: Split | None,
    held_out: Path,
    train_options: dict,
) -> None:
    """Writes the passes that are missing, the training images' in turn."""
    missing = [number for number, path in enumerate(passes) if not path.exists()]
    wanted = len(missing) * len(training)
    validate = validation is not None and not held_out.exists()
    wanted += len(validation) if validate else 0
    if not wanted:
        return
    model = _trunk_model(network, config["image_size"])
    progress = keras.utils.Progbar(wanted, verbose=config["verbose"], interval=1, unit_name="crop")

    def see(batches: Iterator[tuple[np.ndarray, np.ndarray]]) -> Iterator[features.Batch]:
        for images, targets in batches:
            yield model.predict_on_batch(images), targets
            progress.add(len(images))

    size = config["batch_size"]
    if validate:
        batches = validation.test_batches(size).as_numpy_iterator()
        features.write_pass(held_out, len(validation), see(batches))
    steps = -(-len(training) // size)
    for number in missing:  # each is an epoch's crops
        endless = training.train_batches(size, config["seed"], number, **train_options)
        batches = endless.take(steps).as_numpy_iterator()
        features.write_pass(passes[number], len(training), see(batches))


def _trunk_model(network: JointAttention, side: int) -> keras.Model:
    images = keras.Input((side, side, 3), dtype="uint8")
    model = keras.Model(images, network.features(images))
    model.compile(jit_compile=False)
    return model
