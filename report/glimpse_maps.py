"""Over all images: where each glimpse goes, and what it is worth."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

from report import style

BINS = 25  # of a heat map, a side: odd, so that the centre of the image is in the middle of one
PANEL = 1.55  # inches: side of a heat map
HEAT = ListedColormap(colormaps["magma_r"](np.linspace(0.06, 0.95, 256)))


def error_by_glimpse(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The share of images [T] that are wrong when the network must answer after each glimpse.

    Args:
        logits: [N, T, K].
        labels: [N].
    """
    return np.mean(np.argmax(logits, axis=-1) != np.asarray(labels)[:, None], axis=0)


def error_by_glimpse_figure(errors: np.ndarray, images: int) -> Figure:
    """Draws the error rate [T] after each glimpse, with its value, on a logarithmic axis."""
    figure = style.new_figure(2.9, 0.75 * style.WIDTH)
    axes = figure.subplots()
    style.tidy(axes, title=f"Error rate after each glimpse, {images:,} images", x="glimpse")
    glimpses = np.arange(1, len(errors) + 1)
    axes.plot(glimpses, errors, color=style.PREDICTION, linewidth=2, marker="o", markersize=5)
    _write_values(axes, errors, [f"{100 * error:.3g}%" for error in errors])
    if np.min(errors) > 0:
        axes.set_yscale("log")
        axes.set_ylim(0.7 * np.min(errors), min(1.6 * np.max(errors), 1.3))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}%"))
    else:
        axes.set_ylim(-0.03, max(1.15 * np.max(errors), 0.05))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    return figure


def distances_in_pixels(locations: np.ndarray, centers: np.ndarray, side: int) -> np.ndarray:
    """How far from the digit's middle each glimpse is taken, pixels [N, T].

    Args:
        locations: [N, T, 2] (x, y) in [-1, 1].
        centers: [N, 2], the same of the digits.
        side: Of the images, pixels.
    """
    return np.linalg.norm(locations - centers[:, None], axis=-1) * (side / 2)


def distance_figure(distances: np.ndarray) -> Figure:
    """Draws distances [N, T], pixels: by glimpse the median and the range of most images."""
    figure = style.new_figure(2.4, 0.75 * style.WIDTH)
    axes = figure.subplots()
    style.tidy(axes, title="Pixels from the digit's middle", x="glimpse")
    low, median, high = np.quantile(distances, (0.1, 0.5, 0.9), axis=0)
    glimpses = np.arange(1, len(median) + 1)
    axes.fill_between(glimpses, low, high, color=style.PREDICTION, alpha=0.15, linewidth=0)
    axes.plot(glimpses, median, color=style.PREDICTION, linewidth=2, marker="o", markersize=5)
    _write_values(axes, median, [f"{distance:.1f}" for distance in median])
    axes.set_ylim(bottom=0)
    return figure


def _write_values(axes: Axes, values: np.ndarray, texts: Sequence[str]) -> None:
    """Writes beside the point of each glimpse, from 1 on, its value."""
    for glimpse, (value, text) in enumerate(zip(values, texts, strict=True), start=1):
        axes.annotate(
            text,
            (glimpse, value),
            xytext=(5, 5),
            textcoords="offset points",
            fontsize=8.5,
            color=style.INK,
        )
    axes.set_xlim(0.8, len(values) + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def location_histogram(locations: np.ndarray, bins: int = BINS) -> np.ndarray:
    """The share of images [T, bins, bins] (row y, column x) whose glimpse is in each cell.

    Args:
        locations: [N, T, 2] (x, y) in [-1, 1].
        bins: Cells in a row, over the whole image.
    """
    cell = np.clip((np.asarray(locations) + 1) / 2 * bins, 0, bins - 1).astype(int)
    columns, rows = np.moveaxis(cell, -1, 0)
    return np.stack(
        [
            np.bincount(row * bins + column, minlength=bins * bins).reshape(bins, bins) / len(cell)
            for row, column in zip(rows.T, columns.T, strict=True)
        ]
    )


def location_figure(locations: np.ndarray) -> Figure:
    """Draws where each of T glimpses goes, over all images: locations [N, T, 2] in [-1, 1]."""
    shares = location_histogram(locations)
    titles = [f"glimpse {number}" for number in range(1, len(shares) + 1)]
    return heat_figure(shares, (-1, 1), titles, ("x", "y"), "images in a cell")


def heat_figure(
    shares: np.ndarray,
    span: tuple[float, float],
    titles: Sequence[str],
    names: tuple[str, str],
    meaning: str,
) -> Figure:
    """Draws heat maps side by side on one logarithmic colour scale; empty cells stay white.

    Args:
        shares: [P, rows, columns], from 0 to 1.
        span: Of both axes; y grows downwards, as in images.
        titles: [P].
        names: Of the x and of the y axis, with their unit.
        meaning: Of a share.
    """
    columns = min(len(shares), 4)
    rows = -(-len(shares) // columns)
    figure = style.new_figure(rows * (PANEL + 0.15) + 0.4, columns * PANEL + 1.2)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    filled = shares[shares > 0]
    norm = LogNorm(min(filled.min(), 0.1), max(filled.max(), 0.1001))
    extent = (*span, *span[::-1])
    for axes in grid.flat[len(shares) :]:
        axes.set_axis_off()
    for axes, share, title in zip(grid.flat, shares, titles, strict=False):
        style.tidy(axes, title=title)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(3, steps=(1, 2, 5, 10)))
        axes.axhline(0, color=style.FAINT, linewidth=0.8, zorder=0)
        axes.axvline(0, color=style.FAINT, linewidth=0.8, zorder=0)
        axes.grid(False)
        shown = np.ma.masked_equal(share, 0)
        picture = axes.imshow(shown, HEAT, norm, extent=extent, interpolation="nearest")
        for spine in axes.spines.values():
            spine.set_visible(True)
    figure.supxlabel(names[0], fontsize=9)
    figure.supylabel(names[1], fontsize=9)
    bar = figure.colorbar(picture, ax=grid, fraction=0.04, pad=0.02, aspect=25 * rows)
    bar.set_label(meaning, fontsize=9)
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}%"))
    bar.ax.tick_params(labelsize=8, which="both")
    bar.outline.set_visible(False)
    return figure
