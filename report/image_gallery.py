"""The images with the smallest and the largest errors."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from report import style
from tasks.pose_results import Predictions

COLUMNS = 3


def gallery_figure(images: Mapping[int, np.ndarray], predictions: Predictions) -> Figure:
    """Draws images in a grid, each over its name and errors.

    Args:
        images: uint8 [S, S, 3] by row of the predictions, in the order to draw.
        predictions: The rows.

    Raises:
        ValueError: If there is no image.
    """
    if not images:
        raise ValueError("a gallery needs at least one image")
    rows = -(-len(images) // COLUMNS)
    cell = style.WIDTH / COLUMNS
    figure = style.new_figure(rows * (cell + 0.42), dpi=110)  # 264 pixels a side: nearly as stored
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (row, image) in zip(grid.flat, images.items(), strict=False):
        axes.imshow(image)
        name = style.shorten(predictions.names[row], 30)
        axes.text(*(0, -0.03), name, **_text(axes, style.MUTED, 8))
        axes.text(*(0, -0.115), error_text(predictions, row), **_text(axes, style.INK, 9.5))
    return figure


def error_text(predictions: Predictions, row: int) -> str:
    """Position and orientation error of one row, e.g. `0.123 m   4.5°`."""
    position = style.quantity(predictions.position_error_m[row], "m")
    orientation = style.quantity(predictions.orientation_error_deg[row], "°")
    return f"{position}   {orientation}"


def _text(axes: Axes, color: str, size: float) -> dict[str, object]:
    return {
        "transform": axes.transAxes,
        "verticalalignment": "top",
        "fontsize": size,
        "color": color,
    }
