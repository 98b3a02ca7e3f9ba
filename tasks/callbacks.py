"""Callbacks for `fit`: schedules, and what makes a broken run end like an unbroken one."""

import csv
import os
import time
from collections.abc import Sequence
from pathlib import Path

import keras

from files import copy_file, whole_file, writing
from tasks.task import gate_metric


class EpochSeeds(keras.callbacks.Callback):
    """Seeds dropout and gate noise anew at each epoch, from the seed and the epoch's number.

    Weight files do not hold the state of random generators; this way an epoch draws the same noise
    whether or not the run was broken off before it.
    """

    def __init__(self, seed: int):
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch, logs=None):
        layers = self.model._flatten_layers()
        generators = [g for g in (getattr(x, "seed_generator", None) for x in layers) if g]
        for number, generator in enumerate(generators):
            # In what any backend's state holds.
            state = (self.seed * 1009 + number, epoch * 1_000_003)
            generator.state.assign([value % 2**31 for value in state])


class GateSchedule(keras.callbacks.Callback):
    """Hardens the layer gate (thesis, 4.3): temperature falls, geometrically, epoch by epoch.

    For the first `soft_fraction` of the epochs the gate also passes, linearly, from a mixture of
    all layers to one sampled layer: the straight-through gradient alone reaches only the chosen
    layer, too little for a trunk that starts from random weights. After it the gate's noise may
    fade, linearly, to be gone for the last `quiet_fraction` of the epochs: the gate then takes the
    layers that it takes in testing, but nothing widens the margins between them any more.

    Args:
        gate: The `LayerGate`.
        epochs: Of the whole run.
        start: First temperature.
        end: Last temperature.
        soft_fraction: 0 samples from the first epoch on.
        quiet_fraction: 0 keeps the noise to the end, as the thesis does.
    """

    def __init__(
        self,
        gate,
        epochs: int,
        start: float,
        end: float,
        soft_fraction: float,
        quiet_fraction: float = 0.0,
    ):
        super().__init__()
        self.gate = gate
        self.epochs = epochs
        self.start = start
        self.end = end
        self.soft_fraction = soft_fraction
        self.quiet_fraction = quiet_fraction

    def on_epoch_begin(self, epoch, logs=None):
        done = epoch / max(1, self.epochs - 1)
        self.gate.temperature.assign(self.start * (self.end / self.start) ** done)
        soft_epochs = self.soft_fraction * self.epochs
        self.gate.softness.assign(max(0.0, 1.0 - epoch / soft_epochs) if soft_epochs else 0.0)
        self.gate.noise.assign(self._noise(epoch))

    def _noise(self, epoch: int) -> float:
        if not self.quiet_fraction:
            return 1.0
        quiet = self.epochs * (1.0 - self.quiet_fraction)
        fading = max(1.0, quiet - self.epochs * self.soft_fraction)
        return min(1.0, max(0.0, (quiet - epoch) / fading))

    def on_epoch_end(self, epoch, logs=None):
        logs["temperature"] = float(self.gate.temperature)
        logs["softness"] = float(self.gate.softness)
        logs["noise"] = float(self.gate.noise)


class SettleLayers(keras.callbacks.Callback):
    """Has each step keep to one layer, for all images, once the gate has tried them for a while.

    Where layers are worth about the same, a gate goes on changing its mind, and what comes after
    it must follow. After a part of the epochs, one at least and not all of several, the steps are
    shared among the layers in proportion to how often the gate selected each in the last of them
    (`apportion`). That is done as the next epoch begins, so that checkpoints hold the network that
    their numbers were measured on; only from then on do epochs count for the best of them.

    Args:
        network: The `JointAttention`.
        epochs: Of the training.
        settle_fraction: Part of them after which steps settle.
        past: Rows of the history so far, if the run was broken off.
    """

    def __init__(
        self,
        network,
        epochs: int,
        settle_fraction: float,
        past: Sequence[dict[str, str]] = (),
    ):
        super().__init__()
        self.network = network
        self.free = settled_from(epochs, settle_fraction)
        self.logs = past[-1] if past else {}

    def on_epoch_begin(self, epoch, logs=None):
        if epoch != self.free:
            return
        candidates, steps = self.network.candidates, range(self.network.steps)
        shares = [[float(self.logs[gate_metric(k, tap)]) for tap in candidates] for k in steps]
        plan = apportion(shares)
        self.network.plan.assign(plan)
        taken = ", ".join(candidates[number] for number in plan)
        print(f"from epoch {epoch + 1} on the steps keep to the layers {taken}")

    def on_epoch_end(self, epoch, logs=None):
        self.logs = dict(logs)


def settled_from(epochs: int, settle_fraction: float) -> int:
    """The first epoch, from 0, of networks whose steps have settled; 0 where they never do."""
    return max(1, min(round(settle_fraction * epochs), epochs - 1)) if settle_fraction else 0


def apportion(selected: list[list[float]]) -> list[int]:
    """Shares T steps among L layers in proportion to how often they were selected [T, L].

    Webster's rule (Sainte-Lague's), which favours neither large nor small shares, in the steps'
    order: each takes the layer with the largest share at that step, divided by 1 where no step has
    taken the layer yet, by 3 where one has, by 5 where two have.

    Returns:
        The layer of each step.
    """
    plan = []
    for shares in selected:
        worth = [share / (1 + 2 * plan.count(layer)) for layer, share in enumerate(shares)]
        plan.append(worth.index(max(worth)))
    return plan


class EpochSeconds(keras.callbacks.Callback):
    """Adds the epoch's wall time, validation included, to the logs."""

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        logs["seconds"] = round(time.monotonic() - self._start, 2)


class Backup(keras.callbacks.Callback):
    """Keeps weights, the optimizer's state and the number of epochs, in one file, after each epoch.

    `keras.callbacks.BackupAndRestore` writes the number to a second file, and a kill between the
    two would pair new weights with an old number; and it writes over the only whole backup. This
    one restores before `fit`, since the data must know where to begin, and keeps its file at the
    end, so that a finished run is known to be one.

    Args:
        path: The file: the checkpoint of the last epoch.
        best: The best epoch's, where that is the last one too: what is in it is written once.
    """

    def __init__(self, path: Path, best: Path | None = None):
        super().__init__()
        self.path = path
        self.best = best

    def restore(self, task) -> int:
        """Loads the last backup, if any, into the built `task`; returns the epochs it has seen."""
        if self.path.exists():
            if not task.optimizer.built:
                task.optimizer.build(task.trainable_variables)
            task.load_weights(self.path)
        return int(task.epochs_seen)

    def on_epoch_end(self, epoch, logs=None):
        self.model.epochs_seen.assign(epoch + 1)
        if self.best is None:
            self.model.save_weights(self.path)
        else:  # the backup comes last: an epoch that is in it is not run again
            self.model.save_weights(self.best)
            copy_file(self.best, self.path)


class History(keras.callbacks.CSVLogger):
    """`CSVLogger` that forgets the rows of epochs that are to be run again, and a row cut off.

    Where a run goes on with other metrics, all rows get the columns of both; `CSVLogger` would put
    the new values under the old names.

    Args:
        path: The file.
        first_epoch: Of those to be run, from 0.

    Attributes:
        past: The rows before it.
    """

    def __init__(self, path: Path, first_epoch: int):
        super().__init__(str(path), append=True)
        self.path = path
        rows = read_history(path)
        self.past = [row for row in rows if int(row["epoch"]) < first_epoch]
        if rows:
            self._write(list(rows[0]))
        else:
            path.unlink(missing_ok=True)

    def on_epoch_end(self, epoch, logs=None):
        if self.keys is None:  # the first one since the run was started
            before = self.past[0] if self.past else ["epoch"]
            columns = list(dict.fromkeys([*before, *sorted(logs)]))
            self._write(columns)
            self.on_train_begin()  # opens the new file
            self.keys = columns[1:]
        with writing(self.path):
            super().on_epoch_end(epoch, logs)
            os.fsync(self.csv_file.fileno())  # as the backup is, which counts this epoch

    def _write(self, columns: list[str]) -> None:
        with whole_file(self.path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="NA")
            writer.writeheader()
            writer.writerows(self.past)


class TerminateOnNaN(keras.callbacks.TerminateOnNaN):
    """`TerminateOnNaN` that ends, by raising, on a held-out loss too: it would pass for the best.

    Args:
        monitor: What is watched after each epoch; None for nothing.
    """

    def __init__(self, monitor: str | None = None):
        super().__init__(raise_error=True)
        self.monitor = monitor

    def on_epoch_end(self, epoch, logs=None):
        if self.monitor:
            self.on_batch_end(epoch, {"loss": logs[self.monitor]})


class BestCheckpoint(keras.callbacks.ModelCheckpoint):
    """`ModelCheckpoint` of the best epoch that remembers those before a run was broken off.

    Args:
        path: The file.
        past: Rows of the history so far.
        monitor: Column to watch; lower is better.
        first: First epoch that counts, from 0. Up to it the file is the best of those before.
    """

    def __init__(self, path: Path, past: list[dict[str, str]], monitor: str, first: int = 0):
        counted = [row for row in past if int(row["epoch"]) >= first] or past
        super().__init__(
            path,
            monitor=monitor,
            mode="min",
            save_best_only=True,
            save_weights_only=True,
            initial_value_threshold=min((float(row[monitor]) for row in counted), default=None),
        )
        self.first = first

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        if epoch == self.first:
            self.best = None


class EarlyStopping(keras.callbacks.EarlyStopping):
    """`EarlyStopping` that remembers the epochs before a run was broken off.

    Args:
        past: Rows of the history so far.
        monitor: Column to watch; lower is better.
        patience: Epochs without a better value.
        first: First epoch that counts, from 0.
    """

    def __init__(self, past: list[dict[str, str]], monitor: str, patience: int, first: int = 0):
        super().__init__(monitor=monitor, patience=patience, mode="min", verbose=1)
        self.past = past
        self.first = first

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        for row in self.past:
            self.on_epoch_end(int(row["epoch"]), {self.monitor: float(row[self.monitor])})

    def on_epoch_end(self, epoch, logs=None):
        if epoch >= self.first:
            super().on_epoch_end(epoch, logs)


def has_stopped(past: list[dict[str, str]], monitor: str, patience: int, first: int = 0) -> bool:
    """Whether `EarlyStopping` ended a training whose history is `past`."""
    stopping = EarlyStopping(past, monitor, patience, first)
    stopping.set_model(keras.Model())
    stopping.on_train_begin()
    return stopping.wait >= patience


def read_history(path: Path) -> list[dict[str, str]]:
    """Whole rows of a history file; a row cut off by a kill is left out."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    whole = [row for row in rows if None not in row and None not in row.values()]
    return [row for row in whole if row.get("epoch", "").isdigit()]
