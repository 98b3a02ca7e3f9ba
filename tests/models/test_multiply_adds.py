"""Counts of multiply-adds against sums by hand."""

import pytest

from models.googlenet import GoogLeNet
from models.joint_attention import JointAttention
from models.multiply_adds import attention_multiply_adds, depth_shares, trunk_multiply_adds


def test_the_trunk_down_to_its_first_block():
    trunk = GoogLeNet(deepest="3a")
    trunk.build((None, 64, 64, 3))
    stem = 7 * 7 * 3 * 64 * 32**2 + (64 * 64 + 9 * 64 * 192) * 16**2
    block = 192 * (64 + 96 + 16 + 32) + 9 * 96 * 128 + 25 * 16 * 32
    assert trunk_multiply_adds(trunk, 64) == {"3a": stem + block * 8**2}


def test_the_whole_trunk_at_224_pixels():
    """About 1.5 thousand million multiply-adds (Szegedy et al. 2015, section 3)."""
    trunk = GoogLeNet()
    trunk.build((None, 224, 224, 3))
    assert trunk_multiply_adds(trunk, 224)["5b"] == pytest.approx(1.58e9, rel=0.01)


@pytest.mark.parametrize("steps", [1, 3])
def test_attention(steps):
    network = JointAttention(
        steps=steps, candidates=("3b", "3a"), attention="convolutional", grid=2, depth=6, hidden=4,
        kernel_sizes=(3,), gate_embedding=3,
    )  # fmt: skip
    network.build((None, 64, 64, 3))
    adapters = 4 * 6 * (256 + 480)
    gate = 4 * 3 + 3 * 2
    where = 4 * 9 * (4 * 6 + 6)
    cell = 4 * 9 * (6 + 4) * 4 * 4
    answer = (2 * 6 + 4) * 7  # each layer has its part
    expected = adapters + steps * (gate + where + cell + answer)
    assert attention_multiply_adds(network) == expected
    down_to = trunk_multiply_adds(network.trunk, 64)
    assert depth_shares(network) == pytest.approx([1, down_to["3a"] / down_to["3b"]])
