"""Runs: an experiment with a seed and a recipe; its folder, its commands, how far it has come."""

import hashlib
import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from errors import UserError
from files import sha256
from flags import NOT_IN_CONFIG
from reproduction.definitions import Experiment, Figure, Place, Row, Table
from reproduction.recipe import Recipe, resolve
from run_folder import RunFolder

RESULTS = {"evaluate": "metrics.json", "svm": "svm.json"}  # what commands leave


@dataclass(frozen=True)
class Run:
    """One training and its evaluation.

    Attributes:
        experiment: What is trained.
        seed: Its seed.
        path: Its folder.
        train_arguments: For train.py.
        data_dir: Where the data lie, if not downloaded.
        svm: Whether a linear SVM on its features is wanted too.
        config: What train.py makes of the arguments.
        posenet: Of Bayesian PoseNet: the run of PoseNet that is trained as it is, whose weights it
            takes once they are there.
    """

    experiment: Experiment
    seed: int
    path: Path
    train_arguments: tuple[str, ...]
    data_dir: str | None
    svm: bool
    config: dict = field(hash=False, compare=False)
    posenet: "Run | None" = field(default=None, hash=False, compare=False)

    @property
    def folder(self) -> RunFolder:
        """Names of the files in it."""
        return RunFolder(self.path, self.config)

    def commands(self, posenet_first: bool = False) -> dict[str, list[str]]:
        """The commands, without the interpreter, that train and evaluate it, by what they do.

        Args:
            posenet_first: Whether `posenet` will have been trained when they are run.
        """
        place = [f"--run_dir={self.path}"]
        place += [f"--data_dir={self.data_dir}"] if self.data_dir else []
        shared = []
        if self.posenet and (posenet_first or self._can_take_weights()):
            shared = [f"--posenet_run={self.posenet.path}"]
        commands = {
            "train": ["train.py", *self.train_arguments, *shared],
            "evaluate": ["eval.py", *place],
        }
        return commands | ({"svm": ["-m", "reproduction.evaluate_svm", *place]} if self.svm else {})

    def missing(self) -> list[str]:
        """Which of its commands have still to be run, in order.

        Of a run that was trained with another --data_dir train.py is one: it compares the images;
        and, if its weights are kept, evaluation: images to test on may be others.
        """
        if not self.trained:
            return list(self.commands())
        done = {name: self._evaluated_here(file) for name, file in RESULTS.items()}
        done["train"] = self._on_these_data()
        return [name for name in self.commands() if not done[name]]

    @property
    def trained(self) -> bool:
        """Whether its training has come to its end."""
        return self.folder.finished

    @property
    def state(self) -> str:
        """`done`, `not evaluated`, `broken off` or `missing`."""
        if not (self.path / "config.json").exists():
            return "missing"
        if not self.trained:
            return "broken off"
        wanted = [file for name, file in RESULTS.items() if name in self.commands()]
        return "done" if all(map(self.evaluated, wanted)) else "not evaluated"

    def results(self, name: str) -> dict | None:
        """What evaluation wrote to the file `name`; None if it has not, or not to its end."""
        try:
            found = json.loads((self.path / "test" / name).read_text())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def evaluated(self, name: str = "metrics.json") -> bool:
        """Whether the file `name` of the evaluation is there, and of the weights, if they are."""
        results = self.results(name)
        if results is None:
            return False
        kept = self.folder.weights("best").exists()
        return not kept or results.get("weights_sha256") == self.folder.digest()

    def _can_take_weights(self) -> bool:
        """Whether PoseNet's are there, and this run has not begun to learn its own."""
        there = self.posenet.trained and self.posenet.folder.weights("best").exists()
        return there and not self.folder.weights("last").exists()

    def _evaluated_here(self, name: str) -> bool:
        """The same, and on the images of this --data_dir if it can be had on others at all."""
        if not self.evaluated(name):
            return False
        wanted = self.config["data_dir"]
        tested = self.results(name).get("data_dir", wanted)  # results of old do not tell
        return tested == wanted or not self.folder.weights("best").exists()

    def _on_these_data(self) -> bool:
        """Whether it was trained from the same --data_dir."""
        try:
            config = json.loads((self.path / "config.json").read_text())
        except (OSError, ValueError):
            return False
        return config.get("data_dir") == self.config["data_dir"]


def make_run(experiment: Experiment, seed: int, recipe: Recipe, svm: bool = False) -> Run:
    """The run of an experiment.

    The folder's name ends in a hash of every resolved flag, so that runs of two recipes, or of two
    defaults, never mix.

    Raises:
        UserError: Recipe and experiment do not go together.
    """
    if taken := recipe.given & experiment.fixed:
        raise UserError(f"--train_flags sets --{min(taken)}, which is what makes {experiment.name}")
    arguments = [*experiment.arguments(seed), *recipe.arguments()]
    try:
        config = resolve(arguments)
    except UserError as error:
        raise UserError(f"{experiment.name}: {error}") from error
    path = Path(recipe.runs_dir) / f"{experiment.name}-s{seed}-{digest_of(config)}"
    arguments.append(f"--run_dir={path}")
    config["run_dir"] = str(path)
    posenet = None
    if experiment.model == "bayesian_posenet":
        posenet = make_run(replace(experiment, model="posenet"), seed, recipe)
    return Run(experiment, seed, path, tuple(arguments), recipe.data_dir, svm, config, posenet)


def digest_of(config: dict) -> str:
    """Eight hexadecimal digits of all flags in a resolved configuration that make it another."""
    told = {name: value for name, value in config.items() if name not in NOT_IN_CONFIG}
    if told.get("pretrained"):
        # A file of weights is known by its content wherever it lies.
        told["pretrained"] = sha256(Path(told["pretrained"]))
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]


Plan = dict[tuple[Experiment, int], Run]


def experiments_of(
    table: Table, rows: Iterable[Row], titles: Sequence[str] = ()
) -> dict[Experiment, bool]:
    """What is trained for some rows of a table, and whether its SVM is wanted.

    With `titles`: only for the columns in whose title one of them stands.
    """
    found: dict[Experiment, bool] = {}
    for row in rows:
        for column in table.columns:
            if titles and not column.named(titles):
                continue
            experiment = table.experiment(row, column)
            if experiment:
                found[experiment] = found.get(experiment, False) or column.predictor == "svm"
    return found


def figure_experiments(figure: Figure, places: Iterable[Place]) -> dict[Experiment, bool]:
    """The same for some places of a figure."""
    return {figure.column.experiment(place): False for place in places}


def merged(found: Iterable[dict[Experiment, bool]]) -> dict[Experiment, bool]:
    """The experiments of several tables or figures: the SVM is wanted if one of them wants it."""
    experiments: dict[Experiment, bool] = {}
    for some in found:
        experiments |= {key: svm or experiments.get(key, False) for key, svm in some.items()}
    return experiments


def make_plan(experiments: dict[Experiment, bool], seeds: int, recipe: Recipe) -> Plan:
    """All runs, a whole table of the first seed before the second."""
    return {
        (experiment, seed): make_run(experiment, seed, recipe, svm)
        for seed in range(seeds)
        for experiment, svm in experiments.items()
    }


def command_line(words: list[str]) -> str:
    """A command as it is typed."""
    return shlex.join(["python", *words])
