"""Moving pictures: a network with glimpses at work on an image, and at a game of Catch."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import findfont
from matplotlib.ticker import PercentFormatter
from PIL import Image, ImageColor, ImageDraw, ImageFont

from report import style
from report.glimpse_figures import (
    ANSWER_COLORS,
    PATH,
    assemble,
    draw_path,
    glimpse_patches,
    glimpse_start,
    show,
)

DPI = 100
PACE, REST = 900, 3000  # milliseconds: of a glimpse, and of the last frame of all
GAME_PACE = 220
COLORS = 64  # of a frame: greys, two colours and the edges of letters
SCREEN, GUTTER, HEAD = 173, 8, 22  # pixels: of a game's screen, and beside and above it
UNSEEN = "#33465c"  # no grey, so that nobody takes it for a part of the image


def write_gif(frames: Iterable[np.ndarray], path: Path, pace: int) -> Path:
    """Writes frames uint8 [h, w, 3] as an animation without end, `pace` milliseconds each.

    Returns:
        `path`.

    Raises:
        ValueError: If there is no frame.
    """
    pictures = [
        Image.fromarray(frame).quantize(COLORS, Image.Quantize.FASTOCTREE) for frame in frames
    ]
    if not pictures:
        raise ValueError("an animation needs at least one frame")
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures[0].save(
        path,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=[pace] * (len(pictures) - 1) + [REST],
        loop=0,
    )
    return path


def write_rollout(
    path: Path,
    image: np.ndarray,
    locations: np.ndarray,
    size: int,
    scales: int,
    probabilities: np.ndarray,
    label: int,
    class_names: Sequence[str],
) -> Path:
    """Writes how the network looks at one image: a frame a glimpse.

    Each shows the image with the patches of the glimpse, all that was seen so far, and what the
    network would answer now.

    Args:
        path: The GIF to write.
        image: uint8 [S, S].
        locations: [T, 2] (x, y) in [-1, 1].
        size: Side of a glimpse, pixels.
        scales: Patches in a glimpse.
        probabilities: [T, K] of the classes, after each glimpse.
        label: The true class.
        class_names: [K].
    """

    def frame(glimpse: int) -> np.ndarray:
        # A layout that fits itself to its texts would move from frame to frame.
        figure = style.new_figure(2.75, constrained=False, dpi=DPI)
        left, middle, right = figure.subplots(1, 3)
        figure.subplots_adjust(0.01, 0.1, 0.97, 0.9, wspace=0.13)
        until = locations[: glimpse + 1]
        _show(left, image, f"glimpse {glimpse + 1} of {len(locations)}")
        for patch in glimpse_patches(locations[glimpse], len(image), size, scales, PATH):
            left.add_patch(patch)
        draw_path(left, until, len(image))
        _show(middle, assemble(image, until, size, scales), "seen so far")
        _draw_answer(right, probabilities[glimpse], label, class_names)
        return style.pixels(figure)

    return write_gif(map(frame, range(len(locations))), path, PACE)


def write_games(
    path: Path,
    states: np.ndarray,
    locations: np.ndarray,
    caught: np.ndarray,
    size: int,
    scales: int,
) -> Path:
    """Writes games of Catch side by side: the screen, and below it the glimpse of it.

    Args:
        path: The GIF to write.
        states: [n, T + 1, 4] ball x and y, its speed, and the left column of the paddle, in
            pixels; the screen is T + 1 pixels wide and high.
        locations: [n, T, 2] (x, y) in [-1, 1]; after the last action there is no glimpse.
        caught: [n] whether the ball was.
        size: Side of a glimpse, pixels.
        scales: Patches in a glimpse.
    """
    side = np.shape(states)[1]
    glimpses = [*np.moveaxis(locations, 1, 0), None]
    frames = (
        _game_frame(states[:, step], glimpses[step], caught, size, scales, side, step)
        for step in range(side)
    )
    return write_gif(frames, path, GAME_PACE)


def screen(state: np.ndarray, side: int) -> np.ndarray:
    """The screen of Catch, uint8 [side, side]: 255 where ball or paddle are.

    Args:
        state: [4] ball x and y, its speed (which is not seen), the left column of the paddle.
        side: Of the screen, pixels.
    """
    x, y, _, paddle = np.asarray(state, np.float64)
    picture = np.zeros((side, side), np.uint8)
    picture[int(y), int(np.floor(x + 0.5))] = 255  # halves go right
    picture[-1, int(paddle) : int(paddle) + 2] = 255
    return picture


def _game_frame(
    states: np.ndarray,
    locations: np.ndarray | None,
    caught: np.ndarray,
    size: int,
    scales: int,
    side: int,
    step: int,
) -> np.ndarray:
    """The frame of n games: states [n, 4], locations [n, 2] or, when they are over, None."""
    # Drawn by hand: matplotlib takes seconds for the frames of a game.
    tile = (SCREEN // side) * side
    frame = Image.new("RGB", (len(states) * (tile + GUTTER) - GUTTER, 2 * (tile + HEAD)), "white")
    pen = ImageDraw.Draw(frame)
    font = ImageFont.truetype(findfont("DejaVu Sans:bold"), 13)
    for game, state in enumerate(states):
        left, picture = game * (tile + GUTTER), screen(state, side)
        seen = np.full((side, side), np.nan)
        title, color = f"step {step + 1} of {side - 1}" if game == 0 else "", style.INK
        if locations is None:
            title, color = (
                ("caught" if caught[game] else "missed"),
                ANSWER_COLORS[bool(caught[game])],
            )
        else:
            seen = assemble(picture, locations[game, None], size, scales)
        top, bottom = _tile(picture, tile), _tile(seen, tile)
        for scale in range(scales if locations is not None else 0):
            _outline(top, locations[game], side, size * 2**scale, 0.6**scale)
        pen.text((left, 2), title, color, font)
        pen.text(
            (left, tile + HEAD + 2),
            "" if game or locations is None else "what it sees",
            style.INK,
            font,
        )
        frame.paste(top, (left, HEAD))
        frame.paste(bottom, (left, tile + 2 * HEAD))
    return np.asarray(frame)


def _tile(image: np.ndarray, side: int) -> Image.Image:
    """A grey image [S, S] of `side` pixels; where it is NaN, nothing was seen."""
    grey = np.repeat(np.nan_to_num(image)[..., None], 3, axis=2)
    colors = np.where(np.isnan(image)[..., None], ImageColor.getrgb(UNSEEN), grey)
    picture = Image.fromarray(np.round(colors).astype(np.uint8))
    return picture.resize((side, side), Image.Resampling.NEAREST)


def _outline(tile: Image.Image, location: np.ndarray, side: int, width: int, light: float) -> None:
    zoom = tile.width // side
    corner = np.array(glimpse_start(location, side, width)) * zoom
    color = tuple(round(light * channel) for channel in ImageColor.getrgb(PATH))
    box = (*corner.tolist(), *(corner + width * zoom - 1).tolist())
    ImageDraw.Draw(tile).rectangle(box, outline=color, width=2)


def _show(axes: Axes, image: np.ndarray, title: str, color: str = style.INK) -> None:
    """Draws a grey image [S, S]; where it is NaN, nothing was seen."""
    show(axes, np.ma.masked_invalid(image))
    axes.set_facecolor(UNSEEN)
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=10, loc="left", color=color, fontweight="bold")
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_answer(
    axes: Axes, probabilities: np.ndarray, label: int, class_names: Sequence[str]
) -> None:
    """Draws the probability of each class, the answer in the colour of right or wrong."""
    answer = int(np.argmax(probabilities))
    colors = [style.FAINT] * len(probabilities)
    colors[answer] = ANSWER_COLORS[answer == label]
    style.tidy(axes, title=f"answer {class_names[answer]}, true {class_names[label]}")
    axes.barh(range(len(class_names)), probabilities, color=colors, tick_label=class_names)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1])
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
