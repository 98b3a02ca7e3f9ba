"""Whether a network knows when it errs: errors against the spread of its samples."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from report import style

GROUPS = 5  # of images, of equal size, by uncertainty
FLOOR = 1e-6  # a logarithmic axis has no place for 0
# First digits that have a label on axes of fewer than so many powers of ten.
LABELS = ((0.5, range(1, 10)), (1, (1, 2, 3, 5, 7)), (2, (1, 2, 5)), (np.inf, (1,)))


def uncertainty_figure(
    uncertainty: np.ndarray, position_error_m: np.ndarray, orientation_error_deg: np.ndarray
) -> Figure:
    """Draws the error of each image against its uncertainty, and the median of each fifth.

    On the dotted diagonal the two are equal.

    Args:
        uncertainty: [N, 2] in metres and degrees.
        position_error_m: [N].
        orientation_error_deg: [N].
    """
    figure = style.new_figure(3.4)
    for axes, spread, error, title, unit in zip(
        figure.subplots(1, 2),
        uncertainty.T,
        (position_error_m, orientation_error_deg),
        ("Position", "Orientation"),
        ("m", "degrees"),
        strict=True,
    ):
        style.tidy(axes, title=title, x=f"uncertainty ({unit})")
        axes.set_ylabel(f"error ({unit})", fontsize=9)
        _draw(axes, np.maximum(spread, FLOOR), np.maximum(error, FLOOR))
    return figure


def _draw(axes: Axes, spread: np.ndarray, error: np.ndarray) -> None:
    axes.set(xscale="log", yscale="log")
    axes.scatter(spread, error, s=7, color=style.MUTED, alpha=0.45, linewidths=0)
    order = np.argsort(spread, kind="stable")
    groups = [group for group in np.array_split(order, GROUPS) if len(group)]
    axes.plot(
        [np.median(spread[group]) for group in groups],
        [np.median(error[group]) for group in groups],
        color=style.PREDICTION,
        marker="o",
        markersize=4,
        label="median of each fifth of the images",
    )
    # The axes grow to hold the points that a line is given: these lie among the data.
    low, high = float(np.min(spread)), 1.01 * float(np.max(spread))
    axes.axline((low, low), (high, high), color=style.MUTED, linewidth=1, linestyle=":")
    for axis, (least, most) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        # Powers of ten alone would label a narrow axis once, or not at all.
        decades = np.log10(most / least)
        digits = next(digits for width, digits in LABELS if decades < width)
        axis.set_major_locator(LogLocator(subs=digits))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.legend(frameon=False, fontsize=8, loc="upper left")
