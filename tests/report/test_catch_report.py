import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from errors import UserError
from models.catch import CatchGame
from report import catch_report, rollout_gif
from report.catch_report import Games, write_report
from report.training_curves import read_history, training_figure
from tests.report.test_digit_report import INLINE
from tests.report.test_pose_report import Outline

SIDE, SIZE, SCALES = 24, 6, 3


def played(games: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Games of a player that moves by chance and looks near the ball, by the game's own rules."""
    random, rules = np.random.default_rng(seed), CatchGame(SIDE)
    starts = np.stack(
        [random.integers(0, SIDE, games), random.uniform(-1, 1, games), np.full(games, 11)], axis=1
    )
    actions = random.integers(0, 3, (games, rules.steps))
    states = [np.asarray(rules.start(starts.astype(np.float32)))]
    for step in range(rules.steps):
        states.append(np.asarray(rules.step(states[-1], actions[:, step])))
    ball = np.stack(states[:-1], axis=1)[..., :2]
    locations = (ball + 0.5) / SIDE * 2 - 1 + random.normal(0, 0.15, ball.shape)
    return {
        "states": np.stack(states, axis=1),
        "locations": np.clip(locations, -1, 1).astype(np.float32),
        "actions": actions,
        "caught": np.asarray(rules.caught(states[-1])),
        "glimpse_size": SIZE,
        "scales": SCALES,
    }


def write_catch_run(path: Path, games: int = 60) -> Path:
    (path / "test").mkdir(parents=True)
    arrays = played(games)
    np.savez(path / "test" / "games.npz", **arrays)
    metrics = {"caught": float(arrays["caught"].mean()), "games": games}
    metrics["baselines"] = {"random": {"caught": 0.08}}
    (path / "test" / "metrics.json").write_text(json.dumps(metrics))
    (path / "config.json").write_text(json.dumps({"task": "catch", "model": "catch", "seed": 0}))
    (path / "history.csv").write_text("epoch,loss,caught,val_caught\n0,2.5,0.1,0.2\n1,2,0.5,0.7\n")
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    return write_report(write_catch_run(tmp_path_factory.mktemp("run") / "catch"), "test")


def test_report_holds_every_figure_inline(report):
    outline = Outline(report.read_text())
    files = {path.name for path in (report.parent / "figures").iterdir()}
    assert files == {"games.gif", "offsets.png", "training.png"}
    assert len(outline.addresses) == 3
    assert all(INLINE.match(address) for address in outline.addresses)


def test_training_curves_have_the_share_caught(tmp_path):
    history = read_history(write_catch_run(tmp_path / "run", games=1) / "history.csv")
    axes = training_figure(history).axes
    assert [panel.get_title(loc="left") for panel in axes] == ["Loss", "Games caught"]
    assert [line.get_ydata().tolist() for line in axes[1].lines] == [[0.1, 0.5], [0.2, 0.7]]


def test_report_leads_with_the_share_caught(report):
    text, arrays = report.read_text(), played(60)
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text))
    assert facts["games caught"] == f"{arrays['caught'].mean():.1%}"
    assert facts["games"] == "60"
    assert "<td>8.0%</td>" in text  # of the baseline


def test_the_moving_picture_shows_every_step_and_the_outcome(report):
    with Image.open(report.parent / "figures" / "games.gif") as gif:
        assert gif.n_frames == SIDE
        assert gif.info["loop"] == 0
        gif.seek(SIDE - 1)
        assert gif.info["duration"] == rollout_gif.REST


def test_a_second_report_is_the_same(report):
    before = report.read_bytes()
    assert write_report(report.parents[1], "test").read_bytes() == before


def test_screens_are_those_of_the_game():
    states = played(5)["states"].reshape(-1, 4)
    drawn = np.stack([rollout_gif.screen(state, SIDE) for state in states])
    np.testing.assert_array_equal(drawn / 255, np.asarray(CatchGame(SIDE).render(states))[..., 0])


def test_offsets_and_sight_by_hand():
    # A ball in column 10 (9.5, rounded up) of row 0, and glimpses in turn at the middle of its
    # pixel, and 2 pixels right of and 3.5 below it: the second starts at row 4 - 6 / 2 = 1.
    states = np.zeros((1, SIDE, 4))
    states[:, :, 0] = 9.5
    pixels = np.array([[[10.5, 0.5], [12.5, 4.0]][step % 2] for step in range(SIDE - 1)])
    games = Games(states, pixels[None] / 12 - 1, None, None, SIZE, SCALES)
    np.testing.assert_allclose(catch_report.offsets(games)[0, :2], [[0, 0], [2, 3.5]], atol=1e-9)
    assert catch_report.in_sight(games)[0, :3].tolist() == [True, False, True]


def test_a_player_that_looks_at_the_ball_fills_the_middle_cell():
    arrays = played(20)
    arrays["locations"] = (np.floor(arrays["states"][:, :-1, :2] + [0.5, 0]) + 0.5) / 12 - 1
    figure = catch_report.offset_figure(Games(**arrays))
    for axes in figure.axes[:3]:
        heat = axes.images[0].get_array()
        assert heat[SIDE, SIDE] == 1.0
        assert np.ma.count(heat) == 1


def test_one_miss_is_shown_if_there_is_any():
    assert catch_report.choose_games(np.ones(9)) == [0, 1, 2, 3]
    assert catch_report.choose_games(np.array([1, 1, 1, 1, 1, 0, 0])) == [0, 1, 2, 5]
    assert catch_report.choose_games(np.array([1, 0, 1, 1, 1, 0])) == [0, 1, 2, 3]
    assert catch_report.choose_games(np.array([0, 1])) == [0, 1]


def test_speeds_are_those_at_the_start_of_the_games():
    states = np.zeros((4, SIDE, 4))
    states[:, 0, 2] = [0.1, -0.2, -0.9, 1.0]
    games = Games(states, None, None, np.array([1.0, 0.0, 1.0, 1.0]), SIZE, SCALES)
    assert [row[1:] for row in catch_report.speed_rows(games)] == [
        ["50.0%", "2"], ["-", "0"], ["100.0%", "2"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (None, r"games\.npz is missing; run eval\.py"),
        ({"actions": None}, r"games\.npz lacks actions; run eval\.py"),
        ({"locations": np.zeros((60, 22, 2))}, r"games\.npz do not fit each other; run eval\.py"),
        ({"caught": np.zeros(59)}, r"games\.npz do not fit each other"),
    ],
)
def test_games_that_cannot_be_used_are_named(tmp_path, change, message):
    run = write_catch_run(tmp_path / "run")
    file = run / "test" / "games.npz"
    arrays = dict(np.load(file))
    file.unlink()
    if change is not None:
        arrays |= change
        np.savez(file, **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(UserError, match=message):
        write_report(run, "test")
