"""Training end to end, from the command line's own entry: what it leaves, and after a kill."""

import json
import signal
import subprocess
import time

import numpy as np

from evaluation.evaluate import evaluate
from tests.commands import ROOT, SHALLOW, command, history, run
from tests.runs import resolved, weights_in
from training import train

RESULTS = ("metrics.json", "predictions.csv", "report.html", "figures/trajectory.png")


def test_a_network_without_attention_leaves_no_maps(
    data, environment, tmp_path, monkeypatch, eagerly
):
    monkeypatch.setenv("TFDS_DATA_DIR", environment["TFDS_DATA_DIR"])
    words = command("train.py", data, tmp_path / "posenet", "--model=posenet", "--epochs=1")
    evaluate(train(resolved(*words[2:])), "test")
    assert all((tmp_path / "posenet/test" / name).stat().st_size > 0 for name in RESULTS)
    assert not (tmp_path / "posenet/test/attention.npz").exists()


def test_training_then_evaluation_leave_the_promised_files(
    data, environment, tmp_path, monkeypatch, capsys
):
    run_dir = tmp_path / "joint_attention"
    flags = ["--model=joint_attention", "--epochs=2"]
    trained = run("train.py", environment, data, run_dir, *flags)
    assert trained.returncode == 0, trained.stderr
    evaluated = run("eval.py", environment, data, run_dir)
    assert evaluated.returncode == 0, evaluated.stderr
    assert "mean_pose" in evaluated.stdout
    assert "retrieval" in evaluated.stdout
    for name in (*RESULTS, "attention.npz"):
        assert (run_dir / "test" / name).stat().st_size > 0
    assert list((run_dir / "tensorboard").rglob("events*"))
    config = json.loads((run_dir / "config.json").read_text())
    assert config["validation_sequences"] == ["seq-03"]
    assert config["train_images"] == 8
    metrics = json.loads((run_dir / "test/metrics.json").read_text())
    assert metrics["images"] == 4
    assert 0 < metrics["gflop_per_image"] <= metrics["gflop_per_image_full"]
    rows = history(run_dir)
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert {"val_pose_loss", "val_median_position_m"} <= rows[0].keys()
    finished = json.loads((run_dir / "finished.json").read_text())
    assert finished["epochs"] == 2
    assert 0.2 < finished["peak_memory_gib"] < 16
    # A run that is finished stays as it is.
    before = (run_dir / "history.csv").read_bytes()
    monkeypatch.setenv("TFDS_DATA_DIR", environment["TFDS_DATA_DIR"])
    train(resolved(*command("train.py", data, run_dir, *flags)[2:]))
    assert "finished" in capsys.readouterr().out
    assert (run_dir / "history.csv").read_bytes() == before


def test_a_run_killed_in_mid_epoch_ends_as_the_unbroken_run(
    data, environment, tmp_path, monkeypatch
):
    """The unbroken run is trained in this process: how it is started makes no difference."""
    flags = ["--steps=2", SHALLOW, "--epochs=4", "--early_stopping=4", "--settle_fraction=0.25"]
    monkeypatch.setenv("TFDS_DATA_DIR", environment["TFDS_DATA_DIR"])
    train(resolved(*command("train.py", data, tmp_path / "unbroken", *flags)[2:]))

    # Its steps have settled on a layer after the first epoch; the backup must know which.
    first, *others = (
        {row[name] for name in row if name.startswith("gate_step")}
        for row in history(tmp_path / "unbroken")
    )
    assert not first <= {"0.0", "1.0"}
    assert all(shares == {"0.0", "1.0"} for shares in others)

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
