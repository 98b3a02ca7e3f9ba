"""What is timed does what it says, on small images."""

import importlib
import importlib.util

import pytest

from benchmarks.cases import GROUPS
from benchmarks.keras_work import convolution_operations
from benchmarks.settings import Settings
from benchmarks.worker import one_round, prepare
from models.googlenet import GoogLeNet

SMALL = Settings(side=32, batch=2, steps=2)
CASES = {case.name: case for group in GROUPS.values() for case in group.cases}
NAMES = ("posenet, float32", "posenet, float32, saved_model", "trunk")


@pytest.fixture(autouse=True)
def same_policy_afterwards():
    import keras

    before = keras.mixed_precision.dtype_policy()
    yield
    keras.mixed_precision.set_dtype_policy(before)


@pytest.mark.parametrize("name", NAMES)
def test_work_can_be_done(name):
    assert one_round(prepare(CASES[name], SMALL), 1) > 0


def test_every_case_names_a_function():
    for case in CASES.values():
        module, function = case.work.rsplit(".", 1)
        if case.framework == "keras" or importlib.util.find_spec("torch"):
            assert callable(getattr(importlib.import_module(module), function))


def test_operations_of_the_trunk():
    # 1.5 * 10^9 multiplications, each with an addition, at 224 pixels (Szegedy et al. 2015,
    # section 5: "around 1.5 billion").
    network = GoogLeNet()
    network.build((None, 224, 224, 3))
    assert convolution_operations(network, 1, 224) / 2e9 == pytest.approx(1.58, rel=0.01)
    assert convolution_operations(network, 3, 32) * 49 == 3 * convolution_operations(
        network, 1, 224
    )
