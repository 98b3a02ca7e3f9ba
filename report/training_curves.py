"""How the training went, from the history of the run."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from report import style

_GATE = re.compile(r"gate_step(\d+)_(.+)")
_PERPLEXITY = re.compile(r"perplexity_step(\d+)")
_CURVES = (
    ("loss", "Loss"),
    ("median_position_m", "Median position error (m)"),
    ("median_orientation_deg", "Median orientation error (°)"),
    ("cross_entropy", "Cross-entropy (nats)"),
    ("accuracy", "Accuracy"),
    ("caught", "Games caught"),
    ("baseline_error", "Squared error of the baseline"),
)
_SHARES = ("accuracy", "caught")  # from 0 to 100 %

History = dict[str, np.ndarray]


def read_history(path: Path) -> History:
    """Reads history.csv.

    A run that was killed may have logged an epoch twice; its last row counts.

    Args:
        path: The file; columns that are missing and cells that are not numbers are allowed.

    Returns:
        Columns [E] in order of epoch, NaN where a cell has no number; {} when there are no rows.
    """
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = {index: row for index, row in enumerate(reader) if None not in row}
        names = list(reader.fieldnames or [])
    if "epoch" in names:
        rows = {_number(row["epoch"]): row for row in rows.values()}
        rows = {epoch: row for epoch, row in rows.items() if np.isfinite(epoch)}
    ordered = [rows[epoch] for epoch in sorted(rows)]
    if not ordered:
        return {}
    return {name: np.array([_number(row[name]) for row in ordered]) for name in names}


def training_figure(history: History) -> Figure | None:
    """Draws the curves that the history has: losses, errors, gates, temperature, perplexity.

    Args:
        history: Columns [E] by name.

    Returns:
        The figure, or None when the history has nothing to draw.
    """
    panels = _panels(history)
    if not panels:
        return None
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = style.new_figure(2.3 * rows, style.WIDTH if columns == 2 else 0.6 * style.WIDTH)
    grid = figure.subplots(rows, columns, squeeze=False)
    # Keras counts epochs from 0; people count from 1.
    epochs = history["epoch"] + 1 if "epoch" in history else np.arange(_length(history)) + 1
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    for axes, draw in zip(grid.flat, panels, strict=False):
        draw(axes, epochs)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        if axes.get_legend_handles_labels()[1]:
            axes.legend(fontsize=8, frameon=False, handlelength=1.4)
    for axes in grid.flat[max(0, len(panels) - columns) : len(panels)]:
        axes.set_xlabel("epoch", fontsize=9)
    return figure


def _panels(history: History) -> list[Callable[[Axes, np.ndarray], None]]:
    drawn = {name for name, values in history.items() if np.any(np.isfinite(values))}
    panels = [
        _curve_panel(history, name, title)
        for name, title in _CURVES
        if name in drawn or f"val_{name}" in drawn
    ]
    gates: dict[int, list[str]] = {}
    for name in history:
        if (match := _GATE.fullmatch(name)) and name in drawn:
            gates.setdefault(int(match[1]), []).append(match[2])
    panels += [_gate_panel(history, step, gates[step]) for step in sorted(gates)]
    if "temperature" in drawn:
        panels.append(_temperature_panel(history))
    steps = sorted(int(m[1]) for name in drawn if (m := _PERPLEXITY.fullmatch(name)))
    if steps:
        panels.append(_perplexity_panel(history, steps))
    return panels


def _curve_panel(history: History, name: str, title: str) -> Callable:
    def draw(axes: Axes, epochs: np.ndarray) -> None:
        style.tidy(axes, title=title)
        shown = []
        for column, label, color in (
            (name, "training", style.TRAINING),
            (f"val_{name}", "validation", style.VALIDATION),
        ):
            if np.any(np.isfinite(history.get(column, np.nan))):
                shown.append(history[column])
                _line(axes, epochs, history[column], color, label)
        if name in _SHARES:
            axes.set_ylim(-0.03, 1.03)
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
            return
        values = np.concatenate(shown)
        values = values[np.isfinite(values)]
        if values.min() > 0 and values.max() > 10 * values.min():
            axes.set_yscale("log")

    return draw


def _gate_panel(history: History, step: int, layers: list[str]) -> Callable:
    def draw(axes: Axes, epochs: np.ndarray) -> None:
        style.tidy(axes, title=f"Step {step}: images that choose each layer")
        for layer, color in style.layer_colors(layers).items():
            _line(axes, epochs, history[f"gate_step{step}_{layer}"], color, layer)
        axes.set_ylim(-0.03, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))

    return draw


def _temperature_panel(history: History) -> Callable:
    def draw(axes: Axes, epochs: np.ndarray) -> None:
        style.tidy(axes, title="Gate temperature")
        _line(axes, epochs, history["temperature"], style.INK, None)
        axes.set_ylim(bottom=0)

    return draw


def _perplexity_panel(history: History, steps: list[int]) -> Callable:
    def draw(axes: Axes, epochs: np.ndarray) -> None:
        style.tidy(axes, title="Perplexity of the attention (cells)")
        for step in steps:
            color = style.STEP_COLORS[(step - 1) % len(style.STEP_COLORS)]
            _line(axes, epochs, history[f"perplexity_step{step}"], color, f"step {step}")
        axes.set_ylim(bottom=0)

    return draw


def _line(
    axes: Axes, epochs: np.ndarray, values: np.ndarray, color: str, label: str | None
) -> None:
    # A single epoch has no line; its point must still be seen.
    marker = "o" if len(epochs) < 3 else None
    axes.plot(epochs, values, color=color, label=label, linewidth=1.6, marker=marker, markersize=4)


def _length(history: History) -> int:
    return len(next(iter(history.values())))


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")
