"""Top view of where the cameras were and where the network says they were."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from data import poses
from report import style

AXES = "xyz"
MAX_PANELS = 12
MAX_TICKS = 40
TICK = 0.035  # length of a viewing direction, of the longer side of the view
OPTICAL_AXIS = np.array([0.0, 0.0, 1.0])  # the camera looks along its own +z


def trajectory_figure(
    sequences: Sequence[str], truth: np.ndarray, predicted: np.ndarray
) -> tuple[Figure, str]:
    """Draws true and predicted camera centres, one panel for each sequence, on one scale.

    The two world axes along which the true positions spread most span the view. The view covers
    the true positions and predictions up to half its size beyond; a prediction farther off leaves
    only the line towards it, and the sentence counts those.

    Args:
        sequences: [N] sequence of each image.
        truth: [N, 7] true poses.
        predicted: [N, 7] predicted poses.

    Returns:
        The figure, and a sentence on what it leaves out ("" when it shows everything).
    """
    plane = top_view_axes(truth[:, :3])
    low, high = _view(truth[:, plane], predicted[:, plane])
    shown = _panels(list(dict.fromkeys(sequences)))
    columns = 1 if len(shown) == 1 else 2 if len(shown) in (2, 4) else 3
    rows = -(-len(shown) // columns)
    width, height = high - low
    panel_width = (style.WIDTH - 0.7) / columns - 0.1  # less what labels and gaps take
    panel_height = float(np.clip(panel_width * height / width, 0.9, 5.5))
    figure = style.new_figure(rows * (panel_height + 0.32) + 0.75)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for index, axes in enumerate(grid.flat):
        if index >= len(shown):
            axes.set_axis_off()
            continue
        rows_here = np.array([sequence == shown[index] for sequence in sequences])
        title = f"{style.shorten(shown[index], 46 // columns)}  ({rows_here.sum()})"
        style.tidy(axes, title=title)
        _draw_sequence(axes, truth[rows_here], predicted[rows_here], plane, TICK * max(high - low))
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
        axes.xaxis.set_major_locator(MaxNLocator(5))
    figure.supxlabel(f"{AXES[plane[0]]} (m)", fontsize=9)
    figure.supylabel(f"{AXES[plane[1]]} (m)", fontsize=9)
    figure.legend(
        handles=[
            Line2D([], [], color=style.TRUTH, marker="o", markersize=4, linewidth=1, label="true"),
            Line2D(
                *([], []),
                color=style.PREDICTION,
                marker="o",
                markersize=4,
                linewidth=1,
                label="predicted",
            ),
            Line2D([], [], color=style.MUTED, linewidth=0.8, label="error"),
        ],
        loc="outside upper right",
        ncols=3,
        fontsize=9,
        frameon=False,
    )
    return figure, _left_out(sequences, shown, predicted[:, plane], low, high)


def top_view_axes(positions: np.ndarray) -> list[int]:
    """The two axes [0..2], in order, along which positions [N, 3] spread most."""
    return sorted(np.argsort(-np.ptp(positions, axis=0), kind="stable")[:2].tolist())


def _view(truth: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corner [2] of the view; positions are [N, 2]."""
    low, high = truth.min(axis=0), truth.max(axis=0)
    reach = max(0.5 * float(max(high - low)), 0.05)
    view_low = np.maximum(np.minimum(low, predicted.min(axis=0)), low - reach)
    view_high = np.minimum(np.maximum(high, predicted.max(axis=0)), high + reach)
    # A straight corridor, or a camera that stands still, needs some width to be drawn in.
    span = view_high - view_low
    half = np.maximum(0.56 * span, max(0.1 * float(max(span)), 0.05))
    half += TICK * float(max(span))
    centre = (view_low + view_high) / 2
    return centre - half, centre + half


def _panels(sequences: list[str]) -> list[str]:
    """Up to `MAX_PANELS` sequences, evenly spaced over all of them."""
    picks = np.linspace(0, len(sequences) - 1, min(MAX_PANELS, len(sequences)))
    return [sequences[i] for i in np.round(picks).astype(int)]


def _draw_sequence(
    axes: Axes, truth: np.ndarray, predicted: np.ndarray, plane: list[int], tick: float
) -> None:
    size = float(np.clip(60 / np.sqrt(len(truth)), 2, 9))
    pairs = np.stack([truth[:, plane], predicted[:, plane]], axis=1)
    axes.add_collection(LineCollection(pairs, colors=style.MUTED, linewidths=0.5, alpha=0.55))
    stride = -(-len(truth) // MAX_TICKS)
    for pose, color, layer in ((predicted, style.PREDICTION, 3), (truth, style.TRUTH, 4)):
        directions = poses.matrix_from_quaternion(pose[::stride, 3:]) @ OPTICAL_AXIS
        start = pose[::stride, plane]
        ticks = np.stack([start, start + tick * directions[:, plane]], axis=1)
        axes.add_collection(LineCollection(ticks, colors=color, linewidths=0.8, zorder=layer))
        axes.scatter(*pose[:, plane].T, s=size, color=color, linewidths=0, zorder=layer)


def _left_out(
    sequences: Sequence[str],
    shown: list[str],
    predicted: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> str:
    total = len(set(sequences))
    notes = []
    if total > len(shown):
        notes.append(f"{len(shown)} of {total} sequences are shown")
    drawn = np.isin(np.asarray(sequences), shown)
    outside = int(np.sum(drawn & ~np.all((predicted >= low) & (predicted <= high), axis=1)))
    if outside:
        notes.append(f"predictions outside the view: {outside}")
    return f"{'; '.join(notes)}." if notes else ""
