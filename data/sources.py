"""Where training and evaluation get their examples from, whatever kind of data set it is."""

from collections.abc import Collection
from dataclasses import dataclass, field

from absl import logging

from data.catalog import prepare, require_dataset
from data.catch import CatchGames
from data.mnist.pipeline import FOLD_NAMES, DigitSplit, load_digit_split
from data.pipeline import Split, held_out, load_split
from data.preparation import PreparedScene

TEST_GAMES = 1000
GAMES = ("training", "validation")

AnySplit = Split | DigitSplit | CatchGames


class Source:
    """Splits of a data set.

    Attributes:
        sequences: Parts of the training split that can be held out for validation.
        train_options: Further arguments of the training split's `train_batches`.
    """

    sequences: list[str]
    train_options: dict

    def load(self, split: str, sequences: Collection[str] | None = None) -> AnySplit:
        """The examples of `split`, "train" or "test"; of some sequences of it, if they are given.

        Raises:
            UserError: The data are missing or bad.
        """
        raise NotImplementedError

    def train_and_validation(
        self, fraction: float, named: Collection[str] | None = None
    ) -> tuple[AnySplit, AnySplit | None]:
        """The examples to train on, and those of the sequences that are held out, or None.

        Args:
            fraction: Of the sequences to hold out.
            named: Sequences to hold out instead.

        Raises:
            UserError: The data are missing or bad, or sequences named that cannot be held out.
        """
        aside = held_out(self.sequences, fraction, named)
        if fraction and not aside:
            logging.warning("there is one training sequence: nothing is held out for validation")
        training = self.load("train", [name for name in self.sequences if name not in aside])
        validation = self.load("train", aside) if aside else None
        logging.info(
            "training on %d examples, validating on %d (%s)",
            len(training), len(validation or ()), ", ".join(aside) or "nothing held out",
        )  # fmt: skip
        return training, validation


@dataclass(frozen=True)
class Photographs(Source):
    """Of a place or of scenes."""

    scene: PreparedScene
    image_size: int
    train_options: dict

    @property
    def sequences(self) -> list[str]:
        return self.scene.sequences("train")

    def load(self, split: str, sequences: Collection[str] | None = None) -> Split:
        return load_split(self.scene, split, self.image_size, sequences)


@dataclass(frozen=True)
class Digits(Source):
    """MNIST and its variants."""

    dataset: str
    data_dir: str | None
    sequences: tuple[str, ...] = FOLD_NAMES
    train_options: dict = field(default_factory=dict)

    def load(self, split: str, sequences: Collection[str] | None = None) -> DigitSplit:
        return load_digit_split(self.data_dir, self.dataset, split, sequences)


@dataclass(frozen=True)
class Games(Source):
    """Of Catch: drawn, not read; games to validate and to test on have seeds of their own."""

    games: int
    sequences: tuple[str, ...] = GAMES
    train_options: dict = field(default_factory=dict)

    def load(self, split: str, sequences: Collection[str] | None = None) -> CatchGames:
        if split == "test":
            return CatchGames("test", TEST_GAMES)
        if sequences is not None and GAMES[0] not in sequences:
            return CatchGames("validation", TEST_GAMES)
        return CatchGames("train", self.games)


def open_source(config: dict, data_dir: str | None) -> Source:
    """The data of a resolved configuration, prepared if need be.

    Args:
        config: As `configuration.resolve` returns it.
        data_dir: Where the data lie.

    Raises:
        UserError: The data set or scene is unknown, missing or bad, or cannot be downloaded.
    """
    task = require_dataset(config["dataset"]).task
    if task == "digit":
        return Digits(config["dataset"], data_dir)
    if task == "game":
        return Games(config["games"])
    scene = prepare(
        config["dataset"],
        config["scene"],
        data_dir,
        skip_bad=config["skip_bad"],
        seed=config["seed"],
    )
    options = {"mirror": config.get("mirror", False), "focal_length": config.get("focal_length")}
    return Photographs(scene, config["image_size"], options)
