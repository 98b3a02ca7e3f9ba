"""Decoding and resizing of photographs, once, when a data set is prepared."""

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from errors import UserError

SHORT_SIDE = 256
LONGEST = 20  # sides of an image, at the most, in units of the short one
_ORIENTATION = 0x0112  # EXIF tag
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode_rgb(path: Path, *, upright: bool = False) -> np.ndarray:
    """Returns the image as uint8 RGB [H, W, 3], whatever its ending says it is.

    Of several frames the first is taken, of an image with transparency the stored colours; 16-bit
    greys are scaled to 8 bits.

    Args:
        path: The image file.
        upright: Whether EXIF orientation is applied. Poses refer to the sensor's axes, so that
            their pixels keep the order in which they are stored; what a scene is called refers to
            the photograph as people see it, and a room on its side is harder to recognise.

    Raises:
        UserError: The file is missing, is not an image or ends too early.
    """
    try:
        with Image.open(path) as image:
            rgb = _rgb(image)
            turn = _UPRIGHT.get(_orientation(image)) if upright else None
            return np.asarray(rgb if turn is None else rgb.transpose(turn))
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: restore the image, or pass --skip_bad") from error
    # Pillow reports damaged files with any of these, depending on the format.
    except (OSError, RuntimeError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(
            f"{path} does not decode as an image ({error}): replace it, or pass --skip_bad"
        ) from error


def resize_short_side(image: np.ndarray, short_side: int = SHORT_SIDE) -> np.ndarray:
    """Returns the image [H, W, 3] scaled so that its short side is `short_side` pixels.

    The aspect is kept, the long side rounded. Pillow's bilinear filter widens its triangle when it
    shrinks, so fine texture is averaged instead of aliased.
    """
    height, width = image.shape[:2]
    scale = short_side / min(height, width)
    size = (max(short_side, round(width * scale)), max(short_side, round(height * scale)))
    if size == (width, height):
        return image
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))


def resize_square(image: np.ndarray, side: int = SHORT_SIDE) -> np.ndarray:
    """Returns the image [H, W, 3] scaled to [side, side, 3]; the aspect is not kept.

    The filter is that of `resize_short_side`.
    """
    if image.shape[:2] == (side, side):
        return image
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))


def prepare(path: Path, task: str) -> np.ndarray:
    """Returns the image in `path` as networks for `task`, "pose", "scene" or "digit", see it.

    Scenes stand upright in a square (thesis, 5.1); poses refer to the sensor's own axes and keep
    the aspect; digits stand upright and stay as they are.

    Raises:
        UserError: As `decode_rgb`.
    """
    if task == "scene":
        return resize_square(decode_rgb(path, upright=True))
    if task == "digit":
        return decode_rgb(path, upright=True)
    image = decode_rgb(path)
    height, width = image.shape[:2]
    if max(height, width) > LONGEST * min(height, width):
        raise UserError(
            f"{path} has {width} x {height} pixels, no photograph: replace it, or pass --skip_bad"
        )
    return resize_short_side(image)


def encode_png(image: np.ndarray) -> bytes:
    """Returns the image [H, W, 3] as a PNG file, lossless."""
    buffer = io.BytesIO()
    # Level 1 is several times faster to write than the default and some 10 % larger.
    Image.fromarray(image).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def _rgb(image: Image.Image) -> Image.Image:
    """Returns the image, which is loaded by this, in RGB."""
    if image.mode == "F":
        raise ValueError("its levels are fractions, whose white is not told")
    if image.mode.startswith("I"):  # 16 bits; Pillow's own conversion makes all above 255 white.
        levels = (np.asarray(image).astype(np.int64) + 128) // 257
        return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "P" and "transparency" in image.info:
        return image.convert("RGBA").convert("RGB")  # Straight to RGB, Pillow warns.
    return image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation; 1, as stored, where there is none or EXIF is damaged."""
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error):
        return 1
