"""Run folders, the recipe they share, and the commands that make them."""

import os
import re
import shlex
import time

import pytest

import flags
from errors import UserError
from experiments import FIGURES, TABLES
from reproduction import listing
from reproduction.recipe import Recipe, differences, resolve
from reproduction.request import Request
from reproduction.runs import experiments_of, figure_experiments, make_run
from tests.reproduction.runs import TINY, plan_of, pretend, scene_metrics, write_results


def test_run_folders_differ_wherever_the_configuration_does():
    experiments = {e for table in TABLES.values() for e in experiments_of(table, table.rows)}
    for figure in FIGURES.values():
        experiments |= set(figure_experiments(figure, figure.places))
    paths = [
        make_run(experiment, seed, Recipe(epochs=2)).path
        for experiment in experiments
        for seed in (0, 1)
    ]
    assert len(set(paths)) == len(paths) == 2 * len(experiments)


def test_a_run_folder_depends_on_values_not_on_how_they_are_written():
    experiment = next(iter(experiments_of(TABLES["redkitchen"], TABLES["redkitchen"].rows)))

    def folder(*train_flags, data_dir=None):
        return make_run(experiment, 0, Recipe(train_flags, 3, data_dir)).path

    assert folder("--learning_rate=2e-4") == folder("--learning_rate=0.0002", data_dir="/data")
    assert folder("--learning_rate=2e-4") != folder()
    name = folder().name
    assert re.fullmatch(r"7scenes-redkitchen-joint_attention-convolutional-T1-s0-[0-9a-f]{8}", name)


def test_dry_run_prints_commands_that_train_understands(recipe):
    request = Request.make(["5.6", "5.7"], ["5.3"], ["stairs", "office"], 2, recipe)
    lines = listing.dry_run(list(request.plan.values()), request.missing)
    commands = [line for line in lines if line.startswith("python train.py")]
    assert len(commands) == 2 * 4  # PoseNet, LSTM, spatial attention, figure 5.3; office is missing
    for line in commands:
        config = resolve(shlex.split(line)[2:])
        assert config["scene"] == "stairs"
        assert config["image_size"] == 32
        assert config["epochs"] == 1
    assert sum("office is missing" in line for line in lines) == 1


def test_resolving_leaves_the_flags_as_they_were():
    before = {name: flags.FLAGS[name].value for name in flags.FLAGS}
    assert resolve(["--dataset=scenes15", "--steps=4"])["steps"] == 4
    assert {name: flags.FLAGS[name].value for name in before} == before


@pytest.mark.parametrize(
    ("train_flags", "told"),
    [
        ("--steps=2", "which the table sets"),
        ("--epochs=2", "which --epochs sets"),
        ("--image_sise=96", "image_sise"),
        ("--image_size=big", "image_size"),
        ("image_size=96", "is no flag"),
        ('"--beta=1', "cannot be read"),
    ],
)
def test_train_flags_that_cannot_be_used(train_flags, told):
    with pytest.raises(UserError, match=told):
        Recipe.parse(train_flags, None, None, "runs")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((["5.9"], [], []), "choose .*5.1, 5.2"),
        (([], ["5.1"], []), "choose 5.3, 5.4"),
        (([], [], []), "--list"),
        ((["5.6"], [], ["chess"]), "choose KingsCollege, OldHospital"),
    ],
)
def test_names_that_do_not_exist(arguments, told):
    with pytest.raises(UserError, match=told):
        Request.make(*arguments, 1, Recipe())


def test_what_differs_from_the_thesis_is_told():
    config = resolve(["--dataset=7scenes", "--scene=stairs", "--image_size=96", "--beta=10"])
    found = differences([config])
    assert "image_size 96 (224)" in found
    assert "beta on 7scenes 10 (120 to 750)" in found
    assert "pretrained none (places205)" in found
    assert not any(text.startswith("batch_size") for text in found)


def test_what_a_run_still_needs(recipe, tmp_path):
    _, plan = plan_of("scenes15", recipe)
    run = next(run for run in plan.values() if run.svm)
    assert run.missing() == ["train", "evaluate", "svm"]
    assert run.state == "missing"
    pretend(run, scene_metrics(0.5))
    assert run.missing() == ["svm"]
    (run.path / "test/svm.json").write_text("{")  # broken off while it was written
    assert run.state == "not evaluated"
    write_results(run, {}, "svm.json")
    assert run.state == "done"
    later = time.time() + 10  # as after a checkout or a copy: these are the same weights
    os.utime(run.folder.weights("best"), (later, later))
    assert run.state == "done"
    run.folder.weights("best").write_text("others")
    assert run.missing() == ["evaluate", "svm"]
    moved = make_run(run.experiment, 0, Recipe(TINY, 1, "/elsewhere", recipe.runs_dir), svm=True)
    assert moved.path == run.path
    assert moved.missing() == ["train", "evaluate", "svm"]  # train.py compares the images
    (run.path / "finished.json").unlink()
    assert run.state == "broken off"
