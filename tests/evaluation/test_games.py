"""The paddle that is never moved."""

from types import SimpleNamespace

import numpy as np
import pytest

from evaluation.games import baselines
from models.catch import CatchGame


def test_a_paddle_that_stands_still_is_where_it_began():
    game = CatchGame()
    ends = {11: (11, 3), 12: (12, 3), 13: (11, 13)}  # ball: the paddle's first and last place
    states = np.zeros((3, game.steps + 1, 4), np.float32)
    for row, (ball, (first, last)) in enumerate(ends.items()):
        states[row, :, 3] = np.linspace(first, last, game.steps + 1)
        states[row, -1, :2] = ball, game.side - 1
    outputs = {"states": states}
    assert game.caught(states[:, -1]).numpy().tolist() == [0, 0, 1]
    still = baselines({}, SimpleNamespace(game=game), range(3), None, outputs)["standing_still"]
    assert still == {"caught": pytest.approx(2 / 3), "games": 3}
