import keras
import numpy as np
import pytest

from models.glimpse_sensor import GlimpseSensor
from tests.models.checks import check_layer, gradients, numpy_outputs


def glimpses(images, locations, size, scales=1):
    images, locations = np.asarray(images, np.float32), np.asarray(locations, np.float32)
    (found,) = numpy_outputs(GlimpseSensor(size, scales)(images, locations))
    return found


def crop(image, location, size, scales):
    """By definition, one image [H, W, C] and pixel after pixel: [scales, size, size, C]."""
    height, width, channels = image.shape
    x, y = (np.float32(location) + np.float32(1)) * np.float32([width / 2, height / 2])
    glimpse = np.zeros((scales, size, size, channels), np.float32)
    for scale in range(scales):
        step = 2**scale
        left, top = round(x - size * step / 2), round(y - size * step / 2)
        for row in range(size * step):
            for column in range(size * step):
                if 0 <= top + row < height and 0 <= left + column < width:
                    pixel = image[top + row, left + column]
                    glimpse[scale, row // step, column // step] += pixel / step**2
    return glimpse


@pytest.mark.parametrize(
    ("side", "size", "scales", "channels"),
    [(28, 8, 1, 1), (15, 4, 3, 1), (9, 3, 2, 3), (6, 5, 2, 1), (5, 1, 4, 2)],
)
def test_glimpses_are_the_crops_of_the_definition(side, size, scales, channels):
    rng = np.random.default_rng(side)
    images = rng.integers(0, 256, (9, side, side, channels)).astype(np.float32)
    corners = [[-1, -1], [1, 1], [-1, 1], [0, 0]]
    locations = np.float32(np.concatenate([rng.uniform(-1, 1, (5, 2)), corners]))
    pairs = zip(images, locations, strict=True)
    expected = [crop(image, location, size, scales) for image, location in pairs]
    # Whole numbers and powers of two: nothing is rounded.
    np.testing.assert_array_equal(glimpses(images, locations, size, scales), expected)


def test_images_need_not_be_square():
    image = np.random.default_rng(0).integers(0, 256, (1, 6, 11, 1)).astype(np.float32)
    for location in ([0.5, -0.5], [-0.9, 0.3]):
        expected = crop(image[0], location, 3, 2)
        np.testing.assert_array_equal(glimpses(image, [location], 3, 2)[0], expected)


def test_x_runs_to_the_right_and_y_down():
    image = np.arange(16.0).reshape(1, 4, 4, 1)
    # Centre at pixel edges 3 across and 1 down: columns 2 and 3, rows 0 and 1.
    found = glimpses(image, [[0.5, -0.5]], 2)[0, 0, ..., 0]
    np.testing.assert_array_equal(found, [[2, 3], [6, 7]])


def test_corners_see_a_quarter_of_a_glimpse_and_zeros():
    image = 1 + np.arange(16.0).reshape(1, 4, 4, 1)
    top_left = glimpses(image, [[-1, -1]], 2)[0, 0, ..., 0]
    bottom_right = glimpses(image, [[1, 1]], 2)[0, 0, ..., 0]
    np.testing.assert_array_equal(top_left, [[0, 0], [0, 1]])
    np.testing.assert_array_equal(bottom_right, [[16, 0], [0, 0]])


def test_scales_average_ever_wider_patches():
    image = np.arange(16.0).reshape(1, 4, 4, 1)
    found = glimpses(image, [[0, 0]], 2, 3)[0, ..., 0]
    np.testing.assert_array_equal(found[0], [[5, 6], [9, 10]])
    np.testing.assert_array_equal(found[1], [[2.5, 4.5], [10.5, 12.5]])
    # Cells of 4x4 pixels, of which 2x2 each lie in the image.
    np.testing.assert_array_equal(found[2], found[1] / 4)


def test_image_and_location_that_move_together_show_the_same():
    rng = np.random.default_rng(0)
    image = np.zeros((1, 16, 16, 1), np.float32)
    image[:, 5:9, 4:9] = rng.uniform(size=(1, 4, 5, 1))
    here = glimpses(image, [[-0.2, -0.1]], 4, 2)
    there = glimpses(np.roll(image, (2, 3), (1, 2)), [[-0.2 + 3 / 8, -0.1 + 2 / 8]], 4, 2)
    np.testing.assert_array_equal(here, there)
    assert here.any()


def test_beyond_the_edge_is_the_edge():
    image = np.arange(25.0).reshape(1, 5, 5, 1)
    np.testing.assert_array_equal(
        glimpses(image, [[1.7, -3.0]], 3, 2), glimpses(image, [[1.0, -1.0]], 3, 2)
    )


def test_a_location_that_is_no_number_does_not_stop_the_others():
    image = np.arange(25.0).reshape(1, 5, 5, 1)
    found = glimpses(np.repeat(image, 2, 0), [[np.nan, np.nan], [0, 0]], 3)
    np.testing.assert_array_equal(found[1], glimpses(image, [[0, 0]], 3)[0])


def test_several_locations_for_each_image_stand_in_its_rows():
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(3, 7, 7, 2)).astype(np.float32)
    locations = rng.uniform(-1, 1, (12, 2))
    repeated = glimpses(np.repeat(images, 4, axis=0), locations, 3, 2)
    np.testing.assert_allclose(glimpses(images, locations, 3, 2), repeated, rtol=1e-6)


def test_bytes_are_read_as_numbers():
    image = np.random.default_rng(0).integers(0, 256, (2, 5, 5, 1), np.uint8)
    sensor, locations = GlimpseSensor(3), np.zeros((2, 2), np.float32)
    found = numpy_outputs([sensor(image, locations), sensor(np.float32(image), locations)])
    np.testing.assert_array_equal(*found)


def test_checks_of_the_sensor():
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(4, 9, 9, 1)).astype(np.float32)
    locations = rng.uniform(-1, 1, (4, 2)).astype(np.float32)
    check_layer(GlimpseSensor, {"size": 4, "scales": 2}, images, locations, float32_outputs=True)


def test_gradient_reaches_the_pixels_seen_and_no_others_nor_the_location():
    image = keras.Variable(np.zeros((1, 4, 4, 1), np.float32))
    location = keras.Variable(np.full((1, 2), 0.1, np.float32))
    _, (of_image, of_location) = gradients(
        lambda: keras.ops.sum(GlimpseSensor(2)(image.value, location.value)), [image, location]
    )
    np.testing.assert_array_equal(of_image[0, ..., 0], np.pad(np.ones((2, 2)), 1))
    np.testing.assert_array_equal(of_location, np.zeros((1, 2)))
