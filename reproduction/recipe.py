"""The recipe that all runs of one command share, and what of it differs from the thesis."""

import os
import shlex
from dataclasses import dataclass
from functools import cached_property

from absl.flags import Error
from absl.testing import flagsaver

import configuration
import flags
from errors import UserError
from files import absolute_path, user_path
from reproduction.definitions import ATTENTION_MODELS

# Set by the table, or by a flag of reproduce.py itself.
TAKEN = {
    "dataset": "the table", "scene": "the table", "model": "the table", "steps": "the table",
    "layers": "the table", "attention": "the table", "seed": "--seeds", "epochs": "--epochs",
    "data_dir": "--data_dir", "run_dir": "--runs_dir", "posenet_run": "the table",
}  # fmt: skip
# What the thesis states (5.1; of the kernels 5.4); of the rest it says nothing.
THESIS = {
    "image_size": 224, "batch_size": 40, "learning_rate": 1e-4,
    "learning_rate_schedule": "constant", "dropout": 0.5, "l2": 2e-4, "hidden": 96,
    "pose_loss": "l2", "mixed_precision": "none", "pretrained": "places205", "freeze": None,
    "skip_bad": False, "head_learning_rate_scale": 1.0, "mask_learning_rate_scale": 1.0,
    "focal_length": 0.0, "mirror": False, "reduction": 0, "balance_weight": 0.0,
    "quiet_fraction": 0.0, "settle_fraction": 0.0, "trunk_learning_rate_scale": 1.0,
    "compute_penalty": 0.0, "lstm_kernels": [1, 3, 5, 7], "soft_fraction": 0.0,
}  # fmt: skip
AUXILIARY = {"step_weight": "step", "layer_auxiliary_weight": "layer"}  # in attention alone
HELP = {f"--{name}" for name in ("help", "helpshort", "helpfull", "helpxml")}  # absl would end
THESIS_BETAS = {"cambridge": (250, 2000), "7scenes": (120, 750), "tum_lsi": (1000, 1000)}


@dataclass(frozen=True)
class Recipe:
    """What is the same for all runs.

    Attributes:
        train_flags: Flags of train.py, as written.
        epochs: None for train.py's own default.
        data_dir: None where data are downloaded.
        runs_dir: Folder of the run folders.
    """

    train_flags: tuple[str, ...] = ()
    epochs: int | None = None
    data_dir: str | None = None
    runs_dir: str = "runs/reproduce"

    @classmethod
    def parse(
        cls, train_flags: str, epochs: int | None, data_dir: str | None, runs_dir: str
    ) -> "Recipe":
        """Reads the flags as the command line has them.

        Raises:
            UserError: `train_flags` cannot be split, or sets what the table sets; `runs_dir` cannot
                be read.
        """
        try:
            words = tuple(shlex.split(train_flags))
        except ValueError as error:
            raise UserError(f"--train_flags={train_flags} cannot be read: {error}") from error
        if data_dir:
            data_dir = absolute_path(data_dir)
        runs_dir = str(user_path(runs_dir))
        try:
            os.scandir(runs_dir).close()
        except FileNotFoundError:  # it is made with the first run
            pass
        except OSError as error:
            raise UserError(f"--runs_dir={runs_dir} cannot be read: {error.strerror}") from error
        recipe = cls(words, epochs, data_dir, runs_dir)
        if taken := recipe.given & TAKEN.keys():
            name = min(taken)
            raise UserError(f"--train_flags sets --{name}, which {TAKEN[name]} sets")
        return recipe

    @cached_property
    def given(self) -> set[str]:
        """The names of the flags that `train_flags` sets."""
        return given_flags(self.train_flags)

    def arguments(self) -> list[str]:
        """The flags of train.py."""
        chosen = list(self.train_flags)
        chosen += [f"--epochs={self.epochs}"] if self.epochs is not None else []
        return chosen + ([f"--data_dir={self.data_dir}"] if self.data_dir else [])


def define_flags() -> None:
    """Defines the flags of train.py, so that a recipe can be resolved as train.py would."""
    if "dataset" not in flags.FLAGS:
        flags.define_data()
        flags.define_network()
        flags.define_glimpses()
        flags.define_training()


def train_flag_names() -> set[str]:
    """The names of all flags of train.py."""
    return {flag.name for flag in flags.FLAGS.flags_by_module_dict()["flags"]}


def given_flags(arguments: tuple[str, ...]) -> set[str]:
    """The names of the flags that `arguments` set.

    Raises:
        UserError: A word is no flag of train.py, or its value cannot be read.
    """
    with flagsaver.flagsaver():
        return _parse(arguments)


def resolve(arguments: list[str]) -> dict:
    """The configuration that train.py makes of `arguments`.

    Raises:
        UserError: As `configuration.resolve`.
    """
    with flagsaver.flagsaver():
        _parse(arguments)
        return configuration.resolve()


def _parse(arguments: list[str] | tuple[str, ...]) -> set[str]:
    define_flags()
    own = train_flag_names()
    for name in flags.FLAGS:
        if name in own:
            flags.FLAGS[name].unparse()
        flags.FLAGS[name].present = 0
    if asked := sorted(HELP.intersection(arguments)):
        raise UserError(
            f"--train_flags sets {asked[0]}: python train.py {asked[0]} tells the flags"
        )
    try:
        rest = flags.FLAGS(["train.py", *arguments])
    except Error as error:
        raise UserError(f"--train_flags: {' '.join(str(error).split())}") from error
    flags.reject_positional(rest)
    given = {name for name in flags.FLAGS if flags.FLAGS[name].present}
    if foreign := given - own:
        raise UserError(f"--train_flags sets --{min(foreign)}, which is no flag of train.py")
    return given


def differences(configs: list[dict]) -> list[str]:
    """What in resolved configurations differs from what the thesis states, one text a flag."""
    found = []
    for name, theirs in THESIS.items():
        ours = {_text(config[name]) for config in configs if name in config}
        if name == "pretrained" and all("places205" in text for text in ours):
            continue
        if ours - {_text(theirs)}:
            found.append(f"{name} {', '.join(sorted(ours))} ({_text(theirs)})")
    attentive = [config for config in configs if config["model"] in ATTENTION_MODELS]
    for name, answers in AUXILIARY.items():
        unset = configuration.OFF[name]  # which of layers is the weight of the auxiliary heads
        weights = {
            c.get(name, c["auxiliary_weight"] if unset is None else unset)
            for c in attentive
            if name != "step_weight" or c["steps"] > 1
        }
        if weights - {0.0}:
            ours = ", ".join(sorted(map(_text, weights)))
            found.append(f"{name}, of what each {answers} answers by itself, {ours} (0)")
    for dataset, (low, high) in THESIS_BETAS.items():
        ours = {config["beta"] for config in configs if config["dataset"] == dataset}
        if outside := sorted(beta for beta in ours if not low <= beta <= high):
            span = f"{low} to {high}" if low < high else str(low)
            betas = ", ".join(f"{beta:g}" for beta in outside)
            found.append(f"beta on {dataset} {betas} ({span})")
    return found


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
