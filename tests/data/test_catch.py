"""How games of Catch start: ranges, seeds, resuming, games for testing."""

import numpy as np
import pytest

from data.catch import SIDE, CatchGames


def games(batches):
    """Starts [N, 3] of some batches."""
    return np.concatenate([starts for starts, _ in batches.as_numpy_iterator()])


def test_starts_fill_their_ranges_evenly():
    starts = games(CatchGames("test", 24_000).test_batches(1000))
    column, speed, paddle = starts.T
    # 1000 of each column, give or take 5 standard deviations of 31.
    np.testing.assert_allclose(np.bincount(column.astype(int)), np.full(SIDE, 1000), atol=155)
    assert speed.min() >= -1 and speed.max() < 1
    # Uniform on [-1, 1): mean 0 and variance 1/3.
    assert abs(speed.mean()) < 5 * np.sqrt(1 / 3 / len(speed))
    assert speed.var() == pytest.approx(1 / 3, abs=0.01)
    assert abs(np.corrcoef(column, speed)[0, 1]) < 5 / np.sqrt(len(speed))
    # As far from the left wall as its right pixel, the next one, is from the right wall.
    (left,) = set(paddle)
    assert left == SIDE - 1 - (left + 1)


@pytest.mark.parametrize("side", [3, 10])
def test_a_smaller_screen_has_fewer_columns(side):
    column, _, paddle = games(CatchGames("test", 500, side).test_batches(500)).T
    assert set(column) == set(range(side))
    assert set(paddle) == {side // 2 - 1}


def test_batches_have_starts_and_zeros_and_the_last_has_what_is_left():
    batches = list(CatchGames("train", 10).train_batches(4, seed=1).take(6).as_numpy_iterator())
    assert [starts.shape for starts, _ in batches] == [(4, 3), (4, 3), (2, 3)] * 2
    for starts, targets in batches:
        assert starts.dtype == targets.dtype == np.float32
        assert targets.shape == starts.shape[:1] and not targets.any()


def test_every_epoch_and_every_seed_has_games_of_its_own():
    training = CatchGames("train", 50)
    assert len(training) == 50
    (first, second), (other,) = (
        [starts for starts, _ in training.train_batches(50, seed).take(epochs).as_numpy_iterator()]
        for seed, epochs in ((1, 2), (2, 1))
    )
    speeds = np.concatenate([first[:, 1], second[:, 1], other[:, 1]])
    assert len(np.unique(speeds)) == 150


def test_a_run_that_goes_on_sees_what_it_would_have_seen():
    training = CatchGames("train", 10)
    unbroken = games(training.train_batches(4, seed=1).take(9))
    np.testing.assert_array_equal(
        games(training.train_batches(4, seed=1, first_epoch=2).take(3)), unbroken[20:]
    )
    # Games come before batches.
    np.testing.assert_array_equal(games(training.train_batches(5, seed=1).take(6)), unbroken)


def test_games_for_testing_are_fixed_and_never_trained_on():
    fixed = {
        split: games(CatchGames(split, 200).test_batches(64))
        for split in ("train", "validation", "test")
    }
    np.testing.assert_array_equal(games(CatchGames("test", 200).test_batches(7)), fixed["test"])
    # Seeds that a mix-up of the two kinds would bring: of the test games, and of -1.
    drawn = [
        games(CatchGames("train", 200).train_batches(200, seed).take(4))
        for seed in (0, 20_140_624, -1)
    ]
    speeds = np.concatenate([part[:, 1] for part in (*fixed.values(), *drawn)])
    assert len(np.unique(speeds)) > 3000 - 5  # of 2^24 speeds, two may fall together by chance


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("testing", 5), "unknown split 'testing': train, validation, test"), (("test", 0), "not 0")],
)
def test_arguments_that_cannot_be_used_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        CatchGames(*arguments)
