"""Run folders, the recipe they share, and the commands that make them."""

import dataclasses
import json
import os
import re
import shlex
import time
from pathlib import Path

import pytest

import flags
from configuration import OFF
from errors import UserError
from experiments import FIGURES, TABLES
from reproduction import document, listing
from reproduction.recipe import Recipe, define_flags, differences, resolve, train_flag_names
from reproduction.request import Request
from reproduction.runs import digest_of, experiments_of, figure_experiments, make_run
from tests.reproduction.runs import (
    TINY,
    plan_of,
    pose_metrics,
    pretend,
    scene_metrics,
    write_results,
)

README = (Path(__file__).parents[2] / "README.md").read_text()


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
    lines = listing.dry_run(request)
    commands = [line for line in lines if line.startswith("python train.py")]
    # PoseNet, LSTM, spatial attention; figure 5.3. Office is missing.
    assert len(commands) == 2 * (3 + 1)
    for line in commands:
        config = resolve(shlex.split(line)[2:])
        assert config["scene"] == "stairs"
        assert config["image_size"] == 32
        assert config["epochs"] == 1
    assert sum("office is missing" in line for line in lines) == 1


def test_columns_are_chosen_by_words_in_their_titles(recipe):
    def models(*columns):
        request = Request.make(["5.6"], [], ["stairs"], 2, recipe, columns)
        assert len(request.plan) == 2 * 3  # shown if they are there
        return [(run.experiment.model, run.seed) for run in request.runnable]

    assert models("lstm") == [("lstm_posenet", 0), ("lstm_posenet", 1)]
    assert len(models("LSTM", "attention")) == 4
    assert len(models()) == 6
    for words in (["T = 9"], ["LSTM", "T = 9"]):
        with pytest.raises(UserError, match=r"--columns=T = 9 is in no title .*LSTM PoseNet"):
            models(*words)
    with pytest.raises(UserError, match="nothing is trained for --columns=s2ica in these rows"):
        Request.make(["5.2"], [], [], 1, recipe, ["s2ica"])
    with pytest.raises(UserError, match="--columns chooses among those of a table"):
        Request.make([], ["5.3"], ["stairs"], 1, recipe, ["lstm"])
    # Of joint attention, which is not chosen, what the figure shows.
    both = Request.make(["5.1"], ["5.4"], ["OldHospital"], 3, recipe, ["LSTM"])
    assert sorted((run.experiment.model, run.seed) for run in both.wanted_runs()) == [
        (model, seed) for model in ("joint_attention", "lstm_posenet") for seed in (0, 1, 2)
    ]
    assert sum(run.experiment.model == "joint_attention" for run in both.plan.values()) > 3


@pytest.mark.parametrize(
    ("columns", "wanted"), [([], True), (["GoogLeNet"], False), (["GoogLeNet", "SVM"], True)]
)
def test_an_svm_is_run_where_its_column_is_wanted(recipe, columns, wanted):
    request = Request.make(["5.2"], [], [], 1, recipe, columns)
    (run,) = [run for run in request.plan.values() if run.experiment.model == "googlenet"]
    assert run.svm == wanted


def test_a_request_is_refused_only_if_something_is_left_that_cannot_be_run(recipe):
    nowhere = dataclasses.replace(recipe, data_dir="/nowhere")
    request = Request.make(["5.6"], [], ["stairs"], 1, nowhere)
    for run in request.plan.values():
        with pytest.raises(UserError, match="nothing can be run: /nowhere/7scenes/stairs is miss"):
            request.require_runnable()
        pretend(run, pose_metrics(0.1, 4.0))
    request.require_runnable()
    # The thesis has dashes alone for Great Court.
    dashes = Request.make(["5.1"], [], ["GreatCourt"], 1, recipe)
    dashes.require_runnable()
    assert not dashes.plan


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
        ("--beta=1 --help", "--train_flags sets --help"),
    ],
)
def test_train_flags_that_cannot_be_used(train_flags, told):
    with pytest.raises(UserError, match=told):
        Recipe.parse(train_flags, None, None, "runs")


def test_a_folder_of_runs_that_cannot_be_read(tmp_path):
    (tmp_path / "file").touch()
    for name in (tmp_path / "file", "x" * 300):
        with pytest.raises(UserError, match=r"--runs_dir=.* cannot be read"):
            Recipe.parse("", None, None, str(name))
    assert Recipe.parse("", None, None, str(tmp_path / "new")).runs_dir == str(tmp_path / "new")


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


@pytest.mark.parametrize(
    ("table", "train_flag", "name"),
    [
        ("ram-28", "--glimpses=4", "glimpses"),
        ("ram-cluttered-60", "--location=random", "location"),
        ("ram-28", "--units=64,64", "units"),
        ("ram-cluttered-60", "--glimpse_size=8", "glimpse_size"),
        ("ram-cluttered-60", "--scales=1", "scales"),
        ("redkitchen", "--lstm_kernels=5", "lstm_kernels"),
        ("redkitchen-depth", "--balance_weight=0", "balance_weight"),
        ("redkitchen-depth", "--compute_penalty=0.3", "compute_penalty"),
    ],
)
def test_a_recipe_cannot_set_what_a_column_stands_for(table, train_flag, name):
    recipe = Recipe.parse(train_flag, None, None, "runs")
    with pytest.raises(UserError, match=f"--train_flags sets --{name}, which is what makes"):
        Request.make([table], [], [], 1, recipe)


def test_a_flag_that_a_model_has_no_use_for_does_not_make_another_run():
    """Nor does the gate's make one of a network without a gate."""

    def folders(table, *train_flags):
        found = experiments_of(TABLES[table], TABLES[table].rows)
        return {e: make_run(e, 0, Recipe(train_flags)).path for e in found}

    def changed(table, train_flag):
        before, after = folders(table), folders(table, train_flag)
        return {
            experiment.model for experiment in before if before[experiment] != after[experiment]
        }

    assert changed("redkitchen", "--soft_fraction=0.3") == {"joint_attention", "layer_attention"}
    assert changed("redkitchen", "--gate_embedding=8") == {"joint_attention", "layer_attention"}
    assert changed("redkitchen", "--activation=relu") == {"joint_attention", "spatial_attention"}
    assert changed("ram-cluttered-60", "--location_std=0.05") == {"ram"}
    random = next(e for e in folders("ram-cluttered-60") if ("location", "random") in e.flags)
    of = [make_run(random, 0, Recipe(flags)).path for flags in ((), ("--location_std=0.05",))]
    assert of[0] == of[1]


SHIPPED = [
    path
    for path in (Path(__file__).parents[2] / "results/runs").iterdir()
    if path.name not in ("catch-catch_player-s0", "mnist_cluttered_60-ram-N8-s0-ce723e8e")
]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_recorded_runs_are_found_by_their_flags(path):
    """A flag that would give them other names would have all of them trained again."""
    config = json.loads((path / "config.json").read_text())
    define_flags()
    known = train_flag_names() - {"run_dir", "data_dir", "verbose", "validation_sequences"}
    arguments = []
    for name in known & config.keys():
        value = config[name]
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        arguments += [f"--{name}={text}"] if value is not None else []
    absent = {name: value for name, value in OFF.items() if name not in config}
    arguments += [f"--{name}={value}" for name, value in absent.items() if value is not None]
    # Flags that older configurations have and this model or data set has no use for.
    arguments = [word for word in arguments if _fits(word, config)]
    assert path.name.endswith(digest_of(resolve(arguments)))


def _fits(word, config):
    try:
        resolve([f"--dataset={config['dataset']}", f"--scene={config['scene']}", word])
    except UserError as error:
        return "means nothing" not in str(error)
    return True


def test_the_list_tells_of_flags_that_do_not_go_with_a_table(recipe):
    tables = [TABLES["ram-28"], TABLES["5.6"]]
    lines = listing.listing(tables, [], 1, dataclasses.replace(recipe, train_flags=TINY))
    assert any("--image_size=32: images of mnist have 28" in line for line in lines)
    assert "    runs  0 done, 0 broken off, 15 missing of 15" in lines


def test_the_list_counts_the_seeds_of_tables_and_figures():
    lines = listing.listing([TABLES["5.6"]], [FIGURES["5.4"]], 3, Recipe())
    runs = [line.rpartition(" ")[2] for line in lines if line.startswith("    runs")]
    assert runs == ["45", "15"]  # 5 places with three models, and 5 places


def test_what_differs_from_the_thesis_is_told():
    flags_given = ["--image_size=96", "--beta=10", "--l2=0", "--lstm_kernels=3,5"]
    flags_given += ["--trunk_learning_rate_scale=0.5", "--compute_penalty=0.1"]
    config = resolve(["--dataset=7scenes", "--scene=stairs", "--balance_weight=0.1", *flags_given])
    found = differences([config])
    assert "lstm_kernels 3 5 (1 3 5 7)" in found
    assert "trunk_learning_rate_scale 0.5 (1)" in found
    assert "compute_penalty 0.1 (0)" in found
    assert "l2 0 (0.0002)" in found
    assert "balance_weight 0.1 (0)" in found
    arguments = ["--dataset=7scenes", "--scene=stairs", "--model=posenet", "--balance_weight=0.1"]
    posenet = resolve(arguments)
    for name in ("balance_weight", "soft_fraction", "layer_auxiliary_weight", "step_weight"):
        assert not any(text.startswith(name) for text in differences([posenet]))
    assert "soft_fraction 0.5 (0)" in found
    assert "step_weight, of what each step answers by itself, 1 (0)" in found
    assert "layer_auxiliary_weight, of what each layer answers by itself, 0.3 (0)" in found
    assert "image_size 96 (224)" in found
    assert "beta on 7scenes 10 (120 to 750)" in found
    assert "pretrained none (places205)" in found
    assert not any(text.startswith("batch_size") for text in found)
    mixed = [config | {"batch_size": size} for size in (10, 40)]
    assert "batch_size 10, 40 (40)" in differences(mixed)


def test_the_thesis_recipe_of_the_readme_is_the_thesis():
    command = re.search(r"(--table=\S+) .*--train_flags=\"(--pretrained=places205 .*)\"", README)
    table = TABLES[command[1].removeprefix("--table=")]
    given = command[2].removeprefix("--pretrained=places205 ")  # which are not there
    found = [
        make_run(experiment, 0, Recipe.parse(given, None, None, "runs")).config
        for experiment in experiments_of(table, table.rows)
    ]
    # Shop Facade's is the authors' own.
    assert differences(found) == [
        "pretrained none (places205)", "beta on cambridge 100 (250 to 2000)",
    ]  # fmt: skip


def test_what_counts_for_nothing_in_a_recorded_network_is_not_told(recipe):
    _, plan = plan_of("scenes15", recipe)
    run = next(run for run in plan.values() if run.experiment.model == "googlenet")
    run.config["balance_weight"] = 0.1  # as older revisions recorded it
    pretend(run, scene_metrics(0.5))
    del run.config["balance_weight"]
    text = " ".join(document.heading([run], "One seed.", "the command"))
    assert "balance_weight" not in text
    assert "image_size 32 (224)" in text


def test_what_makes_a_column_is_not_told_as_the_recipe_s(recipe):
    _, plan = plan_of("redkitchen", recipe)
    run = next(run for run in plan.values() if run.config.get("settle_fraction"))
    pretend(run, pose_metrics(0.1, 4.0))
    text = " ".join(document.heading([run], "One seed.", "the command"))
    assert run.config["lstm_kernels"] == [3]
    for name in ("lstm_kernels", "settle_fraction"):
        assert name in " ".join(differences([run.config]))
        assert name not in text


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
    moved = make_run(run.experiment, 0, Recipe(TINY, 1, "/elsewhere", recipe.runs_dir), svm=True)
    assert moved.path == run.path
    assert moved.state == "done"
    assert moved.missing() == ["train"]  # which compares the images; the results are of old
    write_results(run, scene_metrics(0.5) | {"data_dir": recipe.data_dir})
    assert moved.state == "done"  # what is there can be shown
    # Those to test on may be others, even if train.py has been there already.
    assert moved.missing() == ["train", "evaluate"]
    config = run.path / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"data_dir": "/elsewhere"}))
    assert moved.missing() == ["evaluate"]
    assert run.missing() == ["train"]
    run.folder.weights("best").write_text("others")
    assert moved.missing() == ["evaluate", "svm"]
    run.folder.weights("best").unlink()  # a record: it cannot be evaluated again
    assert moved.missing() == []
    (run.path / "finished.json").unlink()
    assert run.state == "broken off"
