"""Every table and figure started for a single step; the command killed, and misused."""

import csv
import dataclasses
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from errors import UserError
from evaluation.evaluate import evaluate
from experiments import FIGURES, PLACES, TABLES
from reproduction import pictures, svm
from reproduction.definitions import LAYERS, Column, Row
from reproduction.recipe import Recipe
from reproduction.request import Request
from reproduction.results import measured
from reproduction.runs import experiments_of, figure_experiments, make_run
from tests.data import writers
from tests.data.mnist_writers import write_keras_file
from tests.reproduction.runs import TINY, pretend
from tests.runs import weights_in
from training import train

ROOT = Path(__file__).parents[1]
# Layouts differ in training already, and models of a kind are evaluated alike. Joint attention on
# 7-Scenes is evaluated for a figure.
EVALUATED = {
    ("layer_attention", "7scenes"), ("bayesian_posenet", "7scenes"),
    ("joint_attention", "mit67"), ("googlenet", "mit67"), ("convolutional", "mnist"),
}  # fmt: skip


# Data sets that are laid out alike and differ in size alone.
LIKE = {"scenes15": "mit67", "mnist_translated_100": "mnist_translated_60",
        "mnist_cluttered_100": "mnist_cluttered_60"}  # fmt: skip
TINY_DIGITS = ("--batch_size=50", "--verbose=0", "--validation_fraction=0")
SIZES = ("steps", "glimpses")
EPOCHS = 40  # of the command that is killed, after two of them


def size_of(experiment):
    """Its number of steps or glimpses."""
    return max((int(value) for name, value in experiment.flags if name in SIZES), default=0)


def kinds_of(experiments):
    """One experiment for each model, form and layout, on the place that `every_layout` writes.

    On one layout a model has the most steps or glimpses that it has anywhere. Of joint attention on
    other layers than those of the tables there is one for all layouts.
    """
    places = {place.dataset: place for place in (PLACES["Old Hospital"], PLACES["Office"])}
    largest, found = {}, {}
    for experiment in sorted(experiments, key=size_of, reverse=True):
        largest.setdefault(experiment.model, experiment)
    for experiment in [*largest.values(), *experiments]:
        flags = dict(experiment.flags)
        if "compute_penalty" in flags:  # one that is penalized stands for all
            flags["compute_penalty"] = flags["compute_penalty"] != "0"
        form = [pair for pair in flags.items() if pair[0] not in (*SIZES, "layers")]
        key = (
            experiment.model,
            LIKE.get(experiment.place.dataset, experiment.place.dataset),
            *form,
        )
        if experiment.model == "joint_attention" and flags["layers"] != LAYERS:
            key = (experiment.model, flags["layers"], *form)
        place = places.get(experiment.place.dataset, experiment.place)
        found.setdefault(key, dataclasses.replace(experiment, place=place))
    return found


def everything():
    """The experiments of a kind, and whether they are evaluated too: the first of their model."""
    found = []
    for table in TABLES.values():
        found += experiments_of(table, table.rows)
    for figure in FIGURES.values():
        found += figure_experiments(figure, figure.places)
    left = set(EVALUATED)
    for experiment in kinds_of(found).values():
        pair = (experiment.model, experiment.place.dataset)
        yield pytest.param(experiment, pair in left, id=experiment.name)
        left.discard(pair)
    assert not left


@pytest.fixture(scope="module")
def every_layout(tmp_path_factory):
    root = tmp_path_factory.mktemp("every_layout")
    writers.write_cambridge(root / "cambridge", "OldHospital", size=(48, 36))
    writers.write_seven_scenes(root / "7scenes", "office", size=(48, 36))
    writers.write_tum_lsi(root / "tum_lsi", size=(36, 48))
    writers.write_indoor_scenes(root / "mit67", size=(48, 36))
    write_keras_file(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(root / "tfds"))
        yield root


@pytest.mark.parametrize(("experiment", "evaluated"), everything())
def test_every_table_and_figure_starts(experiment, evaluated, every_layout, eagerly):
    """A single step of each model of any of them, on each layout that it is trained on."""
    flags = TINY_DIGITS if experiment.place.task == "digit" else (*TINY, "--validation_fraction=0")
    recipe = Recipe(flags, 1, str(every_layout), str(every_layout / "runs"))
    run = make_run(experiment, 0, recipe, svm=experiment.model == "googlenet")
    trained = train(run.config)
    assert run.trained
    assert np.isfinite(float(next(csv.DictReader(run.folder.history.open()))["loss"]))
    if evaluated:
        evaluate(trained, "test")
        if run.svm:
            assert 0 <= svm.evaluate_svm(trained)["accuracy"] <= 1
            fewer = writers.write_indoor_scenes(run.path / "fewer/mit67", train=2, size=(48, 36))
            with pytest.raises(UserError, match="6 training images, not 9"):
                svm.evaluate_svm(trained, str(fewer.parent))
        assert run.state == "done"
        place = experiment.place
        value, _ = measured(run, Row(place.title, place), Column("", experiment.model))
        assert np.isfinite(value).all()
        for kind in ("frequencies", "attention"):
            problem = pictures.picture(kind, run, run.path / f"{kind}.png")
            assert (problem is None) == (experiment.model == "joint_attention")


def test_a_figure_is_made_by_its_command(every_layout, eagerly, tmp_path):
    """Its run is trained and evaluated in this process."""
    train_flags = (*TINY, "--validation_fraction=0")
    recipe = Recipe(train_flags, 1, str(every_layout), str(tmp_path / "runs"))
    (run,) = Request.make([], ["5.3"], ["office"], 1, recipe).runnable
    evaluate(train(run.config), "test")
    made = subprocess.run(
        [
            sys.executable, "reproduce.py", "--figure=5.3", "--scenes=office", "--epochs=1",
            f"--data_dir={every_layout}", f"--train_flags={shlex.join(train_flags)}",
            f"--runs_dir={tmp_path / 'runs'}", f"--output={tmp_path}",
        ],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    text = (tmp_path / "figure-5.3-office.md").read_text()
    assert "![Office, seed 0](figure-5.3-office-office.png)" in text
    assert f"Seed 0, run {run.path.name}." in text
    with Image.open(tmp_path / "figure-5.3-office-office.png") as image:
        assert min(image.size) > 100
    assert pictures.picture("attention", run, tmp_path / "attention.png") is None


def epochs_of(run_dir):
    path = run_dir / "history.csv"
    return path.read_text().count("\n") - 1 if path.exists() else 0


def numbers(output):
    """The CSV without the time that it took."""
    lines = (output / "table-ram-28.csv").read_text().splitlines()
    return [line for line in lines if "training_minutes" not in line]


def test_a_killed_command_goes_on_and_makes_the_same_table(tmp_path):
    """All runs of the table but one, of the smallest network, are there already.

    The unbroken run is made in this process, and its table of what is done.
    """
    write_keras_file(tmp_path)
    words = [
        sys.executable, "reproduce.py", "--table=ram-28", f"--epochs={EPOCHS}",
        f"--data_dir={tmp_path}", f"--train_flags={shlex.join(TINY_DIGITS)}",
        f"--runs_dir={tmp_path / 'broken'}", f"--output={tmp_path / 'broken-results'}",
    ]  # fmt: skip
    trained = {}
    for name in ("broken", "unbroken"):
        recipe = Recipe(TINY_DIGITS, EPOCHS, str(tmp_path), str(tmp_path / name))
        request = Request.make(["ram-28"], [], [], 1, recipe)
        for run in request.plan.values():
            if run.experiment.model == "convolutional":
                trained[name] = run
            else:
                pretend(run, {"error_percent": 1.5, "accuracy": 0.985})

    evaluate(train(trained["unbroken"].config), "test")
    assert trained["unbroken"].state == "done"
    request.write("", tmp_path / "unbroken-results")

    killed = subprocess.Popen(
        words, cwd=ROOT, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while epochs_of(trained["broken"].path) < 2:  # the backup of the first is whole then
        assert killed.poll() is None, "the command ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert trained["broken"].state == "broken off"

    resumed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr
    assert "run 1 of 1" in resumed.stdout
    assert "goes on after epoch" in resumed.stdout
    assert numbers(tmp_path / "broken-results") == numbers(tmp_path / "unbroken-results")
    # So few digits could be told alike by other weights.
    first, second = (weights_in(run.folder.weights("last")) for run in trained.values())
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(second[name], value, err_msg=name)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--table=5.1", "--seeds=0"], "--seeds=0"),
        (["--table=5.1", "--image_size=96"], "--train_flags"),
        (["--list", "--scenes=chess"], "--list takes no notice of --scenes"),
        (["--table=5.1", "--data_dir=/nowhere"], "nothing can be run: /nowhere/cambridge/"),
    ],
)
def test_a_wrong_command_ends_in_one_sentence(arguments, told):
    ended = subprocess.run(
        [sys.executable, "reproduce.py", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert told in ended.stderr
    assert ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1
