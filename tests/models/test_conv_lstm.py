"""The ConvLSTM against equation 2.12 in plain numpy."""

import keras
import numpy as np
import pytest

from models.conv_lstm import ConvLSTMCell
from tests.models.checks import check_layer, gradients, numpy_outputs, randomize

SIDE, DEPTH = 5, 3


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def made(hidden, kernel_sizes, **arguments):
    cell = ConvLSTMCell(hidden, kernel_sizes, **arguments)
    cell.build((None, SIDE, SIDE, DEPTH))
    return cell


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step_by_equation(pre, weights, cell):
    """i, f, c, o of equation 2.12 from `pre`, the four sums W_x*x + W_h*h + b."""
    i = sigmoid(pre["i"] + weights["i"] * cell)
    f = sigmoid(pre["f"] + weights["f"] * cell + 1.0)
    new_cell = f * cell + i * np.tanh(pre["c"])
    o = sigmoid(pre["o"] + weights["o"] * new_cell)
    return o * np.tanh(new_cell), new_cell


@pytest.mark.parametrize("kernel_sizes", [(1,), (3,), (1, 3), (1, 3, 5, 7)])
def test_one_step_is_equation_2_12(kernel_sizes):
    """With kernels whose centre alone is not zero, each size is a matrix on the channels."""
    hidden = 4
    share = hidden // len(kernel_sizes)
    cell = made(hidden, kernel_sizes)
    x, h = normal(0, 2, SIDE, SIDE, DEPTH), normal(1, 2, SIDE, SIDE, hidden)
    c = normal(2, 2, SIDE, SIDE, hidden)
    pre = {gate: [] for gate in "ifco"}
    for number, (size, convolution) in enumerate(
        zip(kernel_sizes, cell.gates.convolutions, strict=True)
    ):
        matrices = {
            gate: normal(10 * number + k, DEPTH + hidden, share) for k, gate in enumerate("ifco")
        }
        biases = {gate: normal(50 * number + k, share) for k, gate in enumerate("ifco")}
        kernel = np.zeros((size, size, DEPTH + hidden, 4 * share))
        kernel[size // 2, size // 2] = np.concatenate(list(matrices.values()), -1)
        convolution.set_weights([kernel, np.concatenate(list(biases.values()))])
        for gate in "ifco":
            pre[gate].append(np.concatenate([x, h], -1) @ matrices[gate] + biases[gate])
    pre = {gate: np.concatenate(parts, -1) for gate, parts in pre.items()}
    peepholes = {gate: normal(ord(gate), SIDE, SIDE, hidden) for gate in "ifo"}
    cell.peephole_input.assign(peepholes["i"])
    cell.peephole_forget.assign(peepholes["f"])
    cell.peephole_output.assign(peepholes["o"])

    found_hidden, found_cell = numpy_outputs(cell(x, h, c))
    expected_hidden, expected_cell = step_by_equation(pre, peepholes, c)
    np.testing.assert_allclose(found_cell, expected_cell, atol=1e-5)
    np.testing.assert_allclose(found_hidden, expected_hidden, atol=1e-5)


def test_output_gate_looks_at_the_new_cell():
    """Old cell 0: a peephole on it could not open the gate, one on the new cell does."""
    cell = made(1, (1,))
    (convolution,) = cell.gates.convolutions
    # Gates in the order i, f, update, o: i = sigmoid(100) = 1, update = tanh(100) = 1: c = 1.
    convolution.set_weights([np.zeros((1, 1, DEPTH + 1, 4)), np.array([100.0, 0, 100, 0])])
    cell.peephole_output.assign(np.full((SIDE, SIDE, 1), 2.0))
    zero = np.zeros((1, SIDE, SIDE, 1), np.float32)
    hidden, new_cell = numpy_outputs(cell(normal(0, 1, SIDE, SIDE, DEPTH), zero, zero))
    np.testing.assert_allclose(new_cell, 1.0, rtol=1e-6)
    np.testing.assert_allclose(hidden, sigmoid(2.0) * np.tanh(1.0), rtol=1e-5)


def test_each_kernel_size_makes_its_own_channels_from_its_own_neighbourhood():
    kernel_sizes = (1, 3, 5)
    cell = made(6, kernel_sizes)
    zero = np.zeros((1, SIDE, SIDE, 6), np.float32)
    dark = np.zeros((1, SIDE, SIDE, DEPTH), np.float32)
    impulse = dark.copy()
    impulse[0, 2, 2] = 1
    lit, unlit = (numpy_outputs(cell(x, zero, zero))[1] for x in (impulse, dark))
    changed = np.abs(lit - unlit)[0] > 1e-7
    for number, size in enumerate(kernel_sizes):
        expected = np.zeros((SIDE, SIDE), bool)
        expected[2 - size // 2 : 3 + size // 2, 2 - size // 2 : 3 + size // 2] = True
        for channel in (2 * number, 2 * number + 1):
            np.testing.assert_array_equal(changed[..., channel], expected)


def test_initial_state_is_learned_per_cell():
    cell = made(4, (1, 3))
    learned = normal(3, SIDE, SIDE, 4)
    cell.initial_hidden.assign(learned)
    hidden, _ = numpy_outputs(cell.initial_state(2))
    np.testing.assert_array_equal(hidden, [learned, learned])
    x = normal(0, 2, SIDE, SIDE, DEPTH)
    _, found = gradients(
        lambda: keras.ops.sum(cell(x, *cell.initial_state(2))[0]),
        [cell.initial_hidden, cell.initial_cell],
    )
    assert all((np.abs(gradient) > 0).all() for gradient in found)


def test_every_weight_receives_a_gradient():
    cell = made(4, (1, 3))
    randomize(cell)
    inputs = [normal(k, 2, SIDE, SIDE, c) for k, c in enumerate((DEPTH, 4, 4))]
    variables = [v for v in cell.trainable_weights if "initial" not in v.path]
    _, found = gradients(lambda: keras.ops.sum(cell(*inputs)[0]), variables)
    assert all(np.abs(gradient).max() > 0 for gradient in found)


@pytest.mark.parametrize("kernel_sizes", [(1, 3, 5, 7), ()])
def test_channels_that_cannot_be_shared(kernel_sizes):
    with pytest.raises(ValueError, match="hidden size 6 cannot be shared"):
        ConvLSTMCell(6, kernel_sizes)


def test_checks_of_the_layer():
    arguments = {"hidden": 4, "kernel_sizes": (1, 3), "kernel_regularizer": "l2"}
    inputs = [normal(k, 2, SIDE, SIDE, c) for k, c in enumerate((DEPTH, 4, 4))]
    check_layer(ConvLSTMCell, arguments, *inputs)
