"""Attention as colour over an image."""

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap, ListedColormap
from PIL import Image

OPACITY = 0.85  # of the strongest attention; the image stays recognisable under it


def relative(attention: np.ndarray) -> np.ndarray:
    """Attention [..., H, W] in multiples of a uniform map: 1 everywhere when it is uniform."""
    return np.asarray(attention, np.float32) * (attention.shape[-2] * attention.shape[-1])


def perplexity(attention: np.ndarray) -> np.ndarray:
    """The number of cells that maps [..., H, W] spread over: 1 (one cell) to H * W (uniform)."""
    p = np.asarray(attention, np.float64)
    entropy = -np.sum(p * np.log(np.maximum(p, 1e-30)), axis=(-2, -1))
    return np.exp(entropy)


def color_ceiling(attention: np.ndarray) -> float:
    """The multiple of uniform that gets the full colour: a power of 2, the first above the maps.

    Args:
        attention: [..., H, W] all maps that share a scale.
    """
    peak = float(np.max(relative(attention)))
    return float(2.0 ** np.ceil(np.log2(np.clip(peak, 2.0, 2.0**16))))


def colormap() -> Colormap:
    """Red to bright yellow: `inferno` without the end that would darken what is attended to."""
    return ListedColormap(colormaps["inferno"](np.linspace(0.42, 0.98, 256)))


def strength(multiple: np.ndarray, ceiling: float) -> np.ndarray:
    """Place on the colour scale, 0 to 1: logarithmic from uniform (1) to `ceiling`."""
    return np.log2(np.clip(multiple, 1.0, ceiling)) / np.log2(ceiling)


def overlay(
    image: np.ndarray, attention: np.ndarray, *, ceiling: float | None = None
) -> np.ndarray:
    """Colours the places that get more attention than a uniform map would give them.

    Where a cell gets its uniform share or less the image stays as it is, so a uniform map gives
    the image back.

    Args:
        image: uint8 [S, S, 3].
        attention: [H, W] map that sums to 1.
        ceiling: Multiple of uniform that gets the full colour; `color_ceiling(attention)` if None.
            Give one value to all the maps that are to be compared.

    Returns:
        uint8 [S, S, 3].
    """
    ceiling = color_ceiling(attention) if ceiling is None else ceiling
    height, width = image.shape[:2]
    smooth = Image.fromarray(relative(attention)).resize((width, height), Image.Resampling.BICUBIC)
    place = strength(np.asarray(smooth), ceiling)
    opacity = OPACITY * np.sqrt(place)[..., None]
    mixed = (1 - opacity) * image + opacity * 255 * colormap()(place)[..., :3]
    return np.round(mixed).astype(np.uint8)
