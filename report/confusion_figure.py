"""Which classes are taken for which."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from report import style

RIGHT, WRONG = style.TRAINING, style.PREDICTION
FEW = 20  # classes that the shared figure width has room for
CELL = 0.15  # inches, of a matrix of more
LONGEST = 28  # characters of a name


def confusion_figure(matrix: np.ndarray, class_names: Sequence[str]) -> Figure:
    """Draws the share of each class's images that is taken for each class.

    Rows are true classes and add up to 100 %; the diagonal, which is right, has a colour of its
    own. A class without images is an empty row.

    Args:
        matrix: [K, K] images, row the true class, column the predicted one.
        class_names: [K].
    """
    classes = len(class_names)
    names = [style.shorten(name, LONGEST) for name in class_names]
    few = classes <= FEW
    size = 8.5 if few else 6.5
    margin = 0.5 + max(map(len, names)) * size * 0.0078  # inches that the names take
    width = style.WIDTH if few else classes * CELL + margin
    side = width - margin
    figure = style.new_figure(side + margin, width, constrained=False)
    axes = figure.add_axes(
        ((margin - 0.1) / width, (margin - 0.25) / (side + margin), side / width, side / width)
    )
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(_colors(shares), interpolation="none")
    _write_shares(axes, shares, 8 if few else 5)
    ticks = np.arange(classes)
    axes.set_xticks(ticks, names, rotation=90, fontsize=size)
    axes.set_yticks(ticks, names, fontsize=size)
    axes.tick_params(length=0, labelcolor=style.INK)
    axes.set_xticks(ticks[1:] - 0.5, minor=True)
    axes.set_yticks(ticks[1:] - 0.5, minor=True)
    axes.grid(True, which="minor", color=style.FAINT, linewidth=0.4)
    axes.tick_params(which="minor", length=0)
    axes.set_xlabel("predicted class", fontsize=9, color=style.INK)
    axes.set_ylabel("true class", fontsize=9, color=style.INK)
    for spine in axes.spines.values():
        spine.set_color(style.FAINT)
    return figure


def _colors(shares: np.ndarray) -> np.ndarray:
    """Shares [K, K] as RGB [K, K, 3]: white at 0; errors pale slower, for they are spread out."""
    diagonal = np.eye(len(shares), dtype=bool)[..., None]
    color = np.where(diagonal, to_rgb(RIGHT), to_rgb(WRONG))
    strength = np.where(diagonal, shares[..., None], np.sqrt(shares[..., None]))
    return 1 - strength * (1 - color)


def _write_shares(axes: Axes, shares: np.ndarray, size: float) -> None:
    """Writes in each cell its percentage, where it is not 0."""
    for row, column in np.argwhere(np.round(100 * shares) > 0):
        share = shares[row, column]
        strong = (share if row == column else np.sqrt(share)) > 0.66
        axes.text(
            *(column, row),
            f"{100 * share:.0f}",
            horizontalalignment="center",
            verticalalignment="center_baseline",
            fontsize=size,
            color="white" if strong else style.INK,
        )
