"""Trains one network on one scene: the whole of it reads top to bottom in `train`."""

import math
import resource
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from data.pipeline import Split, initial_pose
from data.sources import AnySplit, Source, open_source
from errors import UserError
from feature_cache import cached_batches, discard, require_space
from files import BROKEN_WEIGHTS, copy_file
from processor import emulates
from report.attention_figures import attention_panel
from run_folder import RunFolder, build_task, load_network, load_weights
from shared_training import open_posenet, take_over
from tasks import callbacks
from tasks.optimizer import ScaledAdam
from tasks.pose_results import uncertainty_metrics
from tasks.task import Task
from weights.pretrained import Pretrained, open_pretrained, start_from
from weights.values import first_not_finite

PICTURES = 4  # images whose attention is drawn
DRAWN = 20  # epochs, evenly spread, after which it is: a picture takes more than a second
HEADS = ("adapter", "layer_gate", "spatial_attention", "lstm", "dense", "head", "log_weights")


def train(config: dict) -> RunFolder:
    """Trains, or goes on training, what a resolved configuration says; see `configuration.resolve`.

    Raises:
        UserError: Data or run folder cannot be used, or another process is at work in the folder.
    """
    RunFolder.check(config)
    posenet = None
    if config.get("posenet_run") and not RunFolder(Path(config["run_dir"]), config).finished:
        posenet = open_posenet(config)
        config = config | {"mixed_precision": posenet.config["mixed_precision"]}
    start = open_pretrained(config["pretrained"]) if config.get("pretrained") else None
    source = open_source(config, config["data_dir"])
    training, validation = source.train_and_validation(
        config.get("validation_fraction", 0.0), config.get("validation_sequences")
    )
    if config["early_stopping"] and validation is None:
        raise UserError(
            f"--early_stopping={config['early_stopping']} needs held-out sequences: "
            "the scene has too few, or --validation_fraction=0"
        )
    if config.get("cached_crops"):
        require_space(config, training, validation)
    keras.utils.set_random_seed(config["seed"])  # from here on: the same heads on any start
    run = RunFolder.create(config | describe_data(config["task"], training, validation, start))
    with run.locked():
        if run.finished:
            return finish(run)
        if posenet:
            take_over(run, posenet)
            print(f"{posenet.path} gives its weights")
            if validation:
                calibrate(run, build_task(run.config), validation)
            copy_file(posenet.path / "finished.json", run.path / "finished.json")
            return finish(run)

        if compiled := needs_xla(run.config):
            print(
                "--mixed_precision=bfloat16: this processor has no instructions for it; XLA, which "
                "goes by way of float32, compiles the training first, for a minute or more"
            )
        steps_per_epoch = math.ceil(len(training) / config["batch_size"])
        task = build_task(run.config)
        if config.get("freeze"):
            task.network.trunk.freeze(config["freeze"])
        compile_task(task, config, steps_per_epoch, compiled)
        backup = make_backup(run, validation is not None)
        first_epoch = restore(backup, task)
        if first_epoch:
            print(f"{run.path} goes on after epoch {first_epoch}")
        elif start:
            started = ", the ".join(start_from(task.network, start))
            print(f"{config['pretrained']} starts the {started}")

        batches, held_out = make_batches(run, task, training, validation, source, first_epoch)
        try:
            history = task.fit(
                batches,
                validation_data=held_out,
                epochs=epochs_to_train(run, task, first_epoch),
                initial_epoch=first_epoch,
                steps_per_epoch=steps_per_epoch,
                callbacks=make_callbacks(run, task, backup, first_epoch, training, validation),
                verbose=config["verbose"],
                shuffle=False,  # the data come shuffled
            )
        except RuntimeError as error:
            if "NaN or Inf loss" not in str(error):
                raise
            raise diverged(run) from error
        except tf.errors.ResourceExhaustedError as error:  # which memory may be, too
            if "No space left" not in str(error):
                raise
            raise UserError(
                f"{run.path / 'tensorboard'} cannot be written: No space left on device"
            ) from error
        # The loss that fit looks at is of before a step: the last one's may have come to nothing.
        if first_not_finite(task):
            raise diverged(run)
        if validation and hasattr(task.network, "calibrate"):
            calibrate(run, task, validation)
        epochs = history.epoch[-1] + 1 if history.epoch else first_epoch
        run.mark_finished({"epochs": epochs, "peak_memory_gib": peak_memory()})
        return finish(run)


def diverged(run: RunFolder) -> UserError:
    """What is said of a training that has come to no numbers."""
    return UserError(
        f"the loss of {run.path} is no longer a number: lower --learning_rate, and give another "
        "--run_dir"
    )


def finish(run: RunFolder) -> RunFolder:
    """Leaves a run that is finished as it is to be kept, and says so."""
    discard(run)
    print(f"{run.path} is finished: evaluate it with python eval.py --run_dir={run.path}")
    return run


def epochs_to_train(run: RunFolder, task: Task, first_epoch: int) -> int:
    """--epochs; no more than there were if --early_stopping had ended them before the break."""
    past = callbacks.read_history(run.history)[:first_epoch]
    patience = run.config["early_stopping"]
    first = settled_from(run.config)
    if patience and callbacks.has_stopped(past, f"val_{task.monitor}", patience, first):
        return first_epoch
    return run.config["epochs"]


def settled_from(config: dict) -> int:
    """The first epoch whose network may be the best: from where on its steps have settled."""
    return callbacks.settled_from(config["epochs"], config.get("settle_fraction", 0.0))


def make_batches(
    run: RunFolder,
    task: Task,
    training: AnySplit,
    validation: AnySplit | None,
    source: Source,
    first_epoch: int,
) -> tuple[tf.data.Dataset, tf.data.Dataset | None]:
    """What `fit` trains on, without end, and validates on."""
    config, options = run.config, source.train_options
    if config.get("cached_crops"):
        return cached_batches(run, task.network, training, validation, options, first_epoch)
    size = config["batch_size"]
    return (
        training.train_batches(size, config["seed"], first_epoch, **options),
        validation.test_batches(size) if validation else None,
    )


def peak_memory() -> float:
    """The most memory that this process has had so far, GiB."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30, 3)


def calibrate(run: RunFolder, task: Task, validation: Split) -> None:
    """Fits the best checkpoint's uncertainty to its errors on held-out images, and keeps it."""
    load_weights(task, run.weights("best"))
    network = load_network(run)  # in float32, as it answers
    network.calibrate((1.0, 1.0))
    outputs = network.predict(validation.test_batches(run.config["batch_size"]), verbose=0)
    found = uncertainty_metrics(validation.targets, outputs["pose"], outputs["uncertainty"])
    scale = [found[name]["error_per_spread"] for name in ("position", "orientation")]
    task.network.calibrate(scale)
    task.save_weights(run.weights("best"))
    logging.info("uncertainty is the spread times %.2f in metres, %.2f in degrees", *scale)


def describe_data(
    task: str, training: AnySplit, validation: AnySplit | None, start: Pretrained | None
) -> dict:
    """The entries of config.json that come from the data.

    The mean that a network of photographs subtracts is the training images', unless its weights
    come from a network that was trained with another.
    """
    network = {}
    if task in ("pose", "scene"):
        network["mean_rgb"] = list(start.facts["mean_rgb"] if start else training.mean_rgb())
    if task == "pose":
        network["initial_pose"] = initial_pose(training)
    facts = {
        "network": network,
        "train_images": len(training),
        "validation_sequences": sorted(set(validation.sequence_of)) if validation else [],
        "pretrained_sha256": start.sha256 if start else None,
    }
    if task == "game":
        network["side"] = training.side
    else:
        facts["train_crc32"] = training.crc32()
    if task in ("scene", "digit"):
        network["classes"] = len(training.classes)
        facts["class_names"] = list(training.classes)
    return facts


def needs_xla(config: dict) -> bool:
    """Whether to have XLA compile a training: in bfloat16 on a processor that has none.

    TensorFlow's own operations take ten times as long there. Not games: XLA has no gradient of a
    loop whose length it does not know.
    """
    return emulates(config["mixed_precision"]) and config["task"] != "game"


def compile_task(task: Task, config: dict, steps_per_epoch: int, compiled: bool = False) -> None:
    """Makes the task, whose frozen parts are frozen already, ready to be trained.

    Args:
        compiled: By XLA, see `needs_xla`.
    """
    task.compile(make_optimizer(config, steps_per_epoch), jit_compile=compiled)
    # Adam's moments, if they came to be in the first step, would have its graph traced twice.
    task.optimizer.build(task.trainable_variables)


def make_optimizer(config: dict, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Adam as the thesis has it (5.1), with a schedule and, beside a trunk, the parts' factors."""
    rate = config["learning_rate"]
    if config["learning_rate_schedule"] == "cosine":
        steps = steps_per_epoch * config["epochs"]
        rate = keras.optimizers.schedules.CosineDecay(rate, steps, alpha=0.01)
    scales = {}
    if config["task"] in ("pose", "scene"):
        head = config["head_learning_rate_scale"]
        scales = {
            "spatial_attention/mask": head * config.get("mask_learning_rate_scale", 1.0),
            "trunk/": config["trunk_learning_rate_scale"],
            **dict.fromkeys(HEADS, head),
        }
    return ScaledAdam(rate, beta_1=0.9, beta_2=0.999, epsilon=1e-8, scales=scales)


def make_backup(run: RunFolder, held_out: bool) -> callbacks.Backup:
    """The checkpoint `last`; with nothing held out to choose by, `best` is the same."""
    if (old := run.path / "backup/latest.weights.h5").exists():  # as the project had it once
        old.replace(run.weights("last"))
    return callbacks.Backup(run.weights("last"), None if held_out else run.weights("best"))


def restore(backup: callbacks.Backup, task: Task) -> int:
    """Restores the last backup; returns the number of epochs that it has seen.

    Raises:
        UserError: The backup is not this network's.
    """
    try:
        return backup.restore(task)
    except BROKEN_WEIGHTS as error:
        raise UserError(
            f"{backup.path} is no usable checkpoint of this network: delete it to start over"
        ) from error


def make_callbacks(
    run: RunFolder,
    task: Task,
    backup: callbacks.Backup,
    first_epoch: int,
    training: AnySplit,
    validation: AnySplit | None,
) -> list[keras.callbacks.Callback]:
    """What `fit` calls, in this order: values are added to the logs before they are written."""
    config, network = run.config, task.network
    history = callbacks.History(run.history, first_epoch)
    past = history.past
    if len(past) < first_epoch:
        raise UserError(
            f"{run.history} has {len(past)} of the {first_epoch} epochs that the run's checkpoint "
            "has seen: give another --run_dir"
        )
    monitor = f"val_{task.monitor}" if validation else None
    run.weights("best").parent.mkdir(exist_ok=True)
    chosen = [callbacks.EpochSeconds(), callbacks.EpochSeeds(config["seed"])]
    if getattr(network, "gate", None):
        settle = config.get("settle_fraction", 0.0)
        chosen.append(
            callbacks.GateSchedule(
                network.gate,
                config["epochs"],
                config["temperature_start"],
                config["temperature_end"],
                min(config["soft_fraction"], settle or 1.0),
                config["quiet_fraction"],
            )
        )
        if settle:
            chosen.append(callbacks.SettleLayers(network, config["epochs"], settle, past))
    tensorboard = keras.callbacks.TensorBoard(str(run.path / "tensorboard"), write_graph=False)
    chosen += [history, tensorboard]
    if getattr(network, "where", None):
        images = next(iter((validation or training).test_batches(PICTURES)))[0]
        folder = run.path / "tensorboard" / "pictures"
        chosen.append(AttentionPictures(folder, images.numpy(), config["epochs"]))
    if monitor:
        first = settled_from(config)
        chosen.append(callbacks.BestCheckpoint(run.weights("best"), past, monitor, first))
        if patience := config["early_stopping"]:
            chosen.append(callbacks.EarlyStopping(past, monitor, patience, first))
    # First, and by raising: the epoch ends there, without a checkpoint and not as finished.
    return [callbacks.TerminateOnNaN(monitor), *chosen, backup]


class AttentionPictures(keras.callbacks.Callback):
    """Draws where the network looks in a few images, for TensorBoard.

    Args:
        folder: For the events.
        images: uint8 [N, S, S, 3].
        epochs: Of the whole run: `DRAWN` of them, the last one among them.
    """

    def __init__(self, folder: Path, images: np.ndarray, epochs: int):
        super().__init__()
        self.writer = tf.summary.create_file_writer(str(folder))
        self.images = images
        self.after = {-(-epochs * number // DRAWN) - 1 for number in range(1, DRAWN + 1)}

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if epoch not in self.after:
            return
        network = self.model.network
        outputs = {key: np.array(value) for key, value in network(self.images).items()}
        if not np.isfinite(outputs["attention"]).all():
            return  # the next batch's loss will tell
        panel = attention_panel(
            self.images, outputs.get("layer_gates"), outputs["attention"], network.candidates
        )
        with self.writer.as_default():
            tf.summary.image("attention", panel[None], step=epoch)
        self.writer.flush()
