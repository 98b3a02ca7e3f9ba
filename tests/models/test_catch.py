"""The rules of Catch, by games worked out by hand."""

import numpy as np
import pytest
from keras import ops

from models.catch import CatchGame

LEFT, STAY, RIGHT = range(3)


def play(game, starts, choose):
    """States [T + 1, B, 4] of games whose actions are `choose(step, state)`."""
    states = [ops.convert_to_numpy(game.start(np.asarray(starts, np.float32)))]
    for step in range(game.steps):
        action = np.asarray(choose(step, states[-1]), np.int32)
        states.append(ops.convert_to_numpy(game.step(states[-1], action)))
    return np.stack(states)


def stay(step, state):
    return np.full(len(state), STAY)


def starts_of_any_kind(games=2000, side=24):
    rng = np.random.default_rng(0)
    column, speed = rng.integers(0, side, games), rng.uniform(-1, 1, games)
    return np.stack([column, speed, np.full(games, side // 2 - 1)], axis=1).astype(np.float32)


def share_caught(game, states):
    return float(ops.mean(game.caught(states[-1])))


def test_a_game_from_the_top_row_to_the_bottom_row():
    game = CatchGame()
    assert game.steps == 23
    states = play(game, [[4, 0.5, 11]], stay)[:, 0]
    np.testing.assert_array_equal(states[:, 0], 4 + 0.5 * np.arange(24))
    np.testing.assert_array_equal(states[:, 1], np.arange(24))
    np.testing.assert_array_equal(states[:, 2:], [[0.5, 11]] * 24)


@pytest.mark.parametrize(
    ("start", "places", "speeds"),
    [
        ((1, -0.75), [1, 0.25, 0.5, 1.25, 2], [-0.75, -0.75, 0.75, 0.75, 0.75]),
        ((3, 0.75), [3, 3.75, 3.5, 2.75, 2], [0.75, 0.75, -0.75, -0.75, -0.75]),
        # On the wall itself the ball has not been thrown back yet.
        ((1, -1), [1, 0, 1, 2, 3], [-1, -1, 1, 1, 1]),
        ((2, 0), [2, 2, 2, 2, 2], [0, 0, 0, 0, 0]),
    ],
)
def test_walls_throw_the_ball_back(start, places, speeds):
    states = play(CatchGame(5), [[*start, 1]], stay)[:, 0]
    np.testing.assert_array_equal(states[:, 0], places)
    np.testing.assert_array_equal(states[:, 2], speeds)


def test_actions_move_the_paddle_one_column_and_not_off_the_screen():
    actions = np.array([[LEFT, RIGHT, STAY], [LEFT, RIGHT, RIGHT], [RIGHT, RIGHT, LEFT]])
    states = play(CatchGame(4), [[0, 0, 1]] * 3, lambda step, _: actions[step])
    np.testing.assert_array_equal(
        states[..., 3].T,
        [[1, 0, 0, 1], [1, 2, 2, 2], [1, 1, 2, 1]],  # the paddle covers 2 and 3 at the right
    )


def test_the_screen_shows_the_ball_where_it_rounds_to_and_the_paddle():
    game = CatchGame(4)
    states = np.array([[0.5, 0, 0.5, 1], [2.4, 2, 0, 2], [3, 3, 0, 0], [0, 3, 0, 0]], np.float32)
    screens = ops.convert_to_numpy(game.render(states))
    assert screens.shape == (4, 4, 4, 1)
    assert screens.dtype == np.float32
    np.testing.assert_array_equal(
        screens[..., 0],
        [
            [[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 1, 0]],
            [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]],
            [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 1]],
            [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0]],
        ],
    )


def test_caught_on_either_pixel_of_the_paddle_and_only_at_the_bottom():
    at_the_bottom = [[x, 23, 0, 11] for x in (10.4, 10.5, 11, 12, 12.4, 12.5)]
    states = np.array([*at_the_bottom, [11, 22, 0, 11]], np.float32)
    caught = ops.convert_to_numpy(CatchGame().caught(states))
    np.testing.assert_array_equal(caught, [0, 1, 1, 1, 1, 0, 0])


def test_what_is_caught_shows_no_ball_beside_the_paddle():
    game = CatchGame()
    states = play(game, starts_of_any_kind(), stay)
    assert (states[..., 0] >= 0).all() and (states[..., 0] <= 23).all()
    pixels = ops.convert_to_numpy(game.render(states[-1])).sum((1, 2, 3))
    np.testing.assert_array_equal(pixels, 3 - ops.convert_to_numpy(game.caught(states[-1])))


def test_who_foresees_where_the_ball_lands_catches_every_ball():
    game = CatchGame()
    starts = starts_of_any_kind()
    landing = np.floor(play(game, starts, stay)[-1, :, 0] + 0.5)

    def towards_it(step, state):
        return 1 + np.sign(np.minimum(landing, game.side - 2) - state[:, 3])

    assert share_caught(game, play(game, starts, towards_it)) == 1.0


def test_who_never_looks_catches_two_balls_of_23():
    """The ball goes 23 speeds sideways: over a speed's range it lands once everywhere, evenly."""
    game = CatchGame()
    starts = starts_of_any_kind(10_000)
    rng = np.random.default_rng(1)
    states = play(game, starts, lambda step, state: rng.integers(0, 3, len(state)))
    expected = 2 / 23
    error = np.sqrt(expected * (1 - expected) / len(starts))
    # A paddle at a wall, 1 game in 100, covers half a column less.
    assert share_caught(game, states) == pytest.approx(expected, abs=4 * error)
    assert share_caught(game, play(game, starts, stay)) == pytest.approx(expected, abs=4 * error)


def test_a_screen_without_room_is_refused():
    with pytest.raises(ValueError, match="side must be at least 3, not 2"):
        CatchGame(2)
