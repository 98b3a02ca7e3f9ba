"""The cells of a table: published values beside what the evaluated runs hold."""

import csv
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from errors import UserError
from reproduction import arithmetic
from reproduction.arithmetic import Value
from reproduction.definitions import Column, Experiment, Row, Table
from reproduction.runs import Run
from run_folder import OTHER_IMAGES

CONSTANT = {"pose": "mean_pose", "scene": "majority_class"}
POSE_MEASURES = ("position_m", "orientation_deg")
CLOSEST = "0.1m_5deg"  # the strictest of the thresholds in metrics.json
# Beyond these, a printed number does not follow from the others, rounded or cut off.
AVERAGE_TOLERANCE = 0.01
IMPROVEMENT_TOLERANCE = 0.1


@dataclass
class Cell:
    """A cell.

    Attributes:
        published: The printed value, None for a dash; of averages the computed one.
        ours: Measured values by seed.
        details: Further measures by seed; see `details_of`.
        problem: Why seeds are missing from `ours`; empty where nothing is meant to be run.
        runs: The runs that it takes its values from, evaluated or not.
    """

    published: Value | None = None
    ours: dict[int, Value] = field(default_factory=dict)
    details: dict[int, dict[str, float]] = field(default_factory=dict)
    problem: str = ""
    runs: list[Run] = field(default_factory=list)

    @property
    def mean(self) -> Value | None:
        """Over seeds."""
        return self.over(self.ours)

    def over(self, seeds: Collection[int]) -> Value | None:
        """The mean over some seeds; None of none."""
        return arithmetic.average([self.ours[seed] for seed in sorted(seeds)]) if seeds else None

    @property
    def spread(self) -> Value | None:
        """The standard deviation over seeds; None of fewer than two."""
        return arithmetic.spread(list(self.ours.values()))


Cells = dict[tuple[str, str], Cell]


def make_cells(
    table: Table,
    rows: Sequence[Row],
    plan: Mapping[tuple[Experiment, int], Run],
    problems: Mapping[Run, str],
) -> Cells:
    """The cells of some rows of a table, by titles of row and column."""
    cells: Cells = {}
    for row in rows:
        for column in table.columns:
            cell = Cell(table.published.get((row.title, column.title)))
            cells[row.title, column.title] = cell
            experiment = table.experiment(row, column)
            for (planned, seed), run in plan.items():
                if planned == experiment:
                    _fill(cell, run, seed, row, column, problems)
    for row in rows:
        if row.average_of:
            for column in table.columns:
                parts = [cells[title, column.title] for title in row.average_of]
                cells[row.title, column.title] = _average(parts)
    return cells


def select_rows(table: Table, scenes: set[str] | None) -> list[Row]:
    """The rows of some scenes (in lower case), and the averages that are whole; None means all."""
    if scenes is None:
        return list(table.rows)
    kept = {row.title for row in table.rows if row.place and row.place.scene.lower() in scenes}
    return [
        row
        for row in table.rows
        if row.title in kept or (row.average_of and kept.issuperset(row.average_of))
    ]


def measured(run: Run, row: Row, column: Column) -> tuple[Value, dict[str, float]] | None:
    """Value and details that a run has for a cell; None as long as it is not evaluated.

    Raises:
        UserError: The results lack what the cell shows.
    """
    svm = column.predictor == "svm"
    if not (run.trained and run.evaluated() and (run.evaluated("svm.json") or not svm)):
        return None
    name = "svm.json" if svm else "metrics.json"
    try:
        value, details = _values(run, row, column, run.results(name))
        return tuple(map(float, value)), {name: float(found) for name, found in details.items()}
    except (LookupError, TypeError, ValueError) as error:
        raise UserError(
            f"{run.path / 'test' / name} is damaged ({error}): delete it to evaluate again"
        ) from error


def _values(run: Run, row: Row, column: Column, metrics: dict) -> tuple[Value, dict[str, float]]:
    task = run.experiment.place.task
    if row.category:
        if row.category not in metrics["per_class"]:
            raise UserError("no test image of this class")
        return (100 * metrics["per_class"][row.category]["accuracy"],), {}
    if column.predictor in ("retrieval", "constant"):
        name = CONSTANT[task] if column.predictor == "constant" else "retrieval"
        metrics = metrics["baselines"][name]
    if task == "pose":
        value = (metrics["median_position_m"], metrics["median_orientation_deg"])
    elif task == "digit":
        value = (metrics["error_percent"],)
    else:
        value = (100 * metrics["mean_class_accuracy"],)
    return value, details_of(metrics, run if column.predictor == "model" else None)


def details_of(metrics: dict, trained: Run | None) -> dict[str, float]:
    """Measures beside the table's own: means, recall or accuracy, work, minutes of training."""
    if "recall" in metrics:
        details = {
            "mean_position_m": metrics["mean_position_m"],
            "mean_orientation_deg": metrics["mean_orientation_deg"],
            "within_0.1m_5deg_percent": 100 * metrics["recall"][CLOSEST],
        }
    else:
        details = (
            {} if "error_percent" in metrics else {"accuracy_percent": 100 * metrics["accuracy"]}
        )
    if "gflop_per_image" in metrics:
        details["gflop_per_image"] = metrics["gflop_per_image"]
    seconds = training_seconds(trained) if trained else 0.0
    return details | ({"training_minutes": seconds / 60} if seconds else {})


def training_seconds(run: Run) -> float:
    """How long a run has been trained, from its history; 0 of one that another was trained for."""
    try:
        if "posenet_run" in json.loads((run.path / "config.json").read_text()):
            return 0.0
        with run.folder.history.open() as file:
            return sum(float(row["seconds"]) for row in csv.DictReader(file))
    except (OSError, KeyError, TypeError, ValueError):  # none yet, or cut off as it was written
        return 0.0


def improvements(table: Table, row: Row, cells: Cells) -> tuple[Value | None, Value | None, int]:
    """The improvement of a row by the published values and by ours, and our number of seeds.

    Ours is that of the means over the seeds that both methods have; None without such.
    """
    ours, theirs = (
        cells[row.title, title] for title in (table.improvement.ours, table.improvement.theirs)
    )
    both = ours.ours.keys() & theirs.ours.keys()
    printed, measured = (
        None if now is None or before is None else arithmetic.improvement(now, before)
        for now, before in (
            (ours.published, theirs.published),
            (ours.over(both), theirs.over(both)),
        )
    )
    return printed, measured, len(both)


def contradictions(table: Table) -> list[str]:
    """The printed averages and improvements that do not follow from the printed rows."""
    cells = make_cells(table, table.rows, {}, {})
    found = []
    for (row, column), printed in table.averages.items():
        computed = cells[row, column].published
        found += _compare(f"{row}, {column}", printed, computed, AVERAGE_TOLERANCE)
    if table.improvement:
        for title, printed in table.improvement.printed.items():
            computed, _, _ = improvements(table, table.row(title), cells)
            name = f"{title}, improvement in %" if len(printed) > 1 else f"{title}, improvement"
            found += _compare(name, printed, computed, IMPROVEMENT_TOLERANCE)
    return found


def _compare(name: str, printed: Value, computed: Value, tolerance: float) -> list[str]:
    measures = ("position", "orientation") if len(printed) > 1 else ("accuracy",)
    return [
        f"{name}, {measure}: printed {value:g}, computed {ours:.4g}"
        for measure, value, ours in zip(measures, printed, computed, strict=True)
        if arithmetic.differs(value, ours, tolerance)
    ]


def _fill(
    cell: Cell, run: Run, seed: int, row: Row, column: Column, problems: Mapping[Run, str]
) -> None:
    cell.runs.append(run)
    problem = problems.get(run, "")
    try:
        found = measured(run, row, column)
    except UserError as error:
        found, problem = None, problem or str(error)
    # What failed may be the SVM alone, or the comparison of a run's images with those here.
    if found and OTHER_IMAGES not in problem:
        cell.ours[seed], cell.details[seed] = found
    else:
        cell.problem = cell.problem or problem or "not run"


def _average(parts: Sequence[Cell]) -> Cell:
    """The average of cells; of each seed that all of them have."""
    cell = Cell()
    if all(part.published for part in parts):
        cell.published = arithmetic.average([part.published for part in parts])
    for seed in sorted(set.intersection(*(set(part.ours) for part in parts))):
        cell.ours[seed] = arithmetic.average([part.ours[seed] for part in parts])
    if any(part.problem for part in parts):
        cell.problem = "rows missing"
    return cell
