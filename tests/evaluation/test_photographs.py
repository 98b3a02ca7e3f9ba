"""The work for an image, from the layers that its gates select."""

import numpy as np
import pytest

from evaluation.photographs import work
from models.multiply_adds import attention_multiply_adds, trunk_multiply_adds
from tests.tasks.small_networks import SIDE, small_joint_attention


def test_work_is_that_down_to_the_deepest_layer_of_each_image():
    network = small_joint_attention()  # of 3a and 3b
    network.build((None, SIDE, SIDE, 3))
    first, second = np.eye(2)
    gates = np.stack([[first, first], [first, second], [second, first], [first, first]])
    found = work(network, SIDE, {"layer_gates": gates})
    down_to, behind = trunk_multiply_adds(network.trunk, SIDE), attention_multiply_adds(network)
    mean = (down_to["3a"] + down_to["3b"]) / 2 + behind
    assert found["gflop_per_image"] == pytest.approx(2e-9 * mean)
    assert found["gflop_per_image_full"] == pytest.approx(2e-9 * (down_to["3b"] + behind))


def test_networks_without_gates_have_none():
    assert work(None, SIDE, {"pose": np.zeros((2, 7))}) == {}
