"""Cumulative error curves with the medians of the baselines."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from report import style

FLOOR = 1e-6  # a logarithmic axis has no place for an error of 0


def error_figure(
    position_error_m: np.ndarray,
    orientation_error_deg: np.ndarray,
    baselines: Mapping[str, Mapping[str, float]],
) -> Figure:
    """Draws the share of images whose error is at most x, for position and orientation.

    Args:
        position_error_m: [N] metres.
        orientation_error_deg: [N] degrees.
        baselines: For each baseline its metrics, of which the medians are marked.
    """
    figure = style.new_figure(3.4)
    for axes, errors, key, title, unit in zip(
        figure.subplots(1, 2, sharey=True),
        (position_error_m, orientation_error_deg),
        ("median_position_m", "median_orientation_deg"),
        ("Position", "Orientation"),
        ("m", "°"),
        strict=True,
    ):
        medians = {"model": float(np.median(errors))}
        medians |= {name: baselines[name][key] for name in sorted(baselines, key=style.rank)}
        style.tidy(axes, title=title, x=f"error ({'degrees' if unit == '°' else unit})")
        _draw_curve(axes, errors, medians, unit)
    figure.axes[0].set_ylabel("images with at most this error", fontsize=9)
    return figure


def cumulative(errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Errors [N] in rising order, and the share of images [N] with at most that error."""
    return np.sort(errors), np.arange(1, len(errors) + 1) / len(errors)


def _draw_curve(axes: Axes, errors: np.ndarray, medians: Mapping[str, float], unit: str) -> None:
    x, share = cumulative(np.maximum(errors, FLOOR))
    # The best and worst single images would stretch the axis over decades that say nothing.
    low, high = x[len(x) // 100], x[-1 - len(x) // 100]
    low, high = (0.8 * min(low, *medians.values()), 1.25 * max(high, *medians.values()))
    axes.set_xscale("log")
    axes.set(xlim=(max(low, FLOOR), high), ylim=(0, 1.0))
    axes.step(
        np.concatenate([[FLOOR], x, [max(high, x[-1])]]),
        np.concatenate([[0.0], share, [1.0]]),
        where="post",
        color=style.PREDICTORS["model"],
        linewidth=2,
    )
    axes.axhline(0.5, color=style.MUTED, linewidth=0.6)
    for name, median in medians.items():
        label = f"{style.PREDICTOR_NAMES.get(name, name)}: median {style.quantity(median, unit)}"
        axes.axvline(
            max(median, FLOOR),
            color=style.PREDICTORS.get(name, style.INK),
            linestyle="-" if name == "model" else "--",
            linewidth=1.2,
            label=label,
        )
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    subdivisions = (1.0, 2.0, 5.0) if high < 300 * low else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=subdivisions))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=8.5, frameon=False, borderpad=0
    )
