import keras
import numpy as np
import pytest

from models.digit_networks import ConvolutionalDigits, FullyConnected
from tests.models.checks import check_layer, gradients, numpy_outputs


def images(side=28, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (2, side, side, 1), np.uint8)


@pytest.mark.parametrize(
    ("network", "side", "parameters"),
    [
        (FullyConnected(), 28, (784 + 1) * 256 + 257 * 256 + 257 * 10),
        (FullyConnected(units=(64, 64)), 60, (3600 + 1) * 64 + 65 * 64 + 65 * 10),
        # A stride of 5 leaves 4x4, 11x11 and 19x19 places for a filter of 10x10.
        (ConvolutionalDigits(), 28, 101 * 8 + (4 * 4 * 8 + 1) * 256 + 257 * 10),
        (ConvolutionalDigits(), 60, 101 * 8 + (11 * 11 * 8 + 1) * 256 + 257 * 10),
        (ConvolutionalDigits(classes=7), 100, 101 * 8 + (19 * 19 * 8 + 1) * 256 + 257 * 7),
    ],
)
def test_parameters(network, side, parameters):
    network.build((None, side, side, 1))
    assert network.count_params() == parameters


def test_one_pixel_counts_as_a_part_of_255():
    network = FullyConnected(classes=2, units=(1,))
    network.build((None, 2, 2, 1))
    network.set_weights([np.full((4, 1), 3.0), np.zeros(1), np.array([[1.0, -2.0]]), np.zeros(2)])
    image = np.array([[[[51], [0]], [[0], [0]]]], np.uint8)
    (found,) = numpy_outputs(network(image))
    np.testing.assert_allclose(found, [[0.6, -1.2]], rtol=1e-6)


@pytest.mark.parametrize("kind", [FullyConnected, ConvolutionalDigits])
def test_bytes_and_floats_are_the_same_image(kind):
    network = kind()
    found = numpy_outputs([network(images()), network(images().astype(np.float32))])
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("kind", [FullyConnected, ConvolutionalDigits])
def test_training_reaches_every_weight_and_the_penalty_every_kernel(kind):
    network = kind(l2=0.5)
    network(images())
    upstream = np.random.default_rng(0).normal(size=10).astype(np.float32)
    weights = network.trainable_weights
    _, found = gradients(
        lambda: keras.ops.sum(upstream * network(images(), training=True)["logits"]), weights
    )
    assert all(np.abs(gradient).max() > 0 for gradient in found)
    kernels = [weight for weight in weights if weight.path.endswith("kernel")]
    expected = 0.5 * sum((kernel**2).sum() for kernel in numpy_outputs(kernels))
    assert float(sum(network.losses)) == pytest.approx(expected, rel=1e-4)


def test_images_smaller_than_a_filter_are_named():
    with pytest.raises(ValueError, match="9x9 pixels"):
        ConvolutionalDigits().build((None, 9, 9, 1))


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (FullyConnected, {"classes": 3, "units": (5, 4), "l2": 0.1}),
        (ConvolutionalDigits, {"classes": 3, "l2": 0.1}),
    ],
)
def test_checks_of_the_networks(kind, arguments):
    check_layer(kind, arguments, images(16), float32_outputs=True)
