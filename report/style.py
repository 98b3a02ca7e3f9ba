"""What all figures share: colours, type and the way they are drawn.

Figures are `matplotlib.figure.Figure` objects on the Agg canvas, never pyplot: no display is
needed, and a figure is freed when it goes out of scope.
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

matplotlib.rcParams["text.parse_math"] = False  # a dollar in a name is no formula

DPI = 150
WIDTH = 7.2  # inches; type of 9 points stays readable when a page shows this at 500 pixels

INK = "#20242a"
MUTED = "#6b7280"
FAINT = "#d5d9df"
TRUTH = INK
PREDICTION = "#e4572e"
VALIDATION = "#e4572e"
TRAINING = "#2a6fbb"
PREDICTORS = {
    "model": PREDICTION,
    "retrieval": "#2a6fbb",
    "mean_pose": MUTED,
    "majority_class": MUTED,
}
PREDICTOR_NAMES = {
    "model": "this model",
    "retrieval": "retrieval",
    "mean_pose": "mean pose",
    "majority_class": "majority class",
}

# One colour for each GoogLeNet tap, whatever subset a run uses, so that figures of different runs
# can be laid side by side. Cool is early and fine, warm is late and coarse.
_LAYER_COLORS = {
    "3a": "#7a5195",
    "3b": "#3567b0",
    "4a": "#2f9fd0",
    "4b": "#17998f",
    "4c": "#4aa564",
    "4d": "#a3b83a",
    "4e": "#edae2f",
    "5a": "#e8812f",
    "5b": "#cf3f46",
}
_OTHER_COLORS = ("#8c6d5a", "#d16ba5", "#5c6b73", "#9a8f2d", "#6a5acd")
STEP_COLORS = ("#20242a", "#2a8f86", "#c2569b", "#d58a1f", "#5a76c9", "#8a8f98")


def layer_colors(layers: Sequence[str]) -> dict[str, str]:
    """The colour of each layer; layers that GoogLeNet lacks share out a second palette."""
    others = [layer for layer in layers if layer not in _LAYER_COLORS]
    spare = {layer: _OTHER_COLORS[i % len(_OTHER_COLORS)] for i, layer in enumerate(others)}
    return {layer: _LAYER_COLORS.get(layer) or spare[layer] for layer in layers}


def new_figure(
    height: float, width: float = WIDTH, *, constrained: bool = True, dpi: int = DPI
) -> Figure:
    """An empty figure of `width` x `height` inches on the Agg canvas."""
    figure = Figure(figsize=(width, height), dpi=dpi, layout="constrained" if constrained else None)
    FigureCanvasAgg(figure)
    return figure


def tidy(axes: Axes, *, title: str = "", x: str = "", y: str = "") -> None:
    """Gives axes the shared look: title at the left, quiet frame, faint grid behind the data."""
    axes.set_title(title, loc="left", fontsize=10, color=INK, fontweight="bold")
    axes.set_xlabel(x, fontsize=9, color=INK)
    axes.set_ylabel(y, fontsize=9, color=INK)
    axes.tick_params(labelsize=8.5, color=FAINT, labelcolor=INK)
    axes.grid(True, color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(FAINT)


def save(figure: Figure, path: Path) -> Path:
    """Writes a figure as PNG; the same data give the same bytes.

    Returns:
        `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", facecolor="white", metadata={"Software": None})
    return path


def pixels(figure: Figure) -> np.ndarray:
    """The figure as uint8 [h, w, 3]."""
    canvas = figure.canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def quantity(value: float, unit: str) -> str:
    """A number of three digits with its unit, `m` or `°`: `0.123 m`, `4.5°`, `1204 m`."""
    number = f"{value:.0f}" if abs(value) >= 999.5 else f"{value:.3g}"
    return number + unit if unit == "°" else f"{number} {unit}"


def rank(predictor: str) -> int:
    """Place of a predictor in tables and legends: the model, the baselines, then any others."""
    known = list(PREDICTORS)
    return known.index(predictor) if predictor in known else len(known)


def shorten(text: str, length: int) -> str:
    """Keeps the end of a long name, where image names differ."""
    return text if len(text) <= length else "…" + text[1 - length :]
