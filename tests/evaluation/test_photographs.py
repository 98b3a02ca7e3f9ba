"""The shares of layers and the work for an image, from the layers that its gates select."""

import numpy as np
import pytest

from evaluation.photographs import gate_metrics
from models.multiply_adds import attention_multiply_adds, trunk_multiply_adds
from tests.tasks.small_networks import SIDE, small_joint_attention


def test_shares_and_the_work_down_to_the_deepest_layer_of_each_image():
    network = small_joint_attention()  # of 3a and 3b
    network.build((None, SIDE, SIDE, 3))
    first, second = np.eye(2)
    gates = np.stack([[first, first], [first, second], [second, first], [first, first]])
    found = gate_metrics(network, SIDE, {"layer_gates": gates})
    assert found["layer_shares"] == {"3a": [0.75, 0.75], "3b": [0.25, 0.25]}
    down_to, behind = trunk_multiply_adds(network.trunk, SIDE), attention_multiply_adds(network)
    mean = (down_to["3a"] + down_to["3b"]) / 2 + behind
    assert found["gflop_per_image"] == pytest.approx(2e-9 * mean)
    assert found["gflop_per_image_full"] == pytest.approx(2e-9 * (down_to["3b"] + behind))


def test_networks_without_gates_have_none():
    assert gate_metrics(None, SIDE, {"pose": np.zeros((2, 7))}) == {}
