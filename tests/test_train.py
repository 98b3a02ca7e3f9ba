"""Training end to end, from the command line's own entry, on tiny data and on the rendered room."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.data.writers import write_indoor_scenes, write_seven_scenes
from tests.runs import weights_in

ROOT = Path(__file__).parents[1]
TINY = [
    "--image_size=64", "--grid=2", "--depth=8", "--hidden=8", "--gate_embedding=4",
    "--batch_size=4", "--verbose=0",
]  # fmt: skip
# The trunk goes no deeper than the deepest layer: what does not depend on it is tried without.
SHALLOW = "--layers=3a,3b"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_seven_scenes(root / "7scenes", train=(1, 3, 4), test=(2,), frames=4)
    return root


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return os.environ | {"TFDS_DATA_DIR": str(tmp_path_factory.mktemp("tfds"))}


def command(script, data, run_dir, *flags):
    base = [sys.executable, script, f"--run_dir={run_dir}"]
    if script == "train.py":
        base += ["--dataset=7scenes", "--scene=chess", f"--data_dir={data}", *TINY]
    return [*base, *flags]


def run(script, environment, data, run_dir, *flags):
    return subprocess.run(
        command(script, data, run_dir, *flags), cwd=ROOT, env=environment,
        capture_output=True, text=True,
    )  # fmt: skip


def history(run_dir):
    """Rows of the history without the wall time."""
    with (run_dir / "history.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.parametrize("model", ["joint_attention", "posenet"])
def test_training_then_evaluation_leave_the_promised_files(
    model, data, environment, tmp_path_factory
):
    run_dir = tmp_path_factory.mktemp("runs") / model
    trained = run("train.py", environment, data, run_dir, f"--model={model}", "--epochs=2")
    assert trained.returncode == 0, trained.stderr
    evaluated = run("eval.py", environment, data, run_dir)
    assert evaluated.returncode == 0, evaluated.stderr
    assert "mean_pose" in evaluated.stdout
    assert "retrieval" in evaluated.stdout
    for name in ("metrics.json", "predictions.csv", "report.html", "figures/trajectory.png"):
        assert (run_dir / "test" / name).stat().st_size > 0
    assert (run_dir / "test/attention.npz").exists() == (model == "joint_attention")
    assert list((run_dir / "tensorboard").rglob("events*"))
    config = json.loads((run_dir / "config.json").read_text())
    assert config["validation_sequences"] == ["seq-03"]
    assert config["train_images"] == 8
    metrics = json.loads((run_dir / "test/metrics.json").read_text())
    assert metrics["images"] == 4
    if model == "joint_attention":
        assert 0 < metrics["gflop_per_image"] <= metrics["gflop_per_image_full"]
    rows = history(run_dir)
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert {"val_pose_loss", "val_median_position_m"} <= rows[0].keys()
    # A run that is finished stays as it is.
    before = (run_dir / "history.csv").read_bytes()
    again = run("train.py", environment, data, run_dir, f"--model={model}", "--epochs=2")
    assert again.returncode == 0
    assert "finished" in again.stdout
    assert (run_dir / "history.csv").read_bytes() == before


def test_a_run_killed_in_mid_epoch_ends_as_the_unbroken_run(data, environment, tmp_path):
    flags = ["--steps=2", SHALLOW, "--epochs=4", "--early_stopping=4"]
    unbroken = run("train.py", environment, data, tmp_path / "unbroken", *flags)
    assert unbroken.returncode == 0, unbroken.stderr

    broken = tmp_path / "broken"
    process = subprocess.Popen(
        command("train.py", data, broken, *flags), cwd=ROOT, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while not ((broken / "history.csv").exists() and len(history(broken)) >= 2):
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (broken / "finished.json").exists()

    resumed = run("train.py", environment, data, broken, *flags)
    assert resumed.returncode == 0, resumed.stderr
    assert "goes on after epoch" in resumed.stdout
    assert history(broken) == history(tmp_path / "unbroken")
    for name in ("last", "best"):
        expected = weights_in(tmp_path / f"unbroken/checkpoints/{name}.weights.h5")
        actual = weights_in(broken / f"checkpoints/{name}.weights.h5")
        assert expected.keys() == actual.keys()
        for path, value in expected.items():
            np.testing.assert_array_equal(actual[path], value, err_msg=path)


@pytest.mark.parametrize("model", ["joint_attention", "googlenet"])
def test_scenes_are_trained_and_evaluated(model, environment, tmp_path):
    write_indoor_scenes(tmp_path / "scenes15", train=4, test=2)
    run_dir = tmp_path / "run"
    command = [
        sys.executable, "train.py", "--dataset=scenes15", f"--data_dir={tmp_path}", *TINY,
        f"--model={model}", SHALLOW, "--epochs=1", "--validation_fraction=0.2",
        f"--run_dir={run_dir}",
    ]  # fmt: skip
    trained = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
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
    flags = ("--model=bayesian_posenet", "--epochs=1", "--validation_fraction=0.3")
    trained = run("train.py", environment, data, tmp_path / "run", *flags)
    assert trained.returncode == 0, trained.stderr
    evaluated = run("eval.py", environment, None, tmp_path / "run", "--split=validation")
    assert evaluated.returncode == 0, evaluated.stderr
    metrics = json.loads((tmp_path / "run/validation/metrics.json").read_text())
    for found in metrics["uncertainty"].values():
        assert found["error_per_spread"] == pytest.approx(1, rel=1e-3)


def test_the_default_command_needs_no_data(environment, tmp_path):
    """`python train.py` renders its room; a single small epoch of it."""
    flags = ["--epochs=1", "--batch_size=40", "--steps=1", SHALLOW, *TINY[:1], "--verbose=0"]
    trained = subprocess.run(
        [sys.executable, "train.py", f"--run_dir={tmp_path / 'run'}", *flags],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    assert len(history(tmp_path / "run")) == 1
