"""Steps that have settled on a layer, whatever the gate says."""

import numpy as np
import pytest

from models.depth_on_demand import call_on_demand
from tests.models.checks import gradients, numpy_outputs
from tests.models.test_joint_attention import images, small

CANDIDATES = ("3b", "3a")


def rows_of(network, training=False):
    (rows,) = numpy_outputs(network(images(), training=training)["layer_gates"])
    return rows


@pytest.mark.parametrize("training", [False, True])
def test_a_settled_step_takes_its_layer_and_the_others_ask_the_gate(training):
    network = small(steps=3, candidates=CANDIDATES)
    network.gate.softness.assign(1.0)
    free = rows_of(network, training)
    network.plan.assign([-1, 1, 0])
    settled = rows_of(network, training)
    np.testing.assert_array_equal(settled[:, 0], free[:, 0])
    np.testing.assert_array_equal(settled[:, 1:], [[[0, 1], [1, 0]]] * 2)


def test_the_gate_of_settled_steps_is_not_taught():
    network = small(steps=2, candidates=CANDIDATES)
    for plan, taught in (([-1, -1], True), ([0, 1], False)):
        network.plan.assign(plan)

        def answer():
            return network(images(), training=True)["pose"][0, 0]

        _, found = gradients(answer, network.gate.trainable_weights)
        assert any(np.abs(gradient).max() > 0 for gradient in found) == taught


def test_the_trunk_of_an_exported_network_follows_the_plan():
    network = small(steps=2, candidates=CANDIDATES)
    network.plan.assign([1, 0])
    expected, found = network(images()), call_on_demand(network, images())
    for name, value in expected.items():
        (wanted,), (answer,) = numpy_outputs(value), numpy_outputs(found[name])
        np.testing.assert_allclose(answer, wanted, atol=1e-5, err_msg=name)


def test_the_plan_is_in_the_weight_file(tmp_path):
    network, fresh = small(steps=2), small(steps=2)
    network.plan.assign([1, 0])
    network.save_weights(tmp_path / "a.weights.h5")
    fresh.load_weights(tmp_path / "a.weights.h5")
    assert list(numpy_outputs(fresh.plan.value)[0]) == [1, 0]


def test_weights_from_before_there_was_a_plan_leave_the_choice_to_the_gate(tmp_path):
    import h5py

    network, fresh = small(steps=2), small(steps=2)
    network.save_weights(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5", "a") as file:
        assert list(file["vars"]) == ["0"]
        del file["vars/0"]
    fresh.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(rows_of(fresh), rows_of(network))
    assert list(numpy_outputs(fresh.plan.value)[0]) == [-1, -1]
