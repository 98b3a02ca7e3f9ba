"""Images in a grid, such as those with the smallest and the largest errors."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from report import style

COLUMNS = 3


def gallery_figure(
    images: Mapping[int, np.ndarray], names: Sequence[str], captions: Mapping[int, str]
) -> Figure:
    """Draws images in a grid, each over its name and caption.

    Args:
        images: uint8 [S, S, 3] by row of the predictions, in the order to draw.
        names: [N] of all rows.
        captions: By row, one or two lines; they make room for the longest.

    Raises:
        ValueError: If there is no image.
    """
    if not images:
        raise ValueError("a gallery needs at least one image")
    rows = -(-len(images) // COLUMNS)
    cell = style.WIDTH / COLUMNS
    lines = max(captions[row].count("\n") + 1 for row in images)
    text = 0.22 + 0.2 * lines
    figure = style.new_figure(rows * (cell + text), dpi=110)  # 264 pixels a side: nearly as stored
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (row, image) in zip(grid.flat, images.items(), strict=False):
        axes.imshow(image)
        name = style.shorten(names[row], 30)
        axes.text(*(0, -0.03), name, **_text(axes, style.MUTED, 8))
        axes.text(*(0, -0.115), captions[row], **_text(axes, style.INK, 9.5))
    return figure


def _text(axes: Axes, color: str, size: float) -> dict[str, object]:
    return {
        "transform": axes.transAxes,
        "verticalalignment": "top",
        "fontsize": size,
        "color": color,
    }
