"""What training does beside what its command shows."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from errors import UserError
from run_folder import RunFolder, build_task
from tasks import callbacks
from tasks.pose import PoseTask
from tests.runs import make_run
from tests.tasks.small_networks import (
    SIDE,
    colour_network,
    images_and_poses,
    small_joint_attention,
)
from training import (
    AttentionPictures,
    compile_task,
    make_backup,
    make_callbacks,
    needs_xla,
    restore,
)

CONFIG = {
    "task": "pose", "learning_rate": 0.01, "learning_rate_schedule": "constant", "epochs": 1,
    "head_learning_rate_scale": 5.0, "mask_learning_rate_scale": 0.5,
    "trunk_learning_rate_scale": 1.0,
}  # fmt: skip
GATE = {
    "temperature_start": 3.0, "temperature_end": 0.25, "soft_fraction": 0.9, "quiet_fraction": 0.3,
    "settle_fraction": 0.4, "epochs": 10, "early_stopping": 0,
}  # fmt: skip


def made_task(**arguments):
    task = PoseTask(colour_network(), **arguments)
    task.build((None, SIDE, SIDE, 3))
    return task


def test_a_step_is_traced_once(monkeypatch):
    task = made_task()
    compile_task(task, CONFIG, steps_per_epoch=3)
    compute_loss, traced = task.compute_loss, []
    monkeypatch.setattr(
        task,
        "compute_loss",
        lambda *given, **named: traced.append(1) or compute_loss(*given, **named),
    )
    images, poses = images_and_poses()
    task.fit(images, poses, batch_size=2, epochs=2, verbose=0)
    assert len(traced) == 1


@pytest.mark.parametrize(
    ("precision", "task", "expected"),
    [
        ("bfloat16", "pose", True),
        ("bfloat16", "digit", True),
        ("bfloat16", "game", False),
        ("none", "pose", False),
    ],
)
def test_xla_compiles_what_is_slow_without_it(precision, task, expected, monkeypatch):
    monkeypatch.setattr("training.emulates", lambda precision: precision == "bfloat16")
    assert needs_xla({"mixed_precision": precision, "task": task}) == expected


def test_what_xla_compiles_learns_the_same():
    keras.config.set_dtype_policy("mixed_bfloat16")
    images, poses = images_and_poses()
    losses = []
    for compiled in (False, True):
        keras.utils.set_random_seed(0)
        task = made_task()
        compile_task(task, CONFIG, steps_per_epoch=3, compiled=compiled)
        assert task.jit_compile == compiled
        history = task.fit(images, poses, batch_size=2, epochs=3, shuffle=False, verbose=0)
        losses.append(history.history["loss"])
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.02)
    assert losses[0][-1] < 0.9 * losses[0][0]


def test_all_that_is_trained_outside_the_trunk_has_the_heads_learning_rate():
    task = made_task(pose_loss="learned")
    compile_task(task, CONFIG, steps_per_epoch=1)
    factors = {v.path: task.optimizer.scale_of(v.path) for v in task.trainable_variables}
    assert any("log_weights" in path for path in factors)
    assert set(factors.values()) == {5.0}


def test_the_parts_of_an_attention_network_have_their_learning_rates():
    task = PoseTask(small_joint_attention())
    task.build((None, SIDE, SIDE, 3))
    compile_task(task, CONFIG, steps_per_epoch=1)
    for variable in task.trainable_variables:
        part = "mask" if "/spatial_attention/mask" in variable.path else "heads"
        part = "trunk" if "/trunk/" in variable.path else part
        factor = {"trunk": 1.0, "mask": 2.5, "heads": 5.0}[part]
        assert task.optimizer.scale_of(variable.path) == factor, variable.path
    assert {task.optimizer.scale_of(v.path) for v in task.trainable_variables} == {1.0, 2.5, 5.0}


def test_the_flags_of_the_gate_reach_its_schedule(tmp_path):
    run = make_run(tmp_path / "run", **GATE)
    task = build_task(run.config)
    made = make_callbacks(run, task, make_backup(run, True), 0, *2 * [NoImages()])
    (schedule,) = (one for one in made if isinstance(one, callbacks.GateSchedule))
    assert (schedule.start, schedule.end) == (3.0, 0.25)
    assert (schedule.soft_fraction, schedule.quiet_fraction) == (0.4, 0.3)
    assert schedule.gate is task.network.gate


class NoImages:
    """A split of which only pictures would be drawn."""

    def test_batches(self, size):
        return [(tf.zeros((size, SIDE, SIDE, 3), tf.uint8), None)]


def test_a_history_that_lacks_epochs_of_the_checkpoint_is_told(tmp_path):
    run = make_run(tmp_path / "run", **GATE)
    task = build_task(run.config)
    with pytest.raises(UserError, match=r"history\.csv has 0 of the 2 epochs"):
        make_callbacks(run, task, make_backup(run, True), 2, *2 * [NoImages()])


def test_attention_is_drawn_after_some_epochs_and_the_last(tmp_path):
    for epochs, count in ((3, 3), (20, 20), (90, 20)):
        after = AttentionPictures(tmp_path, np.zeros((1, 8, 8, 3)), epochs).after
        assert len(after) == count
        assert min(after) >= 0
        assert max(after) == epochs - 1


def test_a_run_goes_on_from_where_backups_once_lay(tmp_path):
    task = made_task()
    compile_task(task, CONFIG, steps_per_epoch=3)
    task.epochs_seen.assign(7)
    task.save_weights(tmp_path / "backup/latest.weights.h5")
    run = RunFolder(tmp_path, {})
    task.epochs_seen.assign(6)
    task.save_weights(run.weights("last"))  # it did not count its own epoch

    other = made_task()
    compile_task(other, CONFIG, steps_per_epoch=3)
    for held_out in (True, False):
        backup = make_backup(run, held_out)
        assert restore(backup, other) == 7
        assert backup.best == (None if held_out else run.weights("best"))
