"""The files that a command leaves: what was run, the table or the pictures, and what is missing."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from files import whole_file
from reproduction import pictures, tables
from reproduction.definitions import Figure, Place, Row, Table
from reproduction.recipe import differences
from reproduction.results import make_cells, training_seconds
from reproduction.runs import Plan, Run

TOLD = {"versions", "git_revision", "epochs"}  # of a run, above a table


def write_table(
    table: Table,
    rows: Sequence[Row],
    plan: Plan,
    problems: Mapping[Run, str],
    missing: Mapping[Place, str],
    command: str,
    output: Path,
) -> str:
    """Writes `<output>/table-<name>.{md,csv}` and its pictures; returns the Markdown.

    The file of some of its rows alone is named after their scenes too: it replaces no whole one.

    Args:
        table: What to write.
        rows: Which of its rows.
        plan: The runs.
        problems: Why a run has no result.
        missing: How to get the data of the places that have none.
        command: That made it.
        output: Folder.
    """
    seeds = _seeds(plan)
    cells = make_cells(table, rows, plan, problems)
    used = list(dict.fromkeys(run for cell in cells.values() for run in cell.runs))
    lines = [f"# {_title('Table', table)}", "", *heading(used, _means(table, seeds), command), ""]
    lines += [tables.markdown(table, rows, cells, seeds)]  # ends in a line break
    places = [row.place for row in rows if row.place]
    lines += missing_lines({place: text for place, text in missing.items() if place in places})
    stem = output / _file_name("table", table, len(rows) < len(table.rows), places)
    written = pictures.table_pictures(table, rows, cells, stem)
    lines += [f"![{alt}]({path.name})\n" for alt, path in written]
    text = "\n".join(lines).rstrip() + "\n"
    write(stem.with_name(stem.name + ".csv"), tables.to_csv(table, rows, cells))
    write(stem.with_name(stem.name + ".md"), text)
    return text


def write_figure(
    figure: Figure,
    places: Sequence[Place],
    plan: Plan,
    problems: Mapping[Run, str],
    missing: Mapping[Place, str],
    command: str,
    output: Path,
) -> str:
    """Writes `<output>/figure-<name>.md` and a picture for each place and seed.

    Pictures of more than one seed are named after theirs too.
    """
    seeds = _seeds(plan)
    stem = _file_name("figure", figure, len(places) < len(figure.places), places)
    runs = {
        place: [plan[figure.column.experiment(place), seed] for seed in range(seeds)]
        for place in places
    }
    told = f"A picture for each seed, 0 to {seeds - 1}." if seeds > 1 else "One seed, 0."
    drawn = [run for of_place in runs.values() for run in of_place]
    lines = [f"# {_title('Figure', figure)}", "", *heading(drawn, told, command), ""]
    for place, of_place in runs.items():
        lines += [f"## {place.title}", ""]
        for run in of_place:
            of_seed = f"-s{run.seed}" if seeds > 1 else ""
            path = output / f"{stem}-{place.scene}{of_seed}.png"
            problem = problems.get(run) or pictures.picture(figure.kind, run, path)
            if problem:
                lines += [f"Seed {run.seed}: {problem}", ""]
            else:
                lines += [f"![{place.title}, seed {run.seed}]({path.name})", ""]
                lines += [f"Seed {run.seed}, run {run.path.name}.", ""]
    lines += [*(f"- {note}" for note in figure.notes), ""]
    lines += missing_lines({place: missing[place] for place in places if place in missing})
    text = "\n".join(lines).rstrip() + "\n"
    write(output / f"{stem}.md", text)
    return text


def heading(runs: Sequence[Run], seeds: str, command: str) -> list[str]:
    """What was run: command, `seeds`, versions, hours, and what differs from the thesis."""
    records = {run: config for run in runs if (config := _config(run))}
    configs = list(records.values())
    lines = [f"    {command}", "", seeds]
    if not configs:
        return [*lines, "Nothing has been run yet."]
    versions = _distinct(
        ", ".join(f"{name} {number}" for name, number in config["versions"].items())
        for config in configs
    )
    revisions = _distinct(str(config["git_revision"]) for config in configs)
    hours = sum(training_seconds(run) for run in runs) / 3600
    epochs = _distinct(str(config["epochs"]) for config in configs)
    done = sum(run.trained for run in runs)
    lines.append(
        f"{done} of {len(runs)} runs, {hours:.2f} hours of training; {versions}; git "
        f"revision {revisions}."
    )
    if any(run.experiment.place.task == "digit" for run in runs):
        return [*lines, f"Epochs: {epochs}. What differs from the paper stands in the README."]
    # Records of older revisions also hold flags that count for nothing in their network. Those
    # that make the column stand in its title or in the notes.
    used = [
        {
            name: config[name]
            for name in config.keys() & run.config.keys()
            if name == "steps" or name not in run.experiment.fixed
        }
        for run, config in records.items()
    ]
    lines += [
        f"Epochs: {epochs} (the thesis gives no number). What else of the recipe differs from the "
        f"thesis, its value in brackets: {'; '.join(differences(used)) or 'nothing'}. What "
        "differs in the network stands in the README.",
    ]
    return lines


def missing_lines(missing: Mapping[Place, str]) -> list[str]:
    """How to get the data that are missing."""
    sentences = dict.fromkeys(missing.values())
    return ["Data missing:", "", *(f"- {text}" for text in sentences), ""] if sentences else []


def write(path: Path, text: str) -> None:
    """Writes a text file.

    Raises:
        UserError: It cannot be written.
    """
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _file_name(kind: str, item: Table | Figure, partial: bool, places: Iterable[Place]) -> str:
    scenes = dict.fromkeys(place.scene for place in places) if partial else ()
    return "-".join((kind, item.name, *scenes))


def _seeds(plan: Plan) -> int:
    return 1 + max((seed for _, seed in plan), default=0)


def _means(table: Table, seeds: int) -> str:
    """What the numbers of a table are means over."""
    if seeds == 1:
        return "Ours: one seed, 0; it has no spread."
    printed = " The printed values are single numbers." if table.published else ""
    return f"Ours: mean ± standard deviation over seeds 0 to {seeds - 1} (n = {seeds}).{printed}"


def _title(kind: str, item: Table | Figure) -> str:
    return f"{kind} {item.name}: {item.title}"


def _config(run: Run) -> dict | None:
    """What the run's config.json holds; None where it is damaged or not there yet."""
    try:
        config = json.loads((run.path / "config.json").read_text())
    except (OSError, ValueError):
        return None
    return config if isinstance(config, dict) and config.keys() >= TOLD else None


def _distinct(texts: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(texts))
