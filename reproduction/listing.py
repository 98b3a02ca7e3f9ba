"""What `--list` and `--dry_run` print."""

from collections import Counter
from collections.abc import Sequence

from errors import UserError
from reproduction.availability import describe, missing_data
from reproduction.definitions import Experiment, Figure, Table
from reproduction.recipe import Recipe
from reproduction.request import Request
from reproduction.runs import (
    Run,
    command_line,
    experiments_of,
    figure_experiments,
    make_plan,
)

STATES = ("done", "not evaluated", "broken off", "missing")


def listing(
    tables: Sequence[Table], figures: Sequence[Figure], seeds: int, recipe: Recipe
) -> list[str]:
    """Each table and figure: its flag, its data and which are there, how many runs are done."""
    lines, missing = [], {}
    entries = [("table", table, experiments_of(table, table.rows)) for table in tables]
    entries += [("figure", figure, figure_experiments(figure, figure.places)) for figure in figures]
    for kind, item, experiments in entries:
        flag = f"--{kind}={item.name}"
        lines += [f"{flag:<22} {item.title}", f"    data  {_data(experiments, recipe)}"]
        try:
            plan = make_plan(experiments, seeds, recipe)
        except UserError as error:
            lines.append(f"    these flags do not go with it: {error}")
        else:
            lines.append(f"    runs  {_runs(list(plan.values()))}")
        for experiment in experiments:
            sentence = missing_data(experiment.place, recipe.data_dir)
            if sentence:
                missing[sentence] = None
    lines.append("")
    lines += [f"missing: {sentence}" for sentence in missing]
    return lines


def dry_run(request: Request) -> list[str]:
    """The commands of every run that is wanted; those that would not be run stand behind a #."""
    runs = request.wanted_runs()
    lines = []
    for number, run in enumerate(runs, start=1):
        there = run.experiment.place not in request.missing
        state = run.state if there else "data missing"
        lines.append(f"# run {number} of {len(runs)}, {state}: {run.path.name}")
        wanted = run.missing() if there else ()
        for name, words in run.commands(posenet_first=run.posenet in runs).items():
            lines.append(("" if name in wanted else "# ") + command_line(words))
    return lines + [f"# data missing: {text}" for text in dict.fromkeys(request.missing.values())]


def _data(experiments: dict[Experiment, bool], recipe: Recipe) -> str:
    places = dict.fromkeys(experiment.place for experiment in experiments)
    found: dict[str, dict[str, list[str]]] = {}
    for place in places:
        state = describe(place, recipe.data_dir)
        found.setdefault(place.dataset, {}).setdefault(state, []).append(place.scene)
    return "; ".join(
        f"{dataset}: " + ", ".join(f"{' '.join(names)} {state}" for state, names in states.items())
        for dataset, states in found.items()
    )


def _runs(runs: Sequence[Run]) -> str:
    count = Counter(run.state for run in runs)
    told = [
        f"{count[state]} {state}" for state in STATES if count[state] or state != "not evaluated"
    ]
    return f"{', '.join(told)} of {len(runs)}"
