"""Spatial attention: maps of sum one, and glimpses in proportion to them."""

import keras
import numpy as np
import pytest

from models.spatial_attention import FORMS, SpatialAttention, StackedConv2D
from tests.models.checks import check_layer, gradients, numpy_outputs, randomize

HEIGHT, WIDTH, DEPTH = 3, 4, 5


def features(seed=0):
    return np.random.default_rng(seed).normal(size=(2, HEIGHT, WIDTH, DEPTH)).astype(np.float32)


def hidden(seed=1):
    return np.random.default_rng(seed).normal(size=(2, HEIGHT, WIDTH, 6)).astype(np.float32)


def made(form, moved=True, **arguments):
    layer = SpatialAttention(form, **arguments)
    layer(features(), hidden())
    if moved:
        randomize(layer, scale=1.0)
    return layer


@pytest.mark.parametrize("form", FORMS)
def test_starts_uniform_where_the_glimpse_is_the_map_itself(form):
    glimpse, attention = numpy_outputs(made(form, moved=False)(features(), hidden()))
    np.testing.assert_allclose(attention, 1 / (HEIGHT * WIDTH), rtol=1e-6)
    np.testing.assert_allclose(glimpse, features(), rtol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_map_sums_to_one_and_scales_the_features_by_the_cells(form):
    glimpse, attention = numpy_outputs(made(form)(features(), hidden()))
    assert np.ptp(attention) > 0.01
    np.testing.assert_allclose(attention.sum((1, 2)), 1.0, rtol=1e-5)
    expected = HEIGHT * WIDTH * attention[..., None] * features()
    np.testing.assert_allclose(glimpse, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_state_moves_the_map(form):
    layer = made(form)
    (_, first), (_, second) = (numpy_outputs(layer(features(), hidden(seed))) for seed in (1, 2))
    assert np.abs(first - second).max() > 1e-3


@pytest.mark.parametrize("form", FORMS)
def test_one_dominant_cell_takes_the_whole_map(form):
    layer = made(form, moved=False)
    if form == "fully_connected":
        kernel = np.zeros((HEIGHT * WIDTH, DEPTH, HEIGHT * WIDTH))
        kernel[:, 0, :] = np.eye(HEIGHT * WIDTH)  # a cell's logit is its own first channel
        layer.score.set_weights([kernel.reshape(HEIGHT * WIDTH * DEPTH, HEIGHT * WIDTH)])
    else:
        kernel = np.zeros((3, 3, DEPTH, 1))
        kernel[1, 1, 0, 0] = 1
        layer.score[FORMS[form].index(3)].set_weights([kernel])
    bright = np.ones((2, HEIGHT, WIDTH, DEPTH), np.float32)
    bright[:, 1, 2, 0] = 60
    glimpse, attention = numpy_outputs(layer(bright, np.zeros_like(hidden())))
    assert (attention[:, 1, 2] > 1 - 1e-6).all()
    np.testing.assert_allclose(glimpse[:, 1, 2, 1:], HEIGHT * WIDTH, rtol=1e-5)
    assert np.abs(glimpse[:, 0]).max() < 1e-6


@pytest.mark.parametrize(("activation", "uniform"), [("relu", True), ("leaky_relu", False)])
def test_relu_is_blind_to_what_is_negative_and_the_leaky_one_is_not(activation, uniform):
    layer = made("multi_convolutional", activation=activation)
    for convolution in layer.embed.convolutions:
        convolution.bias.assign(convolution.bias * 0)
    negative = -np.abs(features())
    _, attention = numpy_outputs(layer(negative, np.zeros_like(hidden())))
    assert (np.ptp(attention) < 1e-7) == uniform


def test_gradient_opens_the_mask_from_its_uniform_start():
    layer = made("multi_convolutional", moved=False)
    masks = [convolution.kernel for convolution in layer.score]
    upstream = features(7)
    _, found = gradients(lambda: keras.ops.sum(upstream * layer(features(), hidden())[0]), masks)
    assert all(np.abs(gradient).max() > 1e-3 for gradient in found)


def test_unknown_form_and_activation_are_named():
    with pytest.raises(ValueError, match="unknown attention 'dense'"):
        SpatialAttention("dense")
    with pytest.raises(ValueError, match="'tanh'"):
        SpatialAttention(activation="tanh")


def test_stacked_convolutions_share_the_filters_and_keep_the_order_of_the_sizes():
    stack = StackedConv2D(8, (1, 3, 5))
    (found,) = numpy_outputs(stack(features()))
    assert [c.kernel.shape for c in stack.convolutions] == [
        (1, 1, DEPTH, 3),
        (3, 3, DEPTH, 3),
        (5, 5, DEPTH, 2),
    ]
    stack.convolutions[1].bias.assign([1.0, 2.0, 3.0])
    (moved,) = numpy_outputs(stack(features()))
    np.testing.assert_allclose((moved - found)[1, 2, 1], [0, 0, 0, 1, 2, 3, 0, 0], atol=1e-5)


def test_a_reduced_stack_is_a_full_one_whose_large_kernels_have_low_rank():
    full, reduced = StackedConv2D(8, (1, 3, 5)), StackedConv2D(8, (1, 3, 5), reduction=2)
    full(features()), reduced(features())
    (bottleneck,) = numpy_outputs(reduced.reduce.weights)
    parts = np.split(bottleneck[0, 0], 2, axis=-1)
    for index, (wide, narrow) in enumerate(
        zip(full.convolutions, reduced.convolutions, strict=True)
    ):
        kernel, bias = numpy_outputs(narrow.weights)
        if index:
            kernel = np.einsum("cr,hwrf->hwcf", parts[index - 1], kernel)
        wide.set_weights([kernel, bias])
    (expected,), (found,) = numpy_outputs(full(features())), numpy_outputs(reduced(features()))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_checks_of_every_form(form):
    arguments = {"form": form, "activation": "relu", "kernel_regularizer": "l2", "reduction": 3}
    check_layer(SpatialAttention, arguments, features(), hidden())


def test_checks_of_the_stack():
    arguments = {"filters": 8, "kernel_sizes": (1, 3, 5), "kernel_regularizer": "l2"}
    check_layer(StackedConv2D, arguments, features())
    check_layer(StackedConv2D, arguments | {"reduction": 2}, features())
