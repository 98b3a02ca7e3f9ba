"""Decoding and resizing of photographs, once, when a data set is prepared."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from errors import UserError

SHORT_SIDE = 256


def decode_rgb(path: Path) -> np.ndarray:
    """Returns the image as uint8 RGB [H, W, 3], whatever its ending says it is.

    The pixels keep the order in which they are stored: EXIF orientation is not applied, because
    poses refer to the sensor's axes.

    Raises:
        UserError: The file is missing, is not an image or ends too early.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: restore the image, or pass --skip_bad") from error
    # Pillow reports damaged files with any of these, depending on the format.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
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


def encode_png(image: np.ndarray) -> bytes:
    """Returns the image [H, W, 3] as a PNG file, lossless."""
    buffer = io.BytesIO()
    # Level 1 is several times faster to write than the default and some 10 % larger.
    Image.fromarray(image).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
