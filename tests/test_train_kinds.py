"""Training end to end: scenes, precisions, uncertainty, and the rendered room."""

import json
import sys

import numpy as np
import pytest

from tests.commands import SHALLOW, TINY, finished, history, run
from tests.data.writers import write_indoor_scenes


@pytest.mark.parametrize("model", ["joint_attention", "googlenet"])
def test_scenes_are_trained_and_evaluated(model, environment, tmp_path):
    write_indoor_scenes(tmp_path / "scenes15", train=4, test=2)
    run_dir = tmp_path / "run"
    words = [
        sys.executable, "train.py", "--dataset=scenes15", f"--data_dir={tmp_path}", *TINY,
        f"--model={model}", SHALLOW, "--epochs=1", "--validation_fraction=0.2",
        f"--run_dir={run_dir}",
    ]  # fmt: skip
    trained = finished(words, environment)
    assert trained.returncode == 0, trained.stderr
    assert {"val_cross_entropy", "accuracy"} <= history(run_dir)[0].keys()
    config = json.loads((run_dir / "config.json").read_text())
    assert config["mirror"]
    assert config["network"]["classes"] == len(config["class_names"]) > 1
    evaluated = run("eval.py", environment, None, run_dir)
    assert evaluated.returncode == 0, evaluated.stderr
    assert "majority_class" in evaluated.stdout
    metrics = json.loads((run_dir / "test/metrics.json").read_text())
    assert metrics.keys() >= {"accuracy", "mean_class_accuracy", "per_class", "images"}
    assert (run_dir / "test/report.html").stat().st_size > 0


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_trains(precision, data, environment, tmp_path):
    flags = (SHALLOW, f"--mixed_precision={precision}", "--epochs=1", "--pose_loss=learned")
    trained = run("train.py", environment, data, tmp_path / "run", *flags)
    assert trained.returncode == 0, trained.stderr
    assert np.isfinite(float(history(tmp_path / "run")[0]["loss"]))


def test_an_uncertainty_is_calibrated_on_held_out_sequences(data, environment, tmp_path):
    flags = ("--model=bayesian_posenet", "--epochs=1", "--validation_sequences=seq-01")
    trained = run("train.py", environment, data, tmp_path / "run", *flags)
    assert trained.returncode == 0, trained.stderr
    evaluated = run("eval.py", environment, None, tmp_path / "run", "--split=validation")
    assert evaluated.returncode == 0, evaluated.stderr
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["validation_sequences"] == ["seq-01"]  # by fraction it would be seq-03
    metrics = json.loads((tmp_path / "run/validation/metrics.json").read_text())
    for found in metrics["uncertainty"].values():
        assert found["error_per_spread"] == pytest.approx(1, rel=1e-3)


def test_the_default_command_needs_no_data(environment, tmp_path):
    """`python train.py` renders its room; a single small epoch of it."""
    flags = ["--epochs=1", "--batch_size=40", "--steps=1", SHALLOW, *TINY[:1], "--verbose=0"]
    words = [sys.executable, "train.py", f"--run_dir={tmp_path / 'run'}", *flags]
    trained = finished(words, environment)
    assert trained.returncode == 0, trained.stderr
    assert len(history(tmp_path / "run")) == 1
