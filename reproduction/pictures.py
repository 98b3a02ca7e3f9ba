"""Pictures of finished runs: figures 5.3 and 5.4, and results against the number of steps."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from errors import UserError
from files import whole_file
from report import style
from report.attention_figures import attention_figure, frequency_figure
from report.run_files import SplitResults, read_split
from reproduction.definitions import Column, Row, Table
from reproduction.results import Cells
from reproduction.runs import Run

LABELS = {"pose": ("position, m", "orientation, deg"), "scene": ("mean class accuracy, %",)}
SHOWN = 4  # images of a figure
WORK = "gflop_per_image"
PANELS = 6  # rows of a table that one picture can show side by side


def table_pictures(
    table: Table, rows: Sequence[Row], cells: Cells, stem: Path
) -> list[tuple[str, Path]]:
    """Draws what of a table a picture shows better; returns captions and files.

    Of a short table with three or more numbers of steps: results against steps. Of our own tables
    also both figures of the thesis, for the run with the most steps; or, of one of penalties on
    depth, results against work.
    """
    written = []
    joint = [column for column in table.columns if column.model == "joint_attention"]
    if any("compute_penalty" in dict(column.flags) for column in joint):
        path = stem.with_name(stem.name + "-work.png")
        figure = work_figure(rows[0], joint, cells) if rows else None
        if figure:
            written.append(("Results against work", path))
            _save(figure, path)
        return written
    # The number of steps alone differs between those of the first one's flags.
    steps = [column for column in joint if column.steps and column.flags == joint[0].flags]
    least = 2 if table.own else 1  # points of ours: others have the published line as well
    drawn = [row for row in rows if row.place and _measured(cells, row, steps) >= least]
    if len(steps) >= 3 and 0 < len(drawn) <= PANELS:
        path = stem.with_name(stem.name + "-steps.png")
        written.append(("Results against the number of steps", path))
        _save(steps_figure(drawn, steps, cells), path)
    if table.own:
        runs = [run for row in rows for run in cells[row.title, steps[-1].title].runs[:1]]
        for kind, alt in (("frequencies", "Layers selected"), ("attention", "Attention")):
            path = stem.with_name(f"{stem.name}-{kind}.png")
            if runs and picture(kind, runs[0], path) is None:
                written.append((f"{alt}, {steps[-1].title}", path))
    return written


def picture(kind: str, run: Run, path: Path) -> str | None:
    """Draws layer `frequencies` or `attention` of an evaluated run; returns why not, or None."""
    if run.state != "done":
        return "not run"
    draw = {"frequencies": _frequencies, "attention": _attention}[kind]
    try:
        results = read_split(run.path, "test")
        if results.layer_gates is None or results.attention is None:
            return f"{run.path} holds no attention: evaluate it again"
        figure = draw(results)
    except UserError as error:  # no reason to withhold the table
        return str(error)
    if figure is None:
        return f"{run.path} has no images to draw"
    _save(figure, path)
    return None


def steps_figure(rows: Sequence[Row], steps: Sequence[Column], cells: Cells) -> Figure:
    """A line for the published values and one for ours, with their spread: a panel a measure."""
    labels = LABELS[rows[0].place.task]
    figure = style.new_figure(1.9 * len(labels) + 0.5, max(3.6, 1.9 * len(rows)))
    panels = figure.subplots(len(labels), len(rows), squeeze=False)
    for index, label in enumerate(labels):
        for place, row in enumerate(rows):
            axes = panels[index][place]
            title = row.title if index == 0 else ""
            style.tidy(axes, title=title, x="steps T", y=label if place == 0 else "")
            _draw_steps(axes, index, row, steps, cells)
    handles, names = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    return figure


def work_figure(row: Row, columns: Sequence[Column], cells: Cells) -> Figure | None:
    """Each error against GFLOP an image, a point a method; None as long as there is none."""
    of_row = [(column.title, cells[row.title, column.title]) for column in columns]
    points = []
    for title, cell in of_row:
        works = [found[WORK] for found in cell.details.values() if WORK in found]
        if works:
            points.append((title, sum(works) / len(works), cell))
    if not points:
        return None
    labels = LABELS[row.place.task]
    figure = style.new_figure(3.0, 3.6 * len(labels))
    for index, (axes, label) in enumerate(
        zip(figure.subplots(1, len(labels), squeeze=False)[0], labels, strict=True)
    ):
        style.tidy(axes, title="", x="GFLOP an image", y=label)
        for title, work, cell in points:
            mean = cell.mean[index]
            around = cell.spread[index] if cell.spread else 0.0
            axes.errorbar(work, mean, around, fmt="o", capsize=3, color=style.PREDICTION)
            axes.annotate(
                title, (work, mean), xytext=(4, 4), textcoords="offset points", fontsize=8
            )
        axes.margins(0.2)
    return figure


def _draw_steps(axes: Axes, index: int, row: Row, steps: Sequence[Column], cells: Cells) -> None:
    at = [column.steps for column in steps]
    of_row = [cells[row.title, column.title] for column in steps]
    published = [cell.published[index] if cell.published else np.nan for cell in of_row]
    ours = [cell.mean[index] if cell.mean else np.nan for cell in of_row]
    around = [cell.spread[index] if cell.spread else 0.0 for cell in of_row]
    if not np.isnan(published).all():
        axes.plot(at, published, "o--", color=style.MUTED, label="published")
    axes.errorbar(at, ours, around, fmt="o-", capsize=3, color=style.PREDICTION, label="ours")
    axes.set_xticks(at)


def evenly(rows: Sequence[int], count: int) -> list[int]:
    """At most `count` of the rows, spread evenly from the first to the last."""
    places = np.linspace(0, len(rows) - 1, min(count, len(rows)))
    return [rows[round(place)] for place in places]


def _frequencies(results: SplitResults) -> Figure:
    return frequency_figure(results.layer_gates, results.layers)


def _attention(results: SplitResults) -> Figure | None:
    images = results.chosen_images()["sample"]
    if not images:
        return None
    rows = evenly(list(images), SHOWN)
    return attention_figure(
        np.stack([images[row] for row in rows]),
        results.layer_gates[rows],
        results.attention[rows],
        results.layers,
        [style.shorten(results.predictions.names[row], 30) for row in rows],
    )


def _measured(cells: Cells, row: Row, steps: Sequence[Column]) -> int:
    """How many of the columns have values of ours."""
    return sum(bool(cells[row.title, column.title].ours) for column in steps)


def _save(figure: Figure, path: Path) -> None:
    with whole_file(path) as temporary:
        style.save(figure, temporary)
