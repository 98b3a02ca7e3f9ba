"""What `fit` does with a player of Catch."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from models.catch_player import CatchPlayer
from tasks.callbacks import EpochSeeds
from tasks.catch import CatchTask
from tests.models.checks import FAST, gradients, numpy_outputs

SMALL = {"side": 3, "glimpse_size": 2, "scales": 1, "hidden": 4, "seed": 1}
# A ball falls down the left column, and the paddle is to the right of it: it has to go left once,
# and not back again. The screen has room for two places of the paddle and time for two actions.
START = (0.0, 0.0, 1.0)


@pytest.fixture(autouse=True)
def same_weights_in_every_run():
    keras.utils.set_random_seed(0)


def made_task(weights=None, **arguments):
    task = CatchTask(CatchPlayer(**SMALL | arguments), **weights or {})
    task.build((None, 3))
    return task


def starts(games):
    return np.array([START] * games, np.float32)


def outputs_by_hand(training):
    outputs = {
        "caught": np.array([1, 0], np.float32),
        "baselines": np.array([[0.5, 0.75], [0.25, 0.5]], np.float32),
        "entropies": np.array([[1, 0.5], [1, 0.5]], np.float32),
        "log_probabilities": np.array([[-1, -2], [-3, -4]], np.float32),
    }
    if not training:
        del outputs["log_probabilities"]
    return outputs


@pytest.mark.parametrize("training", [True, False])
def test_loss_by_hand(training):
    task = made_task({"baseline_weight": 0.5, "reinforce_weight": 2.0, "entropy_weight": 0.1})
    loss = task.compute_loss(y=np.zeros(2, np.float32), y_pred=outputs_by_hand(training))
    missed = 1 / 2
    errors = (0.25 + 0.0625 + 0.0625 + 0.25) / 2
    # Minus each log-probability times the reward less the baseline.
    chosen = ((1 * 0.5 + 2 * 0.25) + (3 * -0.25 + 4 * -0.5)) / 2
    expected = missed + 0.5 * errors + (2.0 * chosen - 0.1 * 1.5 if training else 0)
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    metrics = {name: float(tracker.result()) for name, tracker in task.trackers.items()}
    assert metrics == pytest.approx(
        {"caught": 0.5, "missed": 0.5, "baseline_error": errors / 2, "entropy": 0.75}, rel=1e-5
    )
    assert task.monitor in metrics


def chance_of_catching(scores):
    """Of a player that ignores what it sees, from its three scores: over all pairs of actions."""
    chances = np.exp(scores) / np.exp(scores).sum()
    total = 0.0
    for first, second in itertools.product(range(3), repeat=2):
        paddle = np.clip(np.clip(1 + first - 1, 0, 1) + second - 1, 0, 1)
        total += chances[first] * chances[second] * (paddle == 0)
    return total


@pytest.mark.parametrize("baseline", [0.0, 0.6])
def test_the_estimate_is_the_gradient_of_the_chance_of_catching(baseline):
    scores, games = np.array([0.3, -0.2, 0.1], np.float32), 4000
    task = made_task({"baseline_weight": 0.0, "entropy_weight": 0.0})
    for head, bias in ((task.network.policy, scores), (task.network.baseline, [baseline])):
        head.set_weights([np.zeros_like(head.get_weights()[0]), np.array(bias, np.float32)])
    played = {}

    def loss():
        played.update(task(starts(games), training=True))
        return task.compute_loss(y=np.zeros(games, np.float32), y_pred=played)

    if keras.backend.backend() == "jax":
        # The loss is traced: the games are not to be had from it.
        task.network.seed_generator.state.assign([0, 0])
        played.update(task(starts(games), training=True))
        task.network.seed_generator.state.assign([0, 0])
        traced = dict(played)
    _, (found,) = gradients(loss, [task.network.policy.bias])
    outputs = traced if keras.backend.backend() == "jax" else played
    actions, caught = (ops.convert_to_numpy(outputs[name]) for name in ("actions", "caught"))

    step = 1e-4
    slopes = [
        (chance_of_catching(scores + shift) - chance_of_catching(scores - shift)) / (2 * step)
        for shift in step * np.eye(3)
    ]
    chances = np.exp(scores) / np.exp(scores).sum()
    terms = (np.eye(3)[actions] - chances).sum(axis=1) * (caught - baseline)[:, None]
    # The sum over games is what the definition says; its mean is the slope but for chance.
    np.testing.assert_allclose(-found, terms.mean(axis=0), rtol=1e-3, atol=1e-5)
    error = terms.std(axis=0) / np.sqrt(games)
    assert (np.abs(-found - slopes) < 4 * error).all()
    assert caught.mean() == pytest.approx(chance_of_catching(scores), abs=4 * 0.5 / np.sqrt(games))
    assert (error < np.abs(slopes).max() / 10).all()


def test_training_reaches_every_weight():
    task = made_task({"entropy_weight": 0.1}, side=5, scales=2, location_hidden=3)
    variables = task.trainable_variables
    before = numpy_outputs([variable.value for variable in variables])
    task.compile(keras.optimizers.Adam(0.01), **FAST)
    games = np.array([[column, speed, 1] for column in range(5) for speed in (-0.5, 0.7)])
    task.fit(games.astype(np.float32), np.zeros(10), batch_size=10, epochs=1, verbose=0)
    after = numpy_outputs([variable.value for variable in variables])
    unmoved = [
        variable.path
        for variable, old, new in zip(variables, before, after, strict=True)
        if not np.abs(new - old).max() > 0
    ]
    assert unmoved == []


def test_fit_learns_to_go_where_the_ball_falls():
    """Balls fall straight down: what has to be learned is to see and to steer."""
    task = made_task({"entropy_weight": 0.02}, side=5, scales=2, hidden=16)
    task.compile(keras.optimizers.Adam(0.01), jit_compile=keras.backend.backend() == "jax")
    games = np.tile([[column, 0, 1] for column in range(5)], (50, 1)).astype(np.float32)
    targets = np.zeros(len(games), np.float32)
    # At the start, two columns of five are caught without a move.
    task.fit(games, targets, batch_size=250, epochs=80, verbose=0)
    found = task.evaluate(games[:5], targets[:5], batch_size=5, verbose=0, return_dict=True)
    assert found["caught"] == 1.0
    assert found["missed"] == 0.0


def test_an_epoch_draws_the_same_whether_or_not_the_run_was_broken_off():
    task = made_task()
    seeds = EpochSeeds(seed=3)
    seeds.set_model(task)
    draws = []
    for epoch in (4, 5, 4):
        seeds.on_epoch_begin(epoch)
        draws.append(ops.convert_to_numpy(task(starts(20), training=True)["locations"]))
    np.testing.assert_array_equal(draws[0], draws[2])
    assert np.abs(draws[0] - draws[1]).max() > 0.01


def test_configuration_is_kept():
    task = made_task({"baseline_weight": 0.5, "reinforce_weight": 2.0, "entropy_weight": 0.1})
    config = task.get_config()
    copy = CatchTask.from_config(config)
    assert copy.get_config() == config
    assert (copy.baseline_weight, copy.reinforce_weight, copy.entropy_weight) == (0.5, 2.0, 0.1)
    assert copy.network.get_config() == task.network.get_config()


def test_speeds_reach_the_player_whole_in_half_precision():
    start = np.array([[1.0, 0.123456, 1.0]], np.float32)
    keras.config.set_dtype_policy("mixed_bfloat16")
    states = ops.convert_to_numpy(made_task()(start)["states"])
    assert states[0, 0, 2] == start[0, 1]
