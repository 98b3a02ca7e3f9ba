"""The player of Catch, on screens of 6 pixels and with few units."""

import keras
import numpy as np
import pytest
from keras import ops

from models.catch import CatchGame
from models.catch_player import CatchPlayer
from models.ram import log_normal
from tests.models.checks import check_layer, gradients, randomize

SMALL = {"side": 6, "glimpse_size": 2, "scales": 2, "hidden": 4, "seed": 1}
STEPS = 5


def starts(games=3):
    rng = np.random.default_rng(0)
    column, speed = rng.integers(0, 6, games), rng.uniform(-1, 1, games)
    return np.stack([column, speed, np.full(games, 2)], axis=1).astype(np.float32)


def small(**arguments):
    player = CatchPlayer(**SMALL | arguments)
    player.build((None, 3))
    randomize(player)
    return player


def blind(probabilities, location=(0.0, 0.0), **arguments):
    """Acts with these probabilities and looks about this location, whatever it has seen."""
    player = small(**arguments)
    for head, bias in (
        (player.policy, np.log(probabilities)),
        (player.location_network.mean, np.asarray(location)),
    ):
        head.set_weights([np.zeros_like(head.get_weights()[0]), bias])
    return player


def played(player, games=3, **arguments):
    outputs = player(starts(games), **arguments)
    return {name: ops.convert_to_numpy(value) for name, value in outputs.items()}


def test_parameters_of_the_default_player():
    player = CatchPlayer()
    player.build((None, 3))
    parts = {
        # 3 scales of 6 x 6 pixels, and 2 coordinates, to 128 units each; both to 256.
        "glimpse_network": 108 * 128 + 128 + 2 * 128 + 128 + 2 * 128 * 256 + 256,
        "core": 2 * 256 * 1024 + 1024,
        "location_network": 256 * 2 + 2,
        "policy": 256 * 3 + 3,
        "baseline": 256 + 1,
    }
    assert {name: getattr(player, name).count_params() for name in parts} == parts
    assert player.count_params() == sum(parts.values()) == 606_982


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("core", ["lstm", "relu"])
def test_shapes(training, core):
    outputs = played(small(core=core), training=training)
    expected = {
        "caught": (3,),
        "baselines": (3, STEPS),
        "entropies": (3, STEPS),
        "states": (3, STEPS + 1, 4),
        "locations": (3, STEPS, 2),
        "actions": (3, STEPS),
    }
    if training:
        expected["log_probabilities"] = (3, STEPS)
    assert {name: value.shape for name, value in outputs.items()} == expected


@pytest.mark.parametrize("training", [False, True])
def test_games_are_played_by_the_rules(training):
    outputs = played(small(), games=50, training=training)
    game = CatchGame(6)
    state = game.start(starts(50))
    for step in range(STEPS):
        np.testing.assert_array_equal(outputs["states"][:, step], ops.convert_to_numpy(state))
        state = game.step(state, outputs["actions"][:, step])
    np.testing.assert_array_equal(outputs["states"][:, -1], ops.convert_to_numpy(state))
    np.testing.assert_array_equal(outputs["caught"], ops.convert_to_numpy(game.caught(state)))
    assert set(outputs["caught"]) == {0, 1}


def test_the_first_glimpse_is_at_the_centre_and_all_are_on_the_screen():
    outputs = played(small(deviation=1.0), games=50, training=True)
    np.testing.assert_array_equal(outputs["locations"][:, 0], 0)
    assert np.abs(outputs["locations"]).max() == 1.0


def test_decisions_in_training_are_drawn_from_their_distributions():
    chances, centre, deviation, games = np.array([0.2, 0.3, 0.5]), (0.5, -0.25), 0.1, 2000
    player = blind(chances, centre, deviation=deviation)
    outputs = played(player, games, training=True)
    found = np.bincount(outputs["actions"].ravel(), minlength=3) / (games * STEPS)
    # Five standard errors of each.
    np.testing.assert_allclose(found, chances, atol=5 * 0.5 / np.sqrt(games * STEPS))
    draws = outputs["locations"][:, 1:].reshape(-1, 2)
    error = deviation / np.sqrt(len(draws))
    np.testing.assert_allclose(draws.mean(axis=0), centre, atol=5 * error)
    np.testing.assert_allclose(draws.std(axis=0), deviation, atol=5 * error)
    # A draw says nothing about another: of the same step, or of another one.
    shifts = outputs["locations"][:, 1:3].reshape(games, 4)
    correlations = np.corrcoef(np.hstack([shifts, outputs["actions"][:, :3]]).T)
    assert np.abs(correlations - np.eye(7)).max() < 5 / np.sqrt(games)


def test_log_probabilities_are_those_of_the_decisions():
    chances, centre, deviation = np.array([0.2, 0.3, 0.5]), np.array([0.5, -0.25]), 0.1
    outputs = played(blind(chances, centre, deviation=deviation), training=True)
    expected = np.log(chances)[outputs["actions"]]
    distance = ((outputs["locations"][:, 1:] - centre) ** 2).sum(axis=-1)
    # The location of step t + 1 is decided at step t; the last step decides none.
    expected[:, :-1] -= distance / (2 * deviation**2) + np.log(2 * np.pi * deviation**2)
    np.testing.assert_allclose(outputs["log_probabilities"], expected, rtol=1e-4, atol=1e-4)
    entropy = -(chances * np.log(chances)).sum()
    np.testing.assert_allclose(outputs["entropies"], np.full((3, STEPS), entropy), rtol=1e-5)


def test_the_density_of_a_location_at_its_mean_and_one_deviation_beside_it():
    draws = np.array([[0.5, 0.5], [0.7, 0.5]], np.float32)
    found = log_normal(draws, np.full((2, 2), 0.5, np.float32), 0.2)
    at_the_mean = -np.log(2 * np.pi * 0.04)
    np.testing.assert_allclose(ops.convert_to_numpy(found), [at_the_mean, at_the_mean - 0.5], 1e-5)


def test_outside_training_the_likeliest_is_done_every_time():
    player = blind([0.2, 0.3, 0.5], (0.5, -0.25))
    outputs = played(player)
    assert set(outputs["actions"].ravel()) == {2}
    np.testing.assert_allclose(outputs["locations"][:, 1:], [[(0.5, -0.25)] * 4] * 3, rtol=1e-5)
    again = played(player)
    for name, value in outputs.items():
        np.testing.assert_array_equal(again[name], value)


def test_what_it_sees_changes_what_it_does():
    """The games differ only in the balls' places, the baselines only by what was seen of them."""
    outputs = played(blind([0.2, 0.3, 0.5]), games=6)
    assert np.ptp(outputs["baselines"][:, -1]) > 1e-4
    assert np.ptp(outputs["states"][..., 3], axis=0).max() == 0


def test_actions_teach_core_and_glimpse_network_and_the_others_only_themselves():
    player = small(location_hidden=3)
    variables = player.trainable_variables
    by_hand = {
        "baselines": player.baseline.variables,
        "entropies": [
            *player.glimpse_network.variables,
            *player.core.variables,
            *player.policy.variables,
        ],
        # The actions' and the locations'.
        "log_probabilities": [v for v in variables if "baseline" not in v.path],
    }
    for name, expected in by_hand.items():
        assert reached(player, name) == {variable.path for variable in expected}
    # Without actions to choose from, locations alone.
    player.policy.set_weights([np.zeros((4, 3)), np.array([1000.0, 0.0, 0.0])])
    assert reached(player, "log_probabilities") == {v.path for v in player.location_network.weights}


def reached(player, name):
    """Paths of the variables that the sum of an output has a gradient for."""
    variables = player.trainable_variables
    _, found = gradients(lambda: ops.sum(player(starts(8), training=True)[name]), variables)
    pairs = zip(variables, found, strict=True)
    return {variable.path for variable, gradient in pairs if np.abs(gradient).max() > 0}


def test_the_same_seed_draws_the_same_games():
    first, same, other = (
        played(blind([0.2, 0.3, 0.5], seed=seed), 20, training=True)["locations"]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"deviation": 0.0}, "deviation must be positive, not 0.0"),
        ({"side": 2}, "side must be at least 3"),
        ({"core": "gru"}, "unknown core 'gru'"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        CatchPlayer(**SMALL | arguments)


def test_checks_of_the_player():
    def decide(player):
        """Actions as near as those of a new player are others in half precision."""
        player.policy.bias.assign([0.0, 0.0, 2.0])

    arguments = SMALL | {"fusion": "concatenate", "deviation": 0.3, "location_hidden": 3}
    check_layer(CatchPlayer, arguments, starts(), prepare=decide)


def test_a_speed_keeps_its_digits_in_half_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    outputs = played(small())
    np.testing.assert_array_equal(np.abs(outputs["states"][:, 0, 2]), np.abs(starts()[:, 1]))
