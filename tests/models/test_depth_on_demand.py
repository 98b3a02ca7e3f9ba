"""The trunk on demand: the same outputs, from as few blocks as the gates leave."""

import keras
import numpy as np
import pytest

from models.depth_on_demand import call_on_demand
from models.joint_attention import JointAttention
from tests.models.checks import randomize

CANDIDATES = ("4a", "3a", "3b")  # not in the trunk's order
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)


def network(steps=2, **arguments):
    small = {"grid": 2, "depth": 6, "hidden": 4, "kernel_sizes": (1,), "gate_embedding": 3}
    made = JointAttention(steps=steps, candidates=CANDIDATES, seed=1, **small | arguments)
    made.build((None, 32, 32, 3))
    randomize(made)
    return made


def always_choose(made, tap):
    kernel, bias = made.gate.score.weights
    kernel.assign(np.zeros(kernel.shape))
    bias.assign(np.array([10.0 * (name == tap) for name in CANDIDATES]))


@pytest.fixture
def blocks_run(monkeypatch):
    """Names of the inception blocks that are called, in order."""
    from models.googlenet import Inception

    found, call = [], Inception.call

    def counted(self, x):
        found.append(self.name.removeprefix("inception_"))
        return call(self, x)

    monkeypatch.setattr(Inception, "call", counted)
    return found


@pytest.mark.parametrize("tap", CANDIDATES)
@pytest.mark.parametrize("form", ["convolutional", None])
def test_outputs_are_those_of_the_whole_trunk(tap, form):
    made = network(attention=form)
    always_choose(made, tap)
    whole, on_demand = made(IMAGES), call_on_demand(made, IMAGES)
    assert whole.keys() == on_demand.keys()
    chosen = np.argmax(keras.ops.convert_to_numpy(whole["layer_gates"]), axis=-1)
    assert set(chosen.ravel()) == {CANDIDATES.index(tap)}
    for name, value in whole.items():
        np.testing.assert_allclose(on_demand[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


def test_outputs_are_the_same_where_images_and_steps_differ():
    """Gates chosen here, row by row: the second step of one image goes deeper than all before."""
    made = network(steps=3)
    rows = iter(2 * [[[0, 1, 0], [0, 1, 0]], [[0, 1, 0], [1, 0, 0]], [[0, 0, 1], [0, 1, 0]]])
    made.gate.call = lambda hidden, training=False: keras.ops.convert_to_tensor(
        next(rows), "float32"
    )
    whole, on_demand = made(IMAGES), call_on_demand(made, IMAGES)
    for name, value in whole.items():
        np.testing.assert_allclose(on_demand[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX traces both branches")
@pytest.mark.parametrize(
    ("tap", "blocks"), [("3a", ["3a"]), ("3b", ["3a", "3b"]), ("4a", ["3a", "3b", "4a"])]
)
def test_blocks_behind_the_deepest_choice_are_not_run(tap, blocks, blocks_run):
    made = network()
    always_choose(made, tap)
    blocks_run.clear()
    call_on_demand(made, IMAGES)
    assert blocks_run == blocks


def test_a_network_without_choice_is_called_as_it_is(blocks_run):
    made = JointAttention(
        steps=1, candidates=("3b",), layer_attention=False, grid=2, depth=6, hidden=4,
        kernel_sizes=(1,),
    )  # fmt: skip
    made.build((None, 32, 32, 3))
    blocks_run.clear()
    assert "layer_gates" not in call_on_demand(made, IMAGES)
    assert blocks_run == ["3a", "3b"]
