"""The parts of the Recurrent Attention Model, one by one."""

import math

import numpy as np
import pytest

from models.glimpse_network import GlimpseNetwork
from models.linear_sum import LinearSum
from models.location_network import LocationNetwork
from models.ram_core import RAMCore
from tests.models.checks import check_layer, numpy_outputs, randomize


def test_sum_of_linear_layers_by_hand():
    layer = LinearSum(1)
    layer.build([(None, 2), (None, 1)])
    layer.set_weights([np.array([[1.0], [2.0], [10.0]]), np.array([0.5])])
    first, second = np.array([[3.0, 4.0]], np.float32), np.array([[-1.0]], np.float32)
    found = numpy_outputs([layer([first, second]), layer([first, 0 * second]), layer([first])])
    assert [value.item() for value in found] == [1.5, 11.5, 11.5]


def test_sum_of_linear_layers_starts_as_each_would_alone():
    layer = LinearSum(50)
    layer.build([(None, 300), (None, 50)])
    (kernel,) = numpy_outputs([layer.kernel.value])
    # Glorot's uniform weights go up to sqrt(6 / (inputs + outputs)).
    for part, inputs in ((kernel[:300], 300), (kernel[300:], 50)):
        assert np.abs(part).max() == pytest.approx(math.sqrt(6 / (inputs + 50)), rel=0.02)


@pytest.mark.parametrize("kind", ["relu", "lstm"])
def test_core_without_a_state_starts_from_zeros(kind):
    core = RAMCore(4, kind)
    glimpse = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    zeros = core.initial_state(2)
    core(glimpse, *zeros)
    randomize(core)
    for found, expected in zip(core(glimpse), core(glimpse, *zeros), strict=True):
        np.testing.assert_allclose(*numpy_outputs([found, expected]), rtol=1e-6)


def test_core_remembers_unless_it_is_told_to_forget():
    core = RAMCore(1, "lstm")
    core.build((None, 1), (None, 1), (None, 1))
    # Gates: input, forget, update, output; the input stays shut, the output open.
    bias = np.array([-50.0, 50.0, 1.0, 50.0])
    core.set_weights([np.zeros((2, 4)), bias])
    glimpse, hidden, cell = (np.full((1, 1), value, np.float32) for value in (1.0, 0.3, 0.7))
    kept = numpy_outputs(core(glimpse, hidden, cell))
    assert [value.item() for value in kept] == pytest.approx([math.tanh(0.7), 0.7])
    core.set_weights([np.zeros((2, 4)), bias - [0, 100, 0, 0]])
    forgotten = numpy_outputs(core(glimpse, hidden, cell))
    assert [value.item() for value in forgotten] == pytest.approx([0.0, 0.0])


def test_a_new_location_network_looks_near_the_centre():
    network = LocationNetwork()
    state = np.random.default_rng(0).uniform(0, 1, (5, 256)).astype(np.float32)
    (found,) = numpy_outputs(network(state))
    assert 0 < np.abs(found).max() < 0.5


def test_a_location_may_lie_outside_the_image_but_for_tanh():
    state = np.ones((1, 2), np.float32)
    for activation, expected in (("linear", 3.0), ("tanh", math.tanh(3.0))):
        network = LocationNetwork(activation)
        network.build((None, 2))
        network.mean.set_weights([np.ones((2, 2)), np.ones(2)])
        np.testing.assert_allclose(numpy_outputs(network(state))[0], [[expected] * 2], rtol=1e-6)
    with pytest.raises(ValueError, match="unknown activation 'relu'"):
        LocationNetwork("relu")


def test_checks_of_the_parts():
    rng = np.random.default_rng(0)
    glimpse, location, state = (
        rng.uniform(-1, 1, shape).astype(np.float32) for shape in ((4, 2, 3, 3, 1), (4, 2), (4, 5))
    )
    units = {"glimpse_units": 6, "location_units": 4, "units": 5, "kernel_regularizer": "l2"}
    for fusion in ("add", "concatenate"):
        check_layer(GlimpseNetwork, {"fusion": fusion} | units, glimpse, location)
    check_layer(
        LocationNetwork, {"activation": "tanh", "hidden": 6, "kernel_regularizer": "l2"}, state
    )
    arguments = {"units": 5, "kernel_regularizer": "l2"}
    check_layer(RAMCore, {"kind": "relu"} | arguments, state, state)
    check_layer(RAMCore, {"kind": "lstm"} | arguments, state, state, state)


def test_kernels_of_alike_inputs_start_apart():
    total = LinearSum(8)
    total.build([(None, 8), (None, 8)])
    first, second = np.split(numpy_outputs([total.kernel.value])[0], 2)
    assert np.abs(first - second).max() > 0.1


def test_a_relu_core_starts_by_keeping_its_state():
    core = RAMCore(5)
    core.build((None, 3))
    state = np.arange(10, dtype=np.float32).reshape(2, 5)
    (kept,) = core(np.zeros((2, 3), np.float32), state)
    np.testing.assert_array_equal(numpy_outputs([kept])[0], state)
