"""The folder that holds all that a run was and gave."""

import contextlib
import errno
import json
import math
import os
import platform
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import keras

from configuration import OFF, network_arguments
from errors import UserError
from files import (
    BROKEN_WEIGHTS,
    is_part,
    locked,
    remove_parts,
    sha256,
    user_path,
    whole_file,
    writing,
)
from flags import NOT_IN_CONFIG
from models.networks import NETWORKS, build_network
from processor import best_precision
from tasks.catch import CatchTask
from tasks.pose import PoseTask
from tasks.ram import RAMTask
from tasks.scene import SceneTask
from tasks.task import Task

# Class, and the flags that are its arguments.
_SHARED = (
    "auxiliary_weight", "step_weight", "layer_auxiliary_weight", "attention_weight",
    "balance_weight", "compute_penalty",
)  # fmt: skip
_REINFORCE = ("baseline_weight", "reinforce_weight")
TASKS: dict[str, tuple[type[Task], tuple[str, ...]]] = {
    "pose": (PoseTask, ("beta", "pose_loss", *_SHARED)),
    "scene": (SceneTask, _SHARED),
    "digit": (RAMTask, (*_REINFORCE, "glimpse_weight", "reward")),
    "game": (CatchTask, (*_REINFORCE, "entropy_weight")),
}
FROM_DATA = ("network", "class_names", "validation_sequences", "train_images", "train_crc32")
NAMED = ("network", "task", "dataset", "model", "scene", "data_dir", "validation_sequences")
FIRST = ("dataset", "model", "scene")  # others follow from them
OTHER_IMAGES = "holds a run on other images"
PACKAGES = ("tensorflow", "keras", "tensorflow-datasets", "numpy")


@dataclass(frozen=True)
class RunFolder:
    """A run on disk.

    Attributes:
        path: The folder.
        config: What config.json holds: every resolved flag that counts and is not as in `OFF`;
            `network`, the arguments that come from the data; `validation_sequences`; versions and
            git revision.
    """

    path: Path
    config: dict

    @classmethod
    def create(cls, config: dict) -> "RunFolder":
        """Makes the folder `config["run_dir"]`, or takes up the run of the same flags in it.

        Raises:
            UserError: The folder cannot be written, holds something else, or a run of other flags.
        """
        path = Path(config["run_dir"])
        begun = cls._begun(path)
        config = config | {"versions": _versions(), "git_revision": _git_revision()}
        if config["mixed_precision"] == "auto":
            config["mixed_precision"] = (
                begun.config["mixed_precision"] if begun else best_precision()
            )
        if not begun:
            try:
                path.mkdir(parents=True, exist_ok=True)
                _begin(path, config)
            except OSError as error:
                raise _unwritable(path, error) from error
        run = cls.open(path)
        run._require_same(config)
        if run.config.get("data_dir") != config["data_dir"]:  # the same images, at another place
            run.config["data_dir"] = config["data_dir"]
            _write_json(path / "config.json", run.config)
        return run

    @classmethod
    def check(cls, config: dict) -> None:
        """Refuses what `create` would, as far as the flags tell: before the data are prepared."""
        path = Path(config["run_dir"])
        if begun := cls._begun(path):
            if config["mixed_precision"] == "auto":
                config = config | {"mixed_precision": begun.config["mixed_precision"]}
            begun._require_same(config)

    @classmethod
    def open(cls, path: str | Path) -> "RunFolder":
        """Opens the run in `path`.

        Raises:
            UserError: There is no run, or its config.json cannot be read.
        """
        path = user_path(path)
        try:
            config = json.loads((path / "config.json").read_text())
            _require_known(config)
        except FileNotFoundError as error:
            raise UserError(f"{path} holds no run: train one with --run_dir={path}") from error
        except (OSError, ValueError) as error:
            raise UserError(f"{path / 'config.json'} cannot be read: {error}") from error
        return cls(path, config)

    @property
    def history(self) -> Path:
        """One row an epoch."""
        return self.path / "history.csv"

    @property
    def finished(self) -> bool:
        """Whether its training has come to its end."""
        return (self.path / "finished.json").exists()

    def weights(self, name: str) -> Path:
        """Checkpoint `best` or `last`."""
        return self.path / "checkpoints" / f"{name}.weights.h5"

    def require_weights(self, name: str) -> Path:
        """Checkpoint `best` or `last`.

        Raises:
            UserError: There is none.
        """
        path = self.weights(name)
        if not path.exists():
            record = "only a record of the run is kept here"
            advice = record if self.finished else "train an epoch first"
            raise UserError(f"{path} is missing: {advice}")
        return path

    def digest(self) -> str:
        """SHA-256 of the checkpoint `best`: results keep it, to tell whether they are of it.

        Raises:
            UserError: There is none, or it cannot be read.
        """
        return sha256(self.require_weights("best"))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from training in the folder, and clears away what a kill has left.

        Raises:
            UserError: Another process trains in it.
        """
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(self.path, wait=False))
            except BlockingIOError as error:
                raise UserError(
                    f"another process trains in {self.path}: wait for it, or give another --run_dir"
                ) from error
            for place in (self.path, self.path / "checkpoints"):
                remove_parts(place)
            yield

    def split_folder(self, split: str) -> Path:
        """Where the results on a split lie; made if need be."""
        folder = self.path / split
        with writing(folder):
            folder.mkdir(exist_ok=True)
        return folder

    def mark_finished(self, facts: dict) -> None:
        """Leaves the run as finished, with what is to be known of its training."""
        _write_json(self.path / "finished.json", facts)

    @classmethod
    def _begun(cls, path: Path) -> "RunFolder | None":
        """The run that is in `path`; None where one can be begun."""
        try:
            if (path / "config.json").exists():
                return cls.open(path)
            if path.exists() and not all(is_part(entry) for entry in path.iterdir()):
                raise UserError(f"{path} is not empty and holds no run: give another --run_dir")
            there = next(place for place in (path, *path.parents) if place.exists())
            if not there.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, f"{there} is a file")
            if not os.access(there, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise _unwritable(path, error) from error
        return None

    def difference(self, config: dict) -> tuple[str, str] | None:
        """A flag, or fact of the data, of which `config` says otherwise, and how that is told."""
        # A file of weights is known by its content, wherever it lies now.
        free = {*NOT_IN_CONFIG, "versions", "git_revision", "pretrained"}
        # Other weights bring another mean, which is then no fault of the images.
        names = (config.keys() | (OFF.keys() & self.config.keys())) - free

        def follows(name: str) -> tuple:
            """Those that only one of the two has, and the data's own, come of others."""
            alone = name not in self.config or name not in config
            return name in FROM_DATA, alone, name not in FIRST, name

        for name in sorted(names, key=follows):
            before, now = (found.get(name, OFF.get(name)) for found in (self.config, config))
            if _same(before, now) or (name == "train_crc32" and before is None):  # of old runs
                continue
            if name == "pretrained_sha256":
                return name, "holds a run that starts otherwise"
            if name in FROM_DATA:
                return name, OTHER_IMAGES
            told = f"with --{name}={_flag(before)}, not {_flag(now)}"
            if before is None:
                told = f"without --{name}={_flag(now)}"
            return name, f"holds a run {told}"
        return None

    def _require_same(self, config: dict) -> None:
        if found := self.difference(config):
            name, told = found
            if name == "pretrained_sha256":
                advice = "give the --pretrained that it has, or another --run_dir"
            elif name in FROM_DATA:
                advice = "give another --run_dir"
            else:
                advice = "give the same flags to go on with it, or another --run_dir"
            raise UserError(f"{self.path} {told}: {advice}")


def build_task(config: dict) -> Task:
    """Makes the network of a configuration and what it is trained for, with new weights."""
    policy = {"none": "float32"}.get(
        config["mixed_precision"], f"mixed_{config['mixed_precision']}"
    )
    keras.mixed_precision.set_global_policy(policy)
    network = build_network(
        config["model"], **network_arguments(config), **config["network"], name="network"
    )
    kind, arguments = TASKS[config["task"]]
    # A flag that a configuration lacks had no effect on it, or is what it was before it was one.
    told = OFF | config
    given = {name: told[name] for name in arguments if name in told}
    task = kind(network, **given, name="task")
    task.build(input_shape(config))
    task.built = True
    return task


def input_shape(config: dict) -> tuple[int | None, ...]:
    """Of a batch that the network of a configuration is called on."""
    if config["task"] == "game":
        return (None, 3)
    side = config["image_size"]
    return (None, side, side, 1 if config["task"] == "digit" else 3)


def load_network(run: RunFolder, weights: str = "best") -> keras.Model:
    """The trained network of a run, ready for `predict`, in float32 whatever it was trained in.

    In half precision its answers would go by the processor, which rounds as it multiplies: a
    recurrent network then looks elsewhere in some images.

    Raises:
        UserError: The run has no such checkpoint, or it belongs to another model.
    """
    path = run.require_weights(weights)
    try:
        task = build_task(run.config | {"mixed_precision": "none"})
    except (LookupError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{run.path / 'config.json'} describes no network that there is: {reason}"
        ) from error
    load_weights(task, path)
    task.network.compile(jit_compile=False)
    return task.network


def load_weights(task: Task, path: Path) -> None:
    """Loads the weights of `task` from `path`.

    Raises:
        UserError: The file cannot be read, or holds another model's weights.
    """
    try:
        task.load_weights(path)
    except BROKEN_WEIGHTS as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path} does not fit {task.network.__class__.__name__} as config.json has it, "
            f"or is broken ({reason}): it must be a checkpoint of this very run"
        ) from error


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(f"--run_dir={path} cannot be written: {error.strerror or error}")


def _require_known(config: object) -> None:
    """Raises a `ValueError` if `config` is no configuration of a run."""
    if not isinstance(config, dict):
        raise ValueError("it holds no flags")
    for name in NAMED:
        if name not in config:
            raise ValueError(f"it names no {name}")
    if config["task"] in ("scene", "digit") and "class_names" not in config:
        raise ValueError("it names no class_names")
    for name, known in (("task", TASKS), ("model", NETWORKS)):
        if config[name] not in known:
            raise ValueError(f"{name} {config[name]!r} is none of {', '.join(known)}")


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **packages}


def _git_revision() -> str | None:
    try:
        revision = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None
    return revision.stdout.strip()


def _same(before: object, now: object) -> bool:
    """Whether two values are equal; numbers computed from data may differ in their last digits."""
    if isinstance(before, dict) and isinstance(now, dict):
        return before.keys() == now.keys() and all(_same(before[key], now[key]) for key in now)
    if isinstance(before, list | tuple) and isinstance(now, list | tuple):
        return len(before) == len(now) and all(map(_same, before, now))
    if isinstance(before, float) and isinstance(now, float):
        return math.isclose(before, now, rel_tol=1e-6, abs_tol=1e-9)
    return before == now


def _flag(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _begin(path: Path, config: dict) -> None:
    """Writes config.json, unless another process has been faster, or is training here."""
    try:
        with locked(path, wait=False):
            if not (path / "config.json").exists():
                _write_json(path / "config.json", config)
    except BlockingIOError:
        pass


def _write_json(path: Path, content: dict) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")
