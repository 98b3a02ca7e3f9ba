"""The trunk against Caffe's geometry and arithmetic, worked by hand or in plain numpy."""

import keras
import numpy as np
import pytest

from models.googlenet import (
    TAPS,
    GoogLeNet,
    Inception,
    LocalResponseNormalization,
    check_taps,
)
from tests.models.checks import check_layer, numpy_outputs, randomize

# Kernels and biases of Szegedy et al. 2015's table 1.
STEM_PARAMETERS = 9_472 + 4_160 + 110_784
BLOCK_PARAMETERS = {
    "3a": 163_696,
    "3b": 388_736,
    "4a": 376_176,
    "4b": 449_160,
    "4c": 510_104,
    "4d": 605_376,
    "4e": 868_352,
    "5a": 1_043_456,
    "5b": 1_444_080,
}
SHAPES = {
    "3a": (28, 28, 256),
    "3b": (28, 28, 480),
    "4a": (14, 14, 512),
    "4b": (14, 14, 512),
    "4c": (14, 14, 512),
    "4d": (14, 14, 528),
    "4e": (14, 14, 832),
    "5a": (7, 7, 832),
    "5b": (7, 7, 1024),
}


@pytest.fixture(scope="module")
def trunk():
    network = GoogLeNet()
    network.build((None, 224, 224, 3))
    return network


def images(side=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (2, side, side, 3), np.uint8)


def test_parameters_of_each_block(trunk):
    found = {tap: block.count_params() for tap, block in zip(TAPS, trunk.blocks, strict=True)}
    assert found == BLOCK_PARAMETERS
    assert trunk.count_params() == STEM_PARAMETERS + sum(BLOCK_PARAMETERS.values()) == 5_973_552


def test_shapes_at_224(trunk):
    maps = trunk(keras.KerasTensor((None, 224, 224, 3), "uint8"))
    assert {tap: symbol.shape[1:] for tap, symbol in maps.items()} == SHAPES


def test_penalty_counts_the_kernels_and_no_bias():
    network = GoogLeNet(deepest="3a", l2=0.5)
    network(images())
    randomize(network)
    kernels = [weight for weight in network.weights if weight.path.endswith("kernel")]
    assert len(kernels) == 3 + 6
    expected = 0.5 * sum((kernel**2).sum() for kernel in numpy_outputs(kernels))
    assert float(sum(network.losses)) == pytest.approx(expected, rel=1e-4)


def test_trunk_ends_at_the_deepest_layer_that_is_needed():
    network = GoogLeNet(deepest="3b")
    assert list(network(images())) == ["3a", "3b"]
    expected = STEM_PARAMETERS + BLOCK_PARAMETERS["3a"] + BLOCK_PARAMETERS["3b"]
    assert network.count_params() == expected


@pytest.mark.parametrize("corner", [0, 31])
def test_first_convolution_pads_three_on_every_side(trunk, corner):
    kernel = np.zeros((7, 7, 3, 64), np.float32)
    kernel[..., 0, 0] = np.arange(1, 50).reshape(7, 7)
    before = trunk.conv1.get_weights()
    trunk.conv1.set_weights([kernel, np.zeros(64)])
    impulse = np.zeros((1, 32, 32, 3), np.float32)
    impulse[0, corner, corner, 0] = 1
    (found,) = numpy_outputs(trunk.conv1(trunk.pad(impulse)))
    trunk.conv1.set_weights(before)
    # Output y sees input 2y + i - 3 through row i of the kernel: the first pixel lies under rows
    # 3 and 1 of outputs 0 and 1, the last under rows 6 and 4 of outputs 14 and 15.
    expected = np.zeros((16, 16))
    rows = {0: 3, 1: 1} if corner == 0 else {14: 6, 15: 4}
    for y, i in rows.items():
        for x, j in rows.items():
            expected[y, x] = kernel[i, j, 0, 0]
    np.testing.assert_array_equal(found[0, :, :, 0], expected)


def test_pooling_rounds_up_as_caffe(trunk):
    x = np.random.default_rng(0).normal(size=(1, 16, 16, 1)).astype(np.float32)
    (found,) = numpy_outputs(trunk.pool1(x))
    # Windows of 3 from 0, 2, ... and cut off at the border: 8 = ceil((16 - 3) / 2) + 1 of them.
    expected = [
        [x[0, i : i + 3, j : j + 3].max() for j in range(0, 16, 2)] for i in range(0, 16, 2)
    ]
    np.testing.assert_array_equal(found[0, :, :, 0], expected)


def caffe_lrn(x, size=5, alpha=1e-4, beta=0.75):
    result = np.empty_like(x)
    for c in range(x.shape[-1]):
        window = x[..., max(0, c - size // 2) : c + size // 2 + 1]
        result[..., c] = x[..., c] / (1 + alpha / size * (window**2).sum(-1)) ** beta
    return result


@pytest.mark.parametrize(
    ("dtype", "largest", "tolerance"),
    [("float32", 3000, 1e-5), ("mixed_bfloat16", 3000, 0.02), ("mixed_float16", 3000, 0.005)],
)
def test_normalization_is_caffes(dtype, largest, tolerance):
    """Activations far above 256, whose squares half precision cannot hold, included."""
    x = np.random.default_rng(0).uniform(0, largest, (2, 3, 3, 9))
    (found,) = numpy_outputs(LocalResponseNormalization(dtype=dtype)(x))
    np.testing.assert_allclose(found, caffe_lrn(x), rtol=tolerance)


def test_normalization_of_one_channel_by_hand():
    # 1 + 1.5 / 3 * (2^2 + 4^2 + 0^2) = 11 for the middle one of three channels.
    layer = LocalResponseNormalization(size=3, alpha=1.5)
    (found,) = numpy_outputs(layer(np.array([[[[2.0, 4.0, 0.0]]]])))
    assert found[0, 0, 0, 1] == pytest.approx(4 / 11**0.75, rel=1e-6)


def test_mean_is_subtracted_per_channel_in_the_order_rgb():
    network = GoogLeNet(mean_rgb=(10, 20, 30), deepest="3a")
    plain = GoogLeNet(mean_rgb=(0, 0, 0), deepest="3a")
    mean_image = np.ones((1, 32, 32, 3)) * (10, 20, 30)
    of_mean = network(mean_image)["3a"]
    randomize(network)
    plain(mean_image)
    plain.set_weights(network.get_weights())
    of_mean, of_bgr, of_zero = numpy_outputs(
        [
            network(mean_image)["3a"],
            network(mean_image[..., ::-1])["3a"],
            plain(0 * mean_image)["3a"],
        ]
    )
    np.testing.assert_array_equal(of_mean, of_zero)
    assert np.abs(of_bgr - of_zero).max() > 1e-3


@pytest.mark.parametrize("shape", [(None, 100, 96, 3), (None, 96, 100, 3)])
def test_sides_must_be_multiples_of_32(shape):
    with pytest.raises(ValueError, match="multiples of 32"):
        GoogLeNet().build(shape)


@pytest.mark.parametrize("names", [["6a"], [], ["3b", "3b"]])
def test_layers_that_cannot_be_tapped(names):
    with pytest.raises(ValueError, match="layer"):
        check_taps(names)


def test_unknown_deepest_layer_is_named():
    with pytest.raises(ValueError, match="'6a'"):
        GoogLeNet(deepest="6a")


def test_checks_of_every_layer():
    maps = np.random.default_rng(0).normal(size=(2, 4, 4, 6)).astype(np.float32)
    check_layer(LocalResponseNormalization, {"size": 3, "alpha": 1e-3}, maps)
    check_layer(Inception, {"filters": (2, 3, 4, 2, 3, 2), "kernel_regularizer": "l2"}, maps)
    arguments = {"mean_rgb": (1.0, 2.0, 3.0), "deepest": "3a", "l2": 0.1}
    check_layer(GoogLeNet, arguments, images())


def test_freeze_leaves_a_block_and_all_below_as_they_are():
    trunk = GoogLeNet()
    trunk.build((None, 32, 32, 3))
    trunk.freeze("4a")
    frozen = {weight.path.split("/")[1] for weight in trunk.weights} - {
        weight.path.split("/")[1] for weight in trunk.trainable_weights
    }
    stem = {"conv1_7x7_s2", "conv2_3x3_reduce", "conv2_3x3"}
    assert frozen == stem | {"inception_3a", "inception_3b", "inception_4a"}


def test_freeze_names_a_block_that_is_not_there():
    with pytest.raises(ValueError, match="'5a'"):
        GoogLeNet(deepest="4e").freeze("5a")
