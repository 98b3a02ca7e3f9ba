"""What is run, in which order, and what is told of what fails; the linear SVM."""

import json
import shutil
import subprocess
import time

import numpy as np
import pytest

from errors import UserError
from reproduction import listing, svm, work
from reproduction.request import Request
from reproduction.results import training_seconds
from tests.reproduction.runs import plan_of, pose_metrics, pretend, scene_metrics, write_results


def test_a_failed_run_is_told_in_its_cell_and_the_others_go_on(recipe, monkeypatch, tmp_path):
    request = Request.make(["5.6"], [], ["stairs"], 1, recipe)
    tried = []

    def execute(words, lock):
        run = next(r for r in request.plan.values() if f"--run_dir={r.path}" in words)
        tried.append((run.experiment.model, words[0]))
        if run.experiment.model == "posenet":
            pretend(run)
            (run.path / "finished.json").unlink()
            return "the loss is no longer a number | lower --learning_rate"
        if words[0] == "train.py":
            pretend(run)
        else:
            write_results(run, pose_metrics(0.1, 4.0))
        return None

    monkeypatch.setattr(work, "execute", execute)
    assert list(request.run().values()) == [
        "the loss is no longer a number | lower --learning_rate"
    ]
    assert tried == [
        ("posenet", "train.py"), ("lstm_posenet", "train.py"), ("lstm_posenet", "eval.py"),
        ("spatial_attention", "train.py"), ("spatial_attention", "eval.py"),
    ]  # fmt: skip
    text = request.write("command", tmp_path / "results")
    assert "the loss is no longer a number \\| lower --learning_rate" in text
    assert "| LSTM PoseNet | 0.40 m, 13.7° | 0.100 m, 4.00° |" in text


def test_a_scene_whose_data_cannot_be_prepared_is_tried_once(recipe, monkeypatch):
    request = Request.make(["5.6"], [], ["stairs"], 2, recipe)
    tried = []
    monkeypatch.setattr(work, "execute", lambda words, lock: tried.append(words) or "no network")
    assert list(request.run().values()) == ["no network", *5 * ["not tried: no network"]]
    assert len(tried) == 1
    assert len(request.problems) == 6


def test_a_run_that_ends_before_its_configuration_is_written_spares_the_others(recipe, monkeypatch):
    request = Request.make(["5.6"], [], ["stairs"], 1, recipe)
    runs = list(request.plan.values())
    pretend(runs[0], pose_metrics(0.1, 4.0))  # so its data could be prepared
    tried = []
    monkeypatch.setattr(work, "execute", lambda words, lock: tried.append(words) or "no space")
    assert list(request.run()) == runs[1:]
    assert len(tried) == 2


def test_bayesian_posenet_takes_the_weights_of_posenet(recipe, monkeypatch):
    """Even if it comes before it; it has no chance if that one fails."""
    request = Request.make(["5.1"], [], ["stairs"], 1, recipe)
    runs = {run.experiment.model: run for run in request.plan.values()}
    pair = [runs["bayesian_posenet"], runs["posenet"]]
    assert "\n".join(listing.dry_run(request)).count("--posenet_run=") == 1
    tried = []

    def execute(words, lock):
        run = next(run for run in pair if f"--run_dir={run.path}" in words)
        tried.append((run.experiment.model, *words))
        if words[0] == "train.py":
            pretend(run)
        else:
            write_results(run, pose_metrics(0.1, 4.0))

    monkeypatch.setattr(work, "execute", execute)
    assert work.work(pair) == {}
    assert [(model, script) for model, script, *_ in tried] == [
        (model, script)
        for model in ("posenet", "bayesian_posenet")
        for script in ("train.py", "eval.py")
    ]
    told = f"--posenet_run={runs['posenet'].path}"
    assert [told in words for words in tried] == [False, False, True, False]
    assert training_seconds(runs["posenet"]) == training_seconds(runs["bayesian_posenet"]) == 120
    config = runs["bayesian_posenet"].path / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"posenet_run": told}))
    assert training_seconds(runs["bayesian_posenet"]) == 0
    # It has begun to learn by itself.
    runs["bayesian_posenet"].folder.weights("last").touch()
    assert told not in pair[0].commands()["train"]
    runs["bayesian_posenet"].folder.weights("last").unlink()
    # Of a mere record there are no weights to take.
    runs["posenet"].folder.weights("best").unlink()
    assert told not in pair[0].commands()["train"]
    for run in pair:
        shutil.rmtree(run.path)
    tried.clear()
    monkeypatch.setattr(work, "execute", lambda words, lock: tried.append(words) or "no number")
    pretend(runs["lstm_posenet"])  # so that the scene's data could be prepared
    found = work.work([*pair, runs["lstm_posenet"]])
    assert found[pair[0]] == "not tried: PoseNet failed: no number"
    assert len(tried) == 2


def test_tables_are_made_of_what_is_there_without_training(recipe, monkeypatch, tmp_path):
    request = Request.make(["5.6"], [], ["stairs"], 1, recipe)
    monkeypatch.setattr(work, "execute", None)
    for run in request.plan.values():
        if run.experiment.model == "posenet":
            pretend(run, pose_metrics(0.1, 4.0))
    text = request.write("command", tmp_path / "results")
    assert "| PoseNet | 0.48 m, 13.1° | 0.100 m, 4.00° |" in text
    assert "| LSTM PoseNet | 0.40 m, 13.7° | not run |" in text


def test_tables_of_what_is_there_need_no_data(recipe, tmp_path):
    """They are the same as where the data are."""
    texts = []
    for _ in range(2):
        request = Request.make(["5.6"], [], ["stairs"], 1, recipe, train=False)
        texts.append(request.write("command", tmp_path / "results"))
        shutil.rmtree(tmp_path / "7scenes", ignore_errors=True)
    assert texts[0] == texts[1]
    assert "not run" in texts[0]


def test_tables_grow_with_each_run(recipe, monkeypatch, tmp_path):
    request = Request.make(["5.6"], [], ["stairs"], 1, recipe)
    runs = iter(request.plan.values())

    def execute(words, lock):
        if words[0] == "train.py":
            pretend(next(runs), pose_metrics(0.1, 4.0))

    monkeypatch.setattr(work, "execute", execute)
    seen = []
    request.run(lambda: seen.append(request.write("command", tmp_path).count("0.100 m, 4.00°")))
    assert seen == [1, 2, 3]


def test_a_failed_svm_leaves_the_network_its_numbers(recipe, monkeypatch, tmp_path):
    request = Request.make(["scenes15"], [], [], 1, recipe)
    for run in request.plan.values():
        pretend(run, scene_metrics(0.5))
    monkeypatch.setattr(work, "execute", lambda words, lock: "too few images")
    (failed,) = request.run()
    assert failed.svm
    text = request.write("command", tmp_path)
    assert "| GoogLeNet | 50.0 % |" in text
    assert "| CNN features + SVM | too few images |" in text


@pytest.mark.parametrize(
    ("problem", "cell"),
    [
        ("no network", "0.100 m, 4.00°"),
        ("runs/x holds a run on other images: give another --run_dir", "runs/x holds a run on"),
    ],
)
def test_a_run_keeps_its_numbers_unless_its_images_are_others(
    recipe, monkeypatch, tmp_path, problem, cell
):
    """Of a run that was trained with another --data_dir, train.py compares the images."""
    for run in Request.make(["5.6"], [], ["stairs"], 1, recipe).plan.values():
        pretend(run, pose_metrics(0.1, 4.0))
        config = json.loads((run.path / "config.json").read_text()) | {"data_dir": "/elsewhere"}
        (run.path / "config.json").write_text(json.dumps(config))
    request = Request.make(["5.6"], [], ["stairs"], 1, recipe)
    monkeypatch.setattr(work, "execute", lambda words, lock: problem)
    assert len(request.run()) == 3
    text = request.write("command", tmp_path)
    assert f"| LSTM PoseNet | 0.40 m, 13.7° | {cell}" in text


def test_execute_returns_the_sentence_of_a_script_that_ends_badly(capfd, tmp_path):
    assert work.execute(["train.py", "--steps=0"]).startswith("--steps=0 is too small")
    assert "--steps=0" in capfd.readouterr().err
    assert work.execute(["-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]) == (
        "killed by signal 9"
    )
    assert work.execute(["-c", "pass"]) is None


def test_a_run_that_another_process_holds_is_waited_for(recipe, capsys):
    _, plan = plan_of("5.6", recipe, scenes={"stairs"})
    run = next(iter(plan.values()))
    with work.locked(run) as lock:
        holder = subprocess.Popen(["sleep", "0.5"], pass_fds=(lock.fileno(),))
    start = time.monotonic()  # as after a kill: the process that it had started lives on
    with work.locked(run):
        assert time.monotonic() - start > 0.2
    assert holder.wait() == 0
    assert "another process is at work" in capsys.readouterr().out


def test_runs_that_another_process_is_at_are_left_to_it(recipe, monkeypatch, capsys):
    """The first is held when it is its turn: it comes last, and is done by then."""
    _, plan = plan_of("5.6", recipe, scenes={"stairs"})
    runs = list(plan.values())
    tried = []

    def execute(words, lock):
        run = next(run for run in runs if f"--run_dir={run.path}" in words)
        if words[0] != "train.py":
            return
        tried.append(run)
        pretend(run, pose_metrics(0.1, 4.0))
        if run is runs[2]:  # the other process has come to its end by now
            pretend(runs[0], pose_metrics(0.1, 4.0))
            others.__exit__(None, None, None)

    monkeypatch.setattr(work, "execute", execute)
    others = work.locked(runs[0])
    others.__enter__()
    assert work.work(runs) == {}
    assert tried == runs[1:]
    told = capsys.readouterr().out
    assert [line for line in told.splitlines() if line.startswith("run ")] == [
        f"run {number} of 3: {run.path.name}"
        for number, run in enumerate([runs[1], runs[2], runs[0]], start=1)
    ]
    assert "1 more run, about 0 min" in told


def test_the_svm_tells_separable_classes_apart_and_needs_two_images_of_each():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 8)
    centres = 3.0 * rng.normal(size=(3, 5))
    features = centres[labels] + 0.1 * rng.normal(size=(24, 5))
    predicted, strength = svm.classify(features, labels, centres)
    assert predicted.tolist() == [0, 1, 2]
    assert strength in svm.STRENGTHS
    with pytest.raises(UserError, match="two training images"):
        svm.classify(features[7:], labels[7:], centres)
