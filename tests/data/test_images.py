"""Decoding by content and resizing."""

import io

import numpy as np
import pytest
from PIL import Image

from data import images
from errors import UserError
from tests.data.writers import write_image


@pytest.mark.parametrize(
    ("size", "resized"),
    [((640, 480), (341, 256)), ((1920, 1080), (455, 256)), ((300, 400), (256, 341))],
)
def test_short_side_becomes_256_and_the_aspect_is_kept(size, resized):
    image = np.zeros((size[1], size[0], 3), np.uint8)
    assert images.resize_short_side(image).shape == (resized[1], resized[0], 3)


def test_image_of_the_right_size_is_not_touched():
    image = np.random.default_rng(0).integers(0, 256, (256, 341, 3), dtype=np.uint8)
    np.testing.assert_array_equal(images.resize_short_side(image), image)


def test_shrinking_averages_fine_texture():
    # One-pixel black and white columns: a filter that only interpolates would keep some of them.
    image = np.zeros((1024, 1024, 3), np.uint8)
    image[:, ::2] = 255
    inner = images.resize_short_side(image)[8:-8, 8:-8].astype(int)
    assert np.abs(inner - 127).max() <= 2


def test_png_is_lossless():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    decoded = np.asarray(Image.open(io.BytesIO(images.encode_png(image))))
    np.testing.assert_array_equal(decoded, image)


@pytest.mark.parametrize(
    ("mode", "color", "expected"),
    [
        ("L", 77, (77, 77, 77)),
        ("RGBA", (10, 20, 30, 0), (10, 20, 30)),
        ("CMYK", (0, 255, 255, 0), (255, 0, 0)),
    ],
)
def test_any_colour_mode_gives_rgb(tmp_path, mode, color, expected):
    # The ending is wrong on purpose: what counts is the content.
    path = tmp_path / "image.png"
    Image.new(mode, (4, 3), color).save(path, format="TIFF")
    image = images.decode_rgb(path)
    assert image.shape == (3, 4, 3)
    assert image.dtype == np.uint8
    assert tuple(image[0, 0]) == expected


def test_exif_orientation_is_not_applied(tmp_path):
    path = tmp_path / "portrait.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # Turn by 90 degrees to view.
    Image.new("RGB", (8, 4)).save(path, exif=exif)
    assert images.decode_rgb(path).shape == (4, 8, 3)


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_truncated_image_is_named(tmp_path, ending):
    path = tmp_path / f"cut.{ending}"
    write_image(path)
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(UserError, match=rf"cut\.{ending} does not decode as an image"):
        images.decode_rgb(path)


def test_text_file_is_not_an_image(tmp_path):
    path = tmp_path / "words.png"
    path.write_text("not an image")
    with pytest.raises(UserError, match=r"words\.png does not decode as an image"):
        images.decode_rgb(path)


def test_missing_image_is_named(tmp_path):
    with pytest.raises(UserError, match=r"gone\.png is missing"):
        images.decode_rgb(tmp_path / "gone.png")
