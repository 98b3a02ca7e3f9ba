"""The trained weights that come with the project give the numbers recorded beside them."""

import json
import os
from pathlib import Path

import pytest

from data.sources import open_source
from evaluation.evaluate import TASKS
from run_folder import RunFolder, load_network

RUNS = Path(__file__).parents[1] / "results" / "runs"
SHIPPED = sorted(path.parents[1] for path in RUNS.glob("*/checkpoints/best.weights.h5"))
DATA = Path(os.environ.get("WHATWHERE_DATA", "/nonexistent"))
SCORES = {"digit": "error_percent", "game": "caught"}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_weights_score_what_is_recorded(path):
    run = RunFolder.open(path)
    task = run.config["task"]
    if task == "digit" and not (DATA / "mnist").is_dir():
        pytest.skip("WHATWHERE_DATA does not name a folder with mnist/")
    tested = open_source(run.config, str(DATA)).load("test")
    outputs = load_network(run).predict(tested.test_batches(TASKS[task].BATCH), verbose=0)
    recorded = json.loads((path / "test" / "metrics.json").read_text())
    score = SCORES[task]
    # Another processor rounds differently: a few examples of the thousands may change sides.
    tolerance = 0.05 if task == "digit" else 0.01
    found = TASKS[task].metrics(run.config, tested, outputs)[score]
    assert found == pytest.approx(recorded[score], abs=tolerance)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_what_is_recorded_is_of_the_shipped_weights(path):
    recorded = json.loads((path / "test" / "metrics.json").read_text())
    assert recorded["weights_sha256"] == RunFolder.open(path).digest()
