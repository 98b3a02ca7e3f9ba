"""What the network attends to: the layer chosen at each step, and the place in the image."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import FuncNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from report import style
from report.overlay import color_ceiling, colormap, overlay, perplexity, strength

__all__ = ["attention_figure", "attention_panel", "frequency_figure", "layer_frequencies"]

CELL = 1.68  # inches: side of one image, so that four of them make the shared figure width
GAP = 0.08
CAPTION = 0.36
TOP = 0.28
BOTTOM = 0.55


def layer_frequencies(layer_gates: np.ndarray) -> np.ndarray:
    """The share of images [T, L] for which a step takes its features from a layer.

    Args:
        layer_gates: [N, T, L] one-hot rows; of soft rows the largest entry counts.
    """
    chosen = np.argmax(layer_gates, axis=-1)
    return np.mean(chosen[..., None] == np.arange(np.shape(layer_gates)[-1]), axis=0)


def frequency_figure(layer_gates: np.ndarray, layers: Sequence[str]) -> Figure:
    """Draws how often each step chooses each layer (figure 5.3 of the thesis, step by step).

    Args:
        layer_gates: [N, T, L].
        layers: [L] layer names.
    """
    frequencies = layer_frequencies(layer_gates)
    images, steps = np.shape(layer_gates)[:2]
    figure = style.new_figure(2.9)
    axes = figure.subplots()
    style.tidy(axes, title=f"Layer chosen at each step, {images} images", y="images")
    axes.grid(False, axis="x")
    colors, width = style.layer_colors(layers), 0.8 / len(layers)
    for index, layer in enumerate(layers):
        offset = (index - (len(layers) - 1) / 2) * width
        bars = axes.bar(
            np.arange(steps) + offset,
            frequencies[:, index],
            width=0.92 * width,
            color=colors[layer],
            label=layer,
        )
        labels = [f"{share:.0%}" for share in frequencies[:, index]]
        axes.bar_label(bars, labels, fontsize=8, color=style.INK, padding=1)
    axes.set_xticks(np.arange(steps), [f"step {step}" for step in range(1, steps + 1)])
    axes.tick_params(axis="x", length=0)
    axes.set_ylim(0, 1.08)
    axes.set_yticks(np.linspace(0, 1, 5))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    figure.legend(loc="outside lower center", ncols=len(layers), fontsize=9, frameon=False)
    return figure


def attention_figure(
    images: np.ndarray,
    layer_gates: np.ndarray | None,
    attention: np.ndarray,
    layers: Sequence[str],
    captions: Sequence[str] | None = None,
) -> Figure:
    """Draws a row for each image: the image, then its attention at each step (figure 5.4).

    Args:
        images: uint8 [N, S, S, 3].
        layer_gates: [N, T, L], or None for a network that reads one fixed layer.
        attention: [N, T, H, W] maps that sum to 1.
        layers: [L] layer names.
        captions: [N] texts of up to two lines under the images.

    Raises:
        ValueError: If there is no image, or the arguments differ in N.
    """
    rows, steps = np.shape(attention)[:2]
    if rows == 0 or len(images) != rows or (layer_gates is not None and len(layer_gates) != rows):
        raise ValueError(
            f"{len(images)} images and {rows} rows of attention; expected equal, not 0"
        )
    ceiling = color_ceiling(attention)
    width = (steps + 1) * (CELL + GAP) + GAP
    height = TOP + rows * (CELL + CAPTION) + BOTTOM
    figure = style.new_figure(height, width, constrained=False)
    colors = style.layer_colors(layers)
    for row in range(rows):
        top = TOP + row * (CELL + CAPTION)
        for column in range(steps + 1):
            left = GAP + column * (CELL + GAP)
            box = (left / width, 1 - (top + CELL) / height, CELL / width, CELL / height)
            axes = figure.add_axes(box)
            axes.set_axis_off()
            if row == 0:
                title = f"step {column}" if column else "input"
                axes.set_title(title, fontsize=9.5, loc="left", pad=4, color=style.INK)
            if column == 0:
                axes.imshow(images[row])
                _write(axes, captions[row] if captions else "", style.INK)
                continue
            heat = attention[row, column - 1]
            axes.imshow(overlay(images[row], heat, ceiling=ceiling))
            _write(axes, f"perplexity {perplexity(heat):.0f} of {heat.size}", style.MUTED)
            if layer_gates is not None:
                layer = layers[int(np.argmax(layer_gates[row, column - 1]))]
                _name_layer(axes, layer, colors[layer])
            elif len(layers) == 1:
                _name_layer(axes, layers[0], colors[layers[0]])
    _draw_scale(figure, ceiling, width, height)
    return figure


def attention_panel(
    images: np.ndarray,
    layer_gates: np.ndarray | None,
    attention: np.ndarray,
    layers: Sequence[str],
) -> np.ndarray:
    """`attention_figure` as uint8 [h, w, 3], for an image summary."""
    return style.pixels(attention_figure(images, layer_gates, attention, layers))


def _write(axes: Axes, text: str, color: str) -> None:
    axes.text(
        *(0, -0.025),
        text,
        transform=axes.transAxes,
        verticalalignment="top",
        fontsize=7.5,
        color=color,
        linespacing=1.15,
    )


def _name_layer(axes: Axes, layer: str, color: str) -> None:
    axes.text(
        *(0.03, 0.965),
        layer,
        transform=axes.transAxes,
        verticalalignment="top",
        fontsize=9,
        fontweight="bold",
        color="white",
        bbox={"boxstyle": "round,pad=0.25", "facecolor": color, "edgecolor": "white"},
    )


def _draw_scale(figure: Figure, ceiling: float, width: float, height: float) -> None:
    """Draws the colour scale that all the maps share."""
    length = min(3.2, width - 6 * GAP)
    axes = figure.add_axes((3 * GAP / width, 0.3 / height, length / width, 0.1 / height))
    norm = FuncNorm((lambda x: strength(x, ceiling), lambda s: ceiling**s), vmin=1, vmax=ceiling)
    bar = figure.colorbar(
        ScalarMappable(norm, colormap()), cax=axes, orientation="horizontal", ticks=None
    )
    octaves = int(np.log2(ceiling))
    ticks = [2.0**octave for octave in range(0, octaves + 1, -(-octaves // 6))]
    bar.set_ticks(ticks, labels=["uniform", *(f"{tick:g}x" for tick in ticks[1:])])
    bar.ax.tick_params(labelsize=7.5, length=2)
    bar.ax.minorticks_off()
    bar.outline.set_visible(False)
