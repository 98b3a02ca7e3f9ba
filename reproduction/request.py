"""What one command asks for: tables and figures, their rows and runs, the data that are missing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from errors import UserError
from experiments import FIGURES, TABLES
from reproduction import document
from reproduction.availability import missing_data
from reproduction.definitions import Experiment, Figure, Place, Row, Table
from reproduction.recipe import Recipe
from reproduction.results import select_rows
from reproduction.runs import Plan, Run, experiments_of, figure_experiments, make_plan, merged
from reproduction.work import work


@dataclass
class Request:
    """What one command asks for.

    Attributes:
        tables: With the rows that are wanted.
        figures: With the places that are wanted.
        plan: The runs, shared by all of them.
        missing: How to get the data of the places that have none.
        problems: Why a run has no result.
        wanted: What of the plan is to be run; of the rest is shown what is there.
    """

    tables: dict[str, tuple[Table, list[Row]]] = field(default_factory=dict)
    figures: dict[str, tuple[Figure, list[Place]]] = field(default_factory=dict)
    plan: Plan = field(default_factory=dict)
    missing: dict[Place, str] = field(default_factory=dict)
    problems: dict[Run, str] = field(default_factory=dict)
    wanted: set[tuple[Experiment, int]] = field(default_factory=set)

    @classmethod
    def make(
        cls,
        tables: Sequence[str],
        figures: Sequence[str],
        scenes: Sequence[str],
        seeds: int,
        recipe: Recipe,
        columns: Sequence[str] = (),
        train: bool = True,
    ) -> "Request":
        """Looks up names and makes the runs.

        Args:
            tables: Names.
            figures: Names.
            scenes: Names; empty for all.
            seeds: How many.
            recipe: Of all runs.
            columns: Words in the titles of the tables' columns that are to be run; empty for all.
            train: Whether anything is to be run: else no data are missing.

        Raises:
            UserError: A name is unknown, there are columns of no table, or the recipe does not go
                with a run.
        """
        if not tables and not figures:
            raise UserError(
                "name what to reproduce, as --table=5.1 or --figure=5.3; --list shows all"
            )
        if columns and not tables:
            raise UserError("--columns chooses among those of a table: name one with --table")
        chosen_tables = [lookup("table", name) for name in dict.fromkeys(tables)]
        chosen_figures = [lookup("figure", name) for name in dict.fromkeys(figures)]
        kept = _scenes(scenes, chosen_tables, chosen_figures)
        request = cls()
        for table in chosen_tables:
            if rows := select_rows(table, kept):
                request.tables[table.name] = (table, rows)
        for figure in chosen_figures:
            if places := [p for p in figure.places if kept is None or p.scene.lower() in kept]:
                request.figures[figure.name] = (figure, places)
        _check_columns(columns, [table for table, _ in request.tables.values()])
        trained = merged(experiments_of(*pair) for pair in request.tables.values())
        chosen = merged(experiments_of(*pair, columns) for pair in request.tables.values())
        if trained and not chosen:
            raise UserError(f"nothing is trained for --columns={', '.join(columns)} in these rows")
        drawn = merged(figure_experiments(*pair) for pair in request.figures.values())
        # An SVM whose column is not chosen is not run either.
        request.plan = make_plan(merged([trained | chosen, drawn]), seeds, recipe)
        for experiment, _ in request.plan if train else ():
            if sentence := missing_data(experiment.place, recipe.data_dir):
                request.missing[experiment.place] = sentence
        wanted = chosen.keys() | drawn.keys()
        request.wanted = {key for key in request.plan if key[0] in wanted}
        request.problems = {
            run: "data missing"
            for run in request.plan.values()
            if run.experiment.place in request.missing and run.state != "done"
        }
        return request

    def run(self, after_each: Callable[[], object] = lambda: None) -> dict[Run, str]:
        """Runs what can be run, and calls `after_each` after each; returns what went wrong."""
        data_missing = dict(self.problems)

        def tell(failed: dict[Run, str]) -> None:
            self.problems = data_missing | failed
            after_each()

        failed = work(self.runnable, tell)
        self.problems = data_missing | failed
        return failed

    @property
    def runnable(self) -> list[Run]:
        """The runs that are wanted and whose data are there, or can be downloaded."""
        return [run for run in self.wanted_runs() if run.experiment.place not in self.missing]

    def require_runnable(self) -> None:
        """Checks that something can be run, unless all that is wanted is done.

        Raises:
            UserError: Nothing can be run; it says what is missing.
        """
        left = [run for run in self.wanted_runs() if run.state != "done"]
        if left and not self.runnable:
            raise UserError(f"nothing can be run: {self.missing[left[0].experiment.place]}")

    def wanted_runs(self) -> list[Run]:
        """What of the plan is to be run, whether it can be or not."""
        return [run for key, run in self.plan.items() if key in self.wanted]

    def write(self, command: str, output: Path) -> str:
        """Writes all tables and figures to the folder `output`; returns their Markdown."""
        shared = (self.plan, self.problems, self.missing, command, output)
        texts = [document.write_table(*pair, *shared) for pair in self.tables.values()]
        texts += [document.write_figure(*pair, *shared) for pair in self.figures.values()]
        return "\n".join(texts)


def lookup(kind: str, name: str) -> Table | Figure:
    """The table or figure of a name.

    Raises:
        UserError: There is none.
    """
    known = {"table": TABLES, "figure": FIGURES}[kind]
    if name not in known:
        raise UserError(f"--{kind}={name} is unknown: choose {', '.join(known)}")
    return known[name]


def _check_columns(words: Sequence[str], tables: Sequence[Table]) -> None:
    columns = [column for table in tables for column in table.columns]
    for word in words:
        if columns and not any(column.named([word]) for column in columns):
            titles = dict.fromkeys(column.title for column in columns)
            raise UserError(f"--columns={word} is in no title of a column: {'; '.join(titles)}")


def _scenes(
    names: Sequence[str], tables: Sequence[Table], figures: Sequence[Figure]
) -> set[str] | None:
    if not names:
        return None
    known = {row.place.scene for table in tables for row in table.rows if row.place}
    known |= {place.scene for figure in figures for place in figure.places}
    lower = {name.lower() for name in names}
    if unknown := lower - {scene.lower() for scene in known}:
        raise UserError(
            f"--scenes={','.join(sorted(unknown))} is not in it: choose {', '.join(sorted(known))}"
        )
    return lower
