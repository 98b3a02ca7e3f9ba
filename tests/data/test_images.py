"""Decoding by content and resizing."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFile

from data import images
from errors import UserError
from tests.data.writers import gradient, write_image


@pytest.mark.parametrize(
    ("size", "resized"),
    [((640, 480), (341, 256)), ((1920, 1080), (455, 256)), ((300, 400), (256, 341))],
)
def test_short_side_becomes_256_and_the_aspect_is_kept(size, resized):
    image = np.zeros((size[1], size[0], 3), np.uint8)
    assert images.resize_short_side(image).shape == (resized[1], resized[0], 3)


def test_what_is_no_photograph_is_named(tmp_path):
    Image.new("RGB", (2, 2000)).save(tmp_path / "line.png")
    with pytest.raises(UserError, match=r"line\.png has 2 x 2000 pixels, no photograph"):
        images.prepare(tmp_path / "line.png", "pose")
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(tmp_path / "levels.tif")
    with pytest.raises(UserError, match=r"levels\.tif does not decode .*fractions"):
        images.decode_rgb(tmp_path / "levels.tif")


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
        ("LA", (77, 0), (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("I;16", 0, (0, 0, 0)),
        ("I;16", 77 * 257, (77, 77, 77)),
        ("I;16", 65535, (255, 255, 255)),
        ("I", 77 * 257, (77, 77, 77)),
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


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("form", "transparency"),
    [("GIF", None), ("GIF", 1), ("PNG", None), ("PNG", 1), ("PNG", b"\x80\x00")],
)
def test_palette_gives_the_stored_colours(tmp_path, form, transparency):
    image = Image.new("P", (4, 3), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    kwargs = {} if transparency is None else {"transparency": transparency}
    image.save(tmp_path / "image.jpg", format=form, **kwargs)
    decoded = images.decode_rgb(tmp_path / "image.jpg")
    assert decoded.shape == (3, 4, 3)
    assert (decoded == (10, 20, 30)).all()


def test_first_frame_of_a_moving_picture(tmp_path):
    path = tmp_path / "moving.jpg"
    frames = [Image.new("RGB", (4, 3), color) for color in ("red", "lime", "blue")]
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:])
    assert (images.decode_rgb(path) == (255, 0, 0)).all()


def test_cmyk_of_a_jpeg_keeps_its_polarity(tmp_path):
    # Adobe stores CMYK inverted; read as it stands, red would come out cyan.
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(path)
    np.testing.assert_allclose(images.decode_rgb(path)[8, 8], (255, 0, 0), atol=3)


def write_turned(path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = np.zeros((4, 8, 3), np.uint8)
    upright[0, 0] = 255
    Image.fromarray(upright).save(path, format="PNG", exif=exif)
    return upright


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_exif_orientation_is_not_applied(tmp_path, orientation):
    stored = write_turned(tmp_path / "portrait.jpg", orientation)
    np.testing.assert_array_equal(images.decode_rgb(tmp_path / "portrait.jpg"), stored)


# Where the first stored pixel is seen, by the EXIF standard's table of orientations: row, column.
SEEN = {
    1: (0, 0),
    2: (0, 7),
    3: (3, 7),
    4: (3, 0),
    5: (0, 0),
    6: (0, 3),
    7: (7, 3),
    8: (7, 0),
}


@pytest.mark.parametrize("orientation", SEEN)
def test_exif_orientation_is_applied_on_request(tmp_path, orientation):
    write_turned(tmp_path / "portrait.jpg", orientation)
    upright = images.decode_rgb(tmp_path / "portrait.jpg", upright=True)
    assert upright.shape == ((4, 8, 3) if orientation < 5 else (8, 4, 3))
    assert np.argwhere(upright[..., 0]).tolist() == [list(SEEN[orientation])]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"garbage", b"II*\0\xff\xff\xff\xff", b""])
def test_damaged_exif_does_not_cost_the_image(tmp_path, exif):
    path = tmp_path / "photograph.jpg"
    Image.new("RGB", (8, 4)).save(path, exif=b"Exif\0\0" + exif)
    assert images.decode_rgb(path, upright=True).shape == (4, 8, 3)


@pytest.mark.parametrize("size", [(640, 480), (100, 300), (256, 256)])
def test_square_fills_both_sides(size):
    image = gradient(size, seed=0)
    square = images.resize_square(image)
    assert square.shape == (256, 256, 3)
    # All of the image is in it: nothing is cut off, left is left and top is top.
    np.testing.assert_allclose(square.mean((0, 1)), image.mean((0, 1)), atol=1)
    assert square[:, -8:].mean() - square[:, :8].mean() > 150
    assert square[-8:].mean() - square[:8].mean() > 20


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


def test_damage_that_a_plugin_of_pillow_meets_otherwise(tmp_path, monkeypatch):
    write_image(tmp_path / "cut.png")

    def broken(image):  # as that of AVIF
        raise RuntimeError("Truncated data")

    monkeypatch.setattr(ImageFile.ImageFile, "load", broken)
    with pytest.raises(UserError, match=r"cut\.png does not decode as an image"):
        images.decode_rgb(tmp_path / "cut.png")


def test_missing_image_is_named(tmp_path):
    with pytest.raises(UserError, match=r"gone\.png is missing"):
        images.decode_rgb(tmp_path / "gone.png")
