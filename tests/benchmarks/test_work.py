"""What is timed does what it says, on small images."""

import dataclasses
import importlib
import importlib.util

import numpy as np
import pytest

from benchmarks.cases import GROUPS
from benchmarks.keras_work import Turns
from benchmarks.settings import Settings
from benchmarks.worker import one_round, prepare
from tests.runs import make_run

SMALL = Settings(side=32, batch=2, steps=2)
CASES = {case.name: case for group in GROUPS.values() for case in group.cases}
FROZEN = "joint_attention, float32, frozen"
NAMES = ("posenet, float32", "posenet, float32, saved_model", "trunk", FROZEN)


@pytest.mark.parametrize("name", NAMES)
def test_work_can_be_done(name):
    assert one_round(prepare(CASES[name], SMALL), 1) > 0


def test_every_case_names_a_function():
    for case in CASES.values():
        module, function = case.work.rsplit(".", 1)
        if case.framework == "keras" or importlib.util.find_spec("torch"):
            assert callable(getattr(importlib.import_module(module), function))


def test_a_fit_does_one_epoch_a_turn_and_its_errors_are_told():
    trained = []

    def run():
        for epoch in range(3):
            turns.on_epoch_begin(epoch)
            if epoch == 2:
                raise OSError("no more images")
            trained.append(epoch)
            turns.on_epoch_end(epoch)

    turns = Turns(run)
    for done in ([0], [0, 1]):
        turns.epoch()
        assert trained == done
    with pytest.raises(OSError, match="no more images"):
        turns.epoch()


def test_a_run_answers_alike_with_both_trunks(tmp_path, small_room):
    run = make_run(tmp_path / "run")
    settings = dataclasses.replace(SMALL, run_dir=str(run.path))
    for case in GROUPS["depth"].cases:
        work = prepare(case, settings)
        assert work.amount == 1
        outputs = [work.call()["pose"].numpy() for _ in range(2)]
        assert outputs[0].shape == (1, 7)
        assert np.abs(outputs[0] - outputs[1]).max() > 0, "the next image"
