"""What a table, a figure and an experiment are; `experiments.py` lists them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from configuration import DEFAULT_STEPS
from reproduction.arithmetic import Value

LAYERS = "3b,4e,5b"  # of the tables (caption of table 5.7)
ATTENTION_MODELS = ("joint_attention", "spatial_attention", "layer_attention")
SCENE_DATASETS = ("mit67", "scenes15")
# What titles say of a model even where the column leaves the flag at its default.
TITLED = {
    "ram": ("glimpses", "glimpse_size", "scales", "location"), "fully_connected": ("units",)
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A scene of a data set, by the thesis's name and by the names that the flags take."""

    title: str
    dataset: str
    scene: str

    @property
    def task(self) -> str:
        """`pose`, `scene` or `digit`."""
        if self.dataset.startswith("mnist"):
            return "digit"
        return "scene" if self.dataset in SCENE_DATASETS else "pose"


@dataclass(frozen=True)
class Experiment:
    """One training configuration; with a seed, a run.

    Attributes:
        place: What it is trained on.
        model: As `--model`.
        flags: Further flags and their values, sorted.
    """

    place: Place
    model: str
    flags: tuple[tuple[str, str], ...] = ()

    def arguments(self, seed: int) -> list[str]:
        """The flags of train.py that the experiment sets."""
        named = {"dataset": self.place.dataset, "scene": self.place.scene, "model": self.model}
        return [f"--{name}={value}" for name, value in (named | dict(self.flags)).items()] + [
            f"--seed={seed}"
        ]

    @property
    def fixed(self) -> set[str]:
        """The names of the flags that no recipe can set: its result would stand in their name."""
        return {*dict(self.flags), *TITLED.get(self.model, ())}

    @property
    def name(self) -> str:
        """Short and readable; unlike the experiment itself, not the whole of it."""
        place, flags = self.place, dict(self.flags)
        parts = [place.dataset, place.scene] if place.scene != place.dataset else [place.scene]
        parts.append(self.model)
        if flags.get("layers", LAYERS) != LAYERS:
            parts.append(flags["layers"].replace(",", "."))
        parts += [flags["attention"]] if "attention" in flags else []
        parts += [f"depth{flags['compute_penalty']}"] if "compute_penalty" in flags else []
        parts += [f"T{flags['steps']}"] if "steps" in flags else []
        parts += [f"N{flags['glimpses']}"] if "glimpses" in flags else []
        parts += [flags["location"]] if "location" in flags else []
        return "-".join(parts)


@dataclass(frozen=True)
class Column:
    """A method.

    Attributes:
        title: Unique in its table.
        model: As `--model`; None where nothing of ours is trained for it.
        steps: T; None for the task's own (3 for poses, 2 for scenes) or a model without steps.
        layers: As `--layers`, of a model with attention.
        flags: Further flags.
        of: Title of the column whose runs give this one its numbers.
        predictor: What of a run: the `model`; `retrieval` or the `constant` answer (mean pose,
            majority class), which every evaluation yields; or the `svm` on its features.
    """

    title: str
    model: str | None = None
    steps: int | None = None
    layers: str = LAYERS
    flags: tuple[tuple[str, str], ...] = ()
    of: str | None = None
    predictor: str = "model"

    def named(self, words: Sequence[str]) -> bool:
        """Whether one of the words stands in its title, in upper or lower case."""
        return any(word.lower() in self.title.lower() for word in words)

    def experiment(self, place: Place) -> Experiment | None:
        """What is trained for it on a place."""
        if self.model is None:
            return None
        flags = dict(self.flags)
        if self.model in ATTENTION_MODELS:
            flags |= {"steps": str(self.steps or DEFAULT_STEPS[place.task]), "layers": self.layers}
        return Experiment(place, self.model, tuple(sorted(flags.items())))


@dataclass(frozen=True)
class Row:
    """A row: of a place, of one of its categories, or the average of other rows.

    Attributes:
        title: Unique in its table.
        place: None of an average.
        category: Folder of the one category whose accuracy is meant.
        average_of: Titles of the rows.
    """

    title: str
    place: Place | None = None
    category: str | None = None
    average_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Improvement:
    """The column of one method's improvement over another's; `printed` are the thesis's values."""

    ours: str
    theirs: str
    printed: dict[str, Value] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: As `--table`.
        title: Its subject.
        rows: From above.
        columns: From the left.
        published: Printed values by titles of row and column; not those that can be computed.
        averages: Printed values of the average rows, which are computed all the same.
        improvement: Its improvement column, if it has one.
        notes: What a reader has to know.
        own: Not of a paper, with further measures.
        every_cell: Whether every cell is run, not only those with a published value.
        single: Name and decimals of its measure where that is one number, in percent.
    """

    name: str
    title: str
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    published: dict[tuple[str, str], Value] = field(default_factory=dict, hash=False)
    averages: dict[tuple[str, str], Value] = field(default_factory=dict, hash=False)
    improvement: Improvement | None = None
    notes: tuple[str, ...] = ()
    own: bool = False
    every_cell: bool = False
    single: tuple[str, int] = ("mean_class_accuracy_percent", 1)

    def experiment(self, row: Row, column: Column) -> Experiment | None:
        """What is trained for a cell; None for averages and where the thesis has a dash."""
        if column.of:
            return self.experiment(row, self.column(column.of))
        printed = (row.title, column.title) in self.published
        if row.place is None or not (self.own or self.every_cell or printed):
            return None
        return column.experiment(row.place)

    def column(self, title: str) -> Column:
        """The column of a title."""
        return next(column for column in self.columns if column.title == title)

    def row(self, title: str) -> Row:
        """The row of a title."""
        return next(row for row in self.rows if row.title == title)


@dataclass(frozen=True)
class Figure:
    """A figure, a picture for each place and seed: of layer `frequencies` or `attention` maps."""

    name: str
    title: str
    kind: str
    places: tuple[Place, ...]
    column: Column
    notes: tuple[str, ...] = ()
