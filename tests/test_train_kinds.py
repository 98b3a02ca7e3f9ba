"""Training and evaluation in this process: scenes, precisions, uncertainty, the rendered room."""

import numpy as np
import pytest

from evaluation.evaluate import comparison, evaluate
from tests.commands import SHALLOW, TINY, history
from tests.data.writers import write_indoor_scenes
from tests.runs import resolved, weights_in
from training import train


@pytest.fixture
def trained(data, tmp_path, prepared_copies):
    """Trains for an epoch, on 7-Scenes unless flags say otherwise."""
    flags = ["--dataset=7scenes", "--scene=chess", f"--data_dir={data}", *TINY, "--epochs=1"]
    return lambda *others: train(resolved(*flags, f"--run_dir={tmp_path / 'run'}", *others))


@pytest.mark.parametrize("model", ["joint_attention", "googlenet"])
def test_scenes_are_trained_and_evaluated(model, trained, tmp_path, request):
    if model == "googlenet":
        # The graph of so deep a trunk is PoseNet's, which a command trains.
        request.getfixturevalue("eagerly")
    write_indoor_scenes(tmp_path / "scenes15", train=4, test=2)
    run = trained(
        "--dataset=scenes15", "--scene=scenes15", f"--data_dir={tmp_path}", f"--model={model}",
        SHALLOW, "--validation_fraction=0.2",
    )  # fmt: skip
    assert {"val_cross_entropy", "accuracy"} <= history(run.path)[0].keys()
    assert run.config["mirror"]
    assert run.config["network"]["classes"] == len(run.config["class_names"]) > 1
    metrics = evaluate(run, "test")
    assert "majority_class" in "\n".join(comparison(run.config, metrics))
    assert metrics.keys() >= {"accuracy", "mean_class_accuracy", "per_class", "images"}
    assert (run.path / "test/report.html").stat().st_size > 0


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_trains(precision, trained, monkeypatch):
    monkeypatch.setattr("training.emulates", lambda precision: False)  # XLA takes its time
    run = trained(SHALLOW, "--steps=2", f"--mixed_precision={precision}", "--pose_loss=learned")
    assert np.isfinite(float(history(run.path)[0]["loss"]))


@pytest.mark.parametrize("precision", ["none", "bfloat16"])
def test_an_uncertainty_is_calibrated_on_held_out_sequences(precision, trained, eagerly):
    """For the precision that it answers in, whatever it was trained in."""
    flags = (
        "--model=bayesian_posenet", "--validation_sequences=seq-01",
        f"--mixed_precision={precision}",
    )  # fmt: skip
    run = trained(*flags)
    assert run.config["validation_sequences"] == ["seq-01"]  # by fraction it would be seq-03
    for found in evaluate(run, "validation")["uncertainty"].values():
        assert found["error_per_spread"] == pytest.approx(1, rel=1e-3)
    before = weights_in(run.weights("best"))
    (run.path / "finished.json").unlink()  # as a kill just before it leaves the run
    trained(*flags)
    after = weights_in(run.weights("best"))
    assert before.keys() == after.keys()
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values, err_msg=name)


def test_a_run_that_early_stopping_has_ended_stays_as_it_is(trained, eagerly):
    """With nothing learned the second epoch is no better than the first."""
    flags = ("--model=posenet", "--early_stopping=1", "--epochs=9", "--learning_rate=1e-30")
    run = trained(*flags, "--validation_sequences=seq-01")
    rows = history(run.path)
    assert len(rows) == 2
    (run.path / "finished.json").unlink()
    trained(*flags, "--validation_sequences=seq-01")
    assert history(run.path) == rows


def test_the_default_command_needs_no_data(small_room, eagerly, tmp_path):
    """`python train.py` renders its room; a single small epoch of it."""
    flags = ["--epochs=1", "--batch_size=40", "--steps=1", SHALLOW, *TINY[:1], "--verbose=0"]
    run = train(resolved(f"--run_dir={tmp_path / 'run'}", *flags))
    assert len(history(run.path)) == 1
