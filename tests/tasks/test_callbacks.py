"""Schedules by hand, and broken runs that end as unbroken ones do."""

import csv
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from errors import UserError
from models.layer_gate import LayerGate
from tasks import callbacks
from tasks.optimizer import ScaledAdam
from tasks.pose import PoseTask
from tests.models.checks import FAST, numpy_outputs
from tests.tasks.small_networks import (
    SIDE,
    colour_network,
    images_and_poses,
    small_joint_attention,
)


def scheduled(epoch, epochs=5, soft_fraction=0.6, quiet_fraction=0.0):
    """Temperature, softness and noise in an epoch, from the logs; the weights hold the same."""
    gate = LayerGate(2, seed=0)
    gate.build((None, 2, 2, 3))
    schedule = callbacks.GateSchedule(gate, epochs, 4.0, 0.25, soft_fraction, quiet_fraction)
    schedule.on_epoch_begin(epoch)
    logs = {}
    schedule.on_epoch_end(epoch, logs)
    assert logs == {weight.name: float(weight) for weight in gate.non_trainable_weights}
    return logs["temperature"], logs["softness"], logs["noise"]


def test_gate_schedule_by_hand():
    # From 4 to 1/4 in four equal ratios of 1/2; soft for 0.6 * 5 = 3 epochs, then hard.
    found = [scheduled(epoch) for epoch in range(5)]
    expected = [(4, 1, 1), (2, 2 / 3, 1), (1, 1 / 3, 1), (0.5, 0, 1), (0.25, 0, 1)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_gate_schedule_without_a_soft_phase_or_with_one_epoch():
    assert scheduled(0, soft_fraction=0.0) == (4.0, 0.0, 1.0)
    assert scheduled(0, epochs=1) == (4.0, 1.0, 1.0)


def test_noise_fades_after_the_soft_epochs_and_is_gone_in_the_quiet_ones():
    # Soft until epoch 5 of 10, quiet from epoch 8: three equal falls between.
    found = [scheduled(epoch, 10, 0.5, 0.2)[2] for epoch in range(10)]
    np.testing.assert_allclose(found, [1, 1, 1, 1, 1, 1, 2 / 3, 1 / 3, 0, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("selected", "plan"),
    [
        ([[0.9, 0.1, 0.0]] * 3, [0, 0, 0]),  # a fifth of 0.9 is still more than 0.1
        ([[0.6, 0.25, 0.15]] * 3, [0, 1, 0]),  # 0.6; 0.25 before 0.2; 0.2 before 0.15
        ([[0.4, 0.3, 0.3]] * 3, [0, 1, 2]),
        ([[0.4, 0.6, 0.0], [0.9, 0.1, 0.0]], [1, 0]),  # each by its own step's
    ],
)
def test_steps_are_shared_among_layers_by_how_often_they_were_selected(selected, plan):
    assert callbacks.apportion(selected) == plan


def test_steps_settle_once_by_the_last_epoch_in_which_the_gate_is_free(capsys):
    network = small_joint_attention()
    network.build((None, SIDE, SIDE, 3))
    settle = callbacks.SettleLayers(network, epochs=20, settle_fraction=0.1)
    plans = []
    for epoch, share in enumerate((0.9, 0.2, 0.9, 0.9)):
        settle.on_epoch_begin(epoch)
        plans.append(numpy_outputs(network.plan.value)[0].tolist())
        settle.on_epoch_end(epoch, selected_shares(share))
        # What is saved at an epoch's end is what its numbers were measured on.
        assert numpy_outputs(network.plan.value)[0].tolist() == plans[-1]
    assert plans == [[-1, -1], [-1, -1], [1, 1], [1, 1]]
    assert "from epoch 3 on the steps keep to the layers 3b, 3b" in capsys.readouterr().out


def test_a_run_broken_off_just_before_its_steps_settle_knows_what_was_selected():
    network = small_joint_attention()
    network.build((None, SIDE, SIDE, 3))
    past = [
        {name: str(value) for name, value in selected_shares(share).items()} for share in (0.9, 0.2)
    ]
    callbacks.SettleLayers(network, 20, 0.1, past).on_epoch_begin(2)
    assert numpy_outputs(network.plan.value)[0].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("epochs", "fraction", "free"), [(90, 0.1, 9), (4, 0.1, 1), (4, 0.99, 3), (1, 0.5, 1)]
)
def test_one_epoch_at_least_is_free_and_one_settled(epochs, fraction, free):
    assert callbacks.SettleLayers(None, epochs, fraction).free == free


def selected_shares(share):
    """Logs of an epoch whose two steps selected 3a for a share of the images, 3b for the rest."""
    shares = {"3a": share, "3b": 1 - share}
    return {f"gate_step{step}_{tap}": shares[tap] for step in (1, 2) for tap in shares}


def noise(model, epoch, seed=7):
    seeds = callbacks.EpochSeeds(seed)
    seeds.set_model(model)
    seeds.on_epoch_begin(epoch)
    return numpy_outputs([model(np.ones((2, 50)), training=True) for _ in range(2)])


def test_an_epoch_draws_its_own_noise_whatever_was_drawn_before():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dropout(0.5), keras.layers.Dropout(0.5)])
    third = noise(model, 3)
    for epoch in (0, 3):
        again = noise(model, epoch)
        assert np.array_equal(again, third) == (epoch == 3)
    assert not np.array_equal(noise(model, 3, seed=8), third)
    assert not np.array_equal(*third)  # batches of an epoch differ
    first, second = model.layers
    noise(model, 3)
    drawn = [layer(np.ones((2, 50)), training=True) for layer in (first, second)]
    assert not np.array_equal(*numpy_outputs(drawn))  # and so do layers


def test_large_seeds_and_epochs_fit_the_generators():
    model = keras.Sequential([keras.layers.Dropout(0.5)])
    assert not np.array_equal(noise(model, 5000, seed=20_211_231), noise(model, 0, seed=1))


HEADER = "epoch,loss,val_loss\n"


def rows_in(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("tail", ["", "3,0.1", "3,0.17,"])
def test_history_forgets_epochs_to_come_and_a_row_cut_off(tmp_path, tail):
    path = tmp_path / "history.csv"
    path.write_text(HEADER + "0,0.5,0.6\n1,0.4,0.5\n2,0.3,0.4\n" + tail)
    history = callbacks.History(path, first_epoch=2)
    assert [row["epoch"] for row in rows_in(path)] == ["0", "1"]
    history.on_train_begin()
    history.on_epoch_end(2, {"loss": 0.25, "val_loss": 0.35})
    history.on_train_end()
    assert rows_in(path)[2] == {"epoch": "2", "loss": "0.25", "val_loss": "0.35"}
    assert len(rows_in(path)) == 3


def test_a_disk_too_full_for_the_history_is_told(tmp_path, fill_disk):
    history = callbacks.History(tmp_path / "history.csv", first_epoch=0)
    history.on_train_begin()
    history.on_epoch_end(0, {"loss": 0.5})
    fill_disk()
    with pytest.raises(UserError, match=r"history\.csv cannot be written: No space left"):
        history.on_epoch_end(1, {"loss": 0.4})


def test_history_goes_on_after_a_row_cut_off_right_after_the_last_backup(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(HEADER + "0,0.5,0.6\n1,0.")
    history = callbacks.History(path, first_epoch=1)
    history.on_train_begin()
    history.on_epoch_end(1, {"loss": 0.25, "val_loss": 0.35})
    history.on_train_end()
    assert [row["loss"] for row in rows_in(path)] == ["0.5", "0.25"]


def test_history_has_the_columns_of_all_its_rows(tmp_path):
    """A run may go on after an update that logs more."""
    path = tmp_path / "history.csv"
    path.write_text(HEADER + "0,0.5,0.6\n")
    history = callbacks.History(path, first_epoch=1)
    history.on_train_begin()
    for epoch in (1, 2):
        history.on_epoch_end(epoch, {"loss": 0.4, "noise": 1.0, "val_loss": 0.5})
    history.on_train_end()
    first, *others = rows_in(path)
    assert first == {"epoch": "0", "loss": "0.5", "val_loss": "0.6", "noise": "NA"}
    assert [row["epoch"] for row in others] == ["1", "2"]
    assert all((row["val_loss"], row["noise"]) == ("0.5", "1.0") for row in others)


def test_a_row_with_more_cells_than_columns_is_not_read(tmp_path):
    (tmp_path / "history.csv").write_text(HEADER + "0,0.5,0.6\n1,0.4,1.0,0.5\n")
    assert [row["epoch"] for row in callbacks.read_history(tmp_path / "history.csv")] == ["0"]


def test_new_history_starts_with_its_header(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("")  # killed before the first row
    history = callbacks.History(path, first_epoch=0)
    history.on_train_begin()
    history.on_epoch_end(0, {"loss": 0.5, "val_loss": 0.6})
    history.on_train_end()
    assert rows_in(path) == [{"epoch": "0", "loss": "0.5", "val_loss": "0.6"}]


def rows_of(values):
    return [{"epoch": str(epoch), "val_loss": str(value)} for epoch, value in enumerate(values)]


def stopped_after(values, patience, broken_at=0, first=0):
    """The epoch after which training stops, if it was broken off before `broken_at`."""
    past = rows_of(values[:broken_at])
    stopping = callbacks.EarlyStopping(past, "val_loss", patience, first)
    stopping.set_model(keras.Sequential())
    stopping.model.stop_training = False
    stopping.on_train_begin()
    for epoch in range(broken_at, len(values)):
        stopping.on_epoch_end(epoch, {"val_loss": values[epoch]})
        if stopping.model.stop_training:
            return epoch
    return None


@pytest.mark.parametrize("broken_at", range(5))
def test_early_stopping_counts_the_epochs_before_the_break(broken_at):
    values = [1.0, 0.8, 0.9, 0.85, 0.95, 0.7]
    assert stopped_after(values, 3, broken_at) == 4
    assert stopped_after(values, 4, broken_at) is None
    assert stopped_after(values, 3, broken_at, first=2) is None  # 0.85 is then better than 0.9


@pytest.mark.parametrize("broken_at", range(6))
@pytest.mark.parametrize(("first", "expected"), [(2, [0, 1, 2, 3, 5]), (0, [0, 1])])
def test_the_best_epoch_is_one_after_steps_have_settled(broken_at, first, expected, monkeypatch):
    values = [1.0, 0.2, 0.9, 0.8, 0.85, 0.5]
    past = rows_of(values[:broken_at])
    checkpoint = callbacks.BestCheckpoint("best.weights.h5", past, "val_loss", first)
    checkpoint.set_model(keras.Sequential())
    saved = []
    monkeypatch.setattr(checkpoint.model, "save_weights", lambda *_, **__: saved.append(epoch))
    for epoch in range(broken_at, len(values)):
        checkpoint.on_epoch_begin(epoch)
        checkpoint.on_epoch_end(epoch, {"val_loss": values[epoch]})
    assert saved == [epoch for epoch in expected if epoch >= broken_at]


def test_a_run_broken_off_after_early_stopping_has_nothing_to_train():
    values = [1.0, 0.8, 0.9, 0.85, 0.95, 0.7]
    past = rows_of(values)
    stopped = [callbacks.has_stopped(past[:epochs], "val_loss", 3) for epochs in range(6)]
    assert stopped == [False, False, False, False, False, True]


def made_task():
    keras.utils.set_random_seed(0)
    task = PoseTask(colour_network(dropout=0.3), beta=5.0)
    task.build((None, SIDE, SIDE, 3))
    rate = keras.optimizers.schedules.CosineDecay(0.02, 16)
    task.compile(ScaledAdam(rate, scales={"dense": 2.0}), **FAST)
    return task


def train(task, folder, epochs, best=None):
    """Trains up to `epochs` of four, from the backup in `folder`; returns the first epoch."""
    backup = callbacks.Backup(folder / "last.weights.h5", best)
    first = backup.restore(task)
    images, poses = images_and_poses(8)
    task.fit(
        images, poses, batch_size=2, epochs=epochs, initial_epoch=first, shuffle=False, verbose=0,
        callbacks=[callbacks.EpochSeeds(3), backup],
    )  # fmt: skip
    return first


def state(task):
    variables = [*task.weights, *task.optimizer.variables]
    return [keras.ops.convert_to_numpy(variable.value) for variable in variables]


def assert_same_state(first, second):
    for a, b in zip(state(first), state(second), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def unbroken(tmp_path):
    task = made_task()
    assert train(task, tmp_path / "unbroken", 4) == 0
    return task


def test_a_broken_run_ends_as_the_unbroken_one(tmp_path, unbroken):
    train(made_task(), tmp_path / "broken", 2)
    task = made_task()
    assert train(task, tmp_path / "broken", 4) == 2
    assert_same_state(task, unbroken)


def test_a_kill_while_a_backup_is_written_leaves_the_one_before(tmp_path, unbroken, monkeypatch):
    folder = tmp_path / "broken"

    def killed(*paths):
        raise KeyboardInterrupt

    train(made_task(), folder, 2)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("os.replace", killed)
        train(made_task(), folder, 3)
    assert [path.name for path in folder.iterdir()] == ["last.weights.h5"]
    task = made_task()
    assert train(task, folder, 4) == 2
    assert_same_state(task, unbroken)


def test_a_kill_between_the_best_and_the_last_leaves_the_epoch_to_be_run_again(
    tmp_path, unbroken, monkeypatch
):
    folder, best = tmp_path / "broken", tmp_path / "broken/best.weights.h5"

    def killed(*paths):
        raise KeyboardInterrupt

    train(made_task(), folder, 2, best)
    before = (folder / "last.weights.h5").read_bytes()
    assert best.read_bytes() == before
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("shutil.copyfile", killed)
        train(made_task(), folder, 3, best)
    assert (folder / "last.weights.h5").read_bytes() == before != best.read_bytes()
    task = made_task()
    assert train(task, folder, 4, best) == 2
    assert_same_state(task, unbroken)
    assert best.read_bytes() == (folder / "last.weights.h5").read_bytes()


def test_a_full_disk_is_said_and_the_backup_before_it_kept(tmp_path, monkeypatch):
    folder = tmp_path / "broken"
    train(made_task(), folder, 2)
    kept = (folder / "last.weights.h5").read_bytes()
    numbers = sum(value.size for value in state(made_task()))
    space = SimpleNamespace(free=4 * numbers - 1)  # and there are the metrics'
    monkeypatch.setattr("shutil.disk_usage", lambda path: space)
    with pytest.raises(UserError, match=r"last.weights.h5 needs .* MB and the disk has"):
        train(made_task(), folder, 3)
    assert (folder / "last.weights.h5").read_bytes() == kept
    space.free = 10**6
    assert train(made_task(), folder, 3) == 2


def test_a_finished_run_trains_no_more(tmp_path, unbroken):
    task = made_task()
    assert train(task, tmp_path / "unbroken", 4) == 4
    assert_same_state(task, unbroken)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_held_out_loss_that_is_no_number_ends_the_training(value):
    watching = callbacks.TerminateOnNaN("val_loss")
    watching.on_epoch_end(0, {"loss": 1.0, "val_loss": 0.5})
    with pytest.raises(RuntimeError, match="NaN or Inf loss"):
        watching.on_epoch_end(1, {"loss": 1.0, "val_loss": value})
    callbacks.TerminateOnNaN().on_epoch_end(1, {"loss": 1.0, "val_loss": value})


def test_seconds_of_an_epoch_are_logged():
    seconds, logs = callbacks.EpochSeconds(), {}
    seconds.on_epoch_begin(0)
    seconds.on_epoch_end(0, logs)
    assert 0 <= logs["seconds"] < 5
