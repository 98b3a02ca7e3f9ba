"""The way of the glimpses over an image, and what each of them sees."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from report import style

IMAGE = 1.75  # inches: side of an image with a path
WIDEST, GAP = 0.72, 0.06  # of a glimpse beside it, and between them
MOST = 16  # glimpses beside an image: there is room for no more
LEFT, TOP, TEXT = 0.06, 0.28, 0.4
PATH = "#f2b134"  # is seen on black and on white


def glimpse_start(location: np.ndarray, side: int, width: int) -> np.ndarray:
    """The first column and row of patches, int [..., 2].

    Args:
        location: [..., 2] (x, y), from -1 (left, top) to 1 (right, bottom).
        side: Of the image, pixels.
        width: Of a patch, pixels.
    """
    # In the sensor's precision, so that a half is rounded to the same pixel.
    centre = (np.asarray(location, np.float32) + np.float32(1)) * np.float32(side / 2)
    return np.round(centre - np.float32(width / 2)).astype(int)


def crop_glimpse(image: np.ndarray, location: np.ndarray, size: int, scales: int) -> np.ndarray:
    """What the sensor sees at a location (Mnih et al. 2014, section 3.1).

    Args:
        image: [S, S].
        location: [2] (x, y) in [-1, 1].
        size: Side of a glimpse, pixels.
        scales: How many patches; each next one is twice as wide, averaged down to `size`.

    Returns:
        float64 [scales, size, size]; outside the image is zero.
    """
    side, patches = len(image), []
    for scale in range(scales):
        width = size * 2**scale
        column, row = glimpse_start(location, side, width)
        padded = np.pad(np.asarray(image, np.float64), width)
        # A location lies in the image, so that its patch lies in the padded image.
        patch = padded[row + width : row + 2 * width, column + width : column + 2 * width]
        patches.append(patch.reshape(size, 2**scale, size, 2**scale).mean(axis=(1, 3)))
    return np.stack(patches)


def assemble(image: np.ndarray, locations: np.ndarray, size: int, scales: int) -> np.ndarray:
    """All that glimpses have seen of an image, each pixel as sharp as they saw it.

    Args:
        image: [S, S].
        locations: [t, 2] (x, y) in [-1, 1].
        size: Side of a glimpse, pixels.
        scales: Patches in a glimpse.

    Returns:
        float64 [S, S], NaN where no glimpse was.
    """
    side = len(image)
    reach = size * 2 ** (scales - 1)
    seen = np.full((side + 2 * reach, side + 2 * reach), np.nan)
    views = [crop_glimpse(image, location, size, scales) for location in locations]
    for scale in reversed(range(scales)):
        width = size * 2**scale
        for location, view in zip(locations, views, strict=True):
            column, row = reach + glimpse_start(location, side, width)
            patch = np.kron(view[scale], np.ones((2**scale, 2**scale)))
            seen[row : row + width, column : column + width] = patch
    return seen[reach : reach + side, reach : reach + side]


def glimpse_patches(
    location: np.ndarray, side: int, size: int, scales: int, color: str
) -> Iterator[Rectangle]:
    """The outlines of the patches of a glimpse, the wider the fainter, for `Axes.add_patch`."""
    for scale in range(scales):
        width = size * 2**scale
        column, row = glimpse_start(location, side, width)
        look = {"fill": False, "edgecolor": color, "linewidth": 1.4, "alpha": 0.6**scale}
        yield Rectangle((column - 0.5, row - 0.5), width, width, **look)


def path_points(locations: np.ndarray, side: int) -> np.ndarray:
    """Locations [..., 2] in the coordinates of a drawn image, whose first pixel is at 0."""
    return (np.asarray(locations) + 1) * side / 2 - 0.5


def draw_path(axes: Axes, locations: np.ndarray, side: int) -> None:
    """Draws the way of the glimpses [t, 2]: a line, a dot at its start, a cross at its end."""
    x, y = path_points(locations, side).T
    axes.plot(x, y, color=PATH, linewidth=1.5, solid_joinstyle="round")
    axes.plot(x[:1], y[:1], "o", color=PATH, markeredgecolor=style.INK, markersize=6.5)
    if len(x) > 1:
        axes.plot(x[-1:], y[-1:], "X", color=PATH, markeredgecolor=style.INK, markersize=7.5)


def path_figure(
    images: np.ndarray,
    locations: np.ndarray,
    size: int,
    scales: int,
    captions: Sequence[str],
    answers: Sequence[Sequence[str]] | None = None,
    right: np.ndarray | None = None,
) -> Figure:
    """Draws a row for each image: the path over it, then its glimpses (figure 3 of the paper).

    Args:
        images: uint8 [n, S, S].
        locations: [n, T, 2] (x, y) in [-1, 1].
        size: Side of a glimpse, pixels.
        scales: Patches in a glimpse, drawn below each other, the finest first.
        captions: [n] texts under the images.
        answers: [n][T] texts under the glimpses.
        right: [n, T] whether these are right, which gives them their colour.

    Of more than `MOST` glimpses that many are drawn beside the image, evenly spaced.

    Raises:
        ValueError: If there is no image, or the arguments differ in n.
    """
    rows, glimpses = np.shape(locations)[:2]
    if not 0 < rows == len(images) == len(captions):
        raise ValueError(f"{len(images)} images, {rows} paths; expected equal, not 0")
    drawn = np.linspace(0, glimpses - 1, min(glimpses, MOST)).round().astype(int)
    start = LEFT + IMAGE + 4 * GAP
    cell = min((style.WIDTH - start) / len(drawn) - GAP, WIDEST)
    pitch = max(IMAGE, scales * (cell + GAP)) + TEXT
    height, width = TOP + rows * pitch, max(start + len(drawn) * (cell + GAP), 4.0)
    figure = style.new_figure(height, width, constrained=False)

    def add_axes(left: float, top: float, side: float) -> Axes:
        box = (left / width, 1 - (top + side) / height, side / width, side / height)
        axes = figure.add_axes(box)
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set_color(style.FAINT)
        return axes

    for row, (image, path) in enumerate(zip(images, locations, strict=True)):
        top, side = TOP + row * pitch, len(image)
        axes = add_axes(LEFT, top, IMAGE)
        show(axes, image)
        for location in path:
            for patch in glimpse_patches(location, side, size, 1, PATH):
                axes.add_patch(patch).set(alpha=0.55, linewidth=1.0)
        draw_path(axes, path, side)
        _write(axes, captions[row], style.INK, 8.5)
        for place, number in enumerate(drawn):
            left = start + place * (cell + GAP)
            for scale, patch in enumerate(crop_glimpse(image, path[number], size, scales)):
                axes = add_axes(left, top + scale * (cell + GAP), cell)
                show(axes, patch)
                if row == 0 and scale == 0:
                    title = str(number + 1) if number else "glimpse 1"
                    axes.set_title(title, fontsize=8.5, loc="left", pad=4, color=style.INK)
            if answers is not None:
                known = right is not None
                color = ANSWER_COLORS[bool(right[row, number])] if known else style.INK
                _write(axes, answers[row][number], color, 7.5)
    return figure


ANSWER_COLORS = {True: style.TRAINING, False: style.PREDICTION}


def show(axes: Axes, image: np.ndarray) -> None:
    """Draws a grey image [h, w] of 0 to 255, pixel by pixel, within its own edges."""
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set(xlim=(-0.5, image.shape[1] - 0.5), ylim=(image.shape[0] - 0.5, -0.5))


def _write(axes: Axes, text: str, color: str, size: float) -> None:
    look = {"verticalalignment": "top", "fontsize": size, "color": color}
    axes.text(*(0, -0.04), text, transform=axes.transAxes, **look)
