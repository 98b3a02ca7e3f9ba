"""Tables, from run folders that the test writes."""

import csv
import dataclasses
import io
import shutil

import pytest
from PIL import Image

from experiments import TABLES
from reproduction import arithmetic, pictures
from reproduction.pictures import table_pictures
from reproduction.request import Request
from reproduction.results import make_cells, select_rows
from reproduction.tables import improvement_text, markdown, ours_text, published_text, to_csv
from tests.report.runs import write_run
from tests.reproduction.runs import (
    plan_of,
    pose_metrics,
    pretend,
    scene_metrics,
    write_results,
)


def test_mean_and_spread_by_hand(recipe):
    """0.1, 0.2, 0.3: mean 0.2, deviation sqrt((0.01 + 0 + 0.01) / 2) = 0.1; 5, 5, 8: 6, sqrt(3)."""
    rows, plan = plan_of("5.6", recipe, seeds=3, scenes={"stairs"})
    for (experiment, seed), run in plan.items():
        if experiment.model == "posenet":
            pretend(run, pose_metrics((seed + 1) / 10, [5.0, 5.0, 8.0][seed]))
    cells = make_cells(TABLES["5.6"], rows, plan, {})
    cell = cells["Stairs", "PoseNet"]
    assert cell.mean == pytest.approx((0.2, 6.0))
    assert cell.spread == pytest.approx((0.1, 3**0.5))
    assert ours_text(cell, seeds=3) == "0.200 ± 0.100 m, 6.00 ± 1.73°"
    assert ours_text(cells["Stairs", "LSTM PoseNet"], seeds=3) == "not run"
    assert published_text(cell.published) == "0.48 m, 13.1°"
    assert cells["Stairs", "Retrieval"].mean is None  # of the spatial run, which is missing


def test_improvement_by_hand():
    """(0.4 - 0.3) / 0.4 = 25 %, (10 - 12) / 10 = -20 %; accuracies in points."""
    assert arithmetic.improvement((0.3, 12.0), (0.4, 10.0)) == pytest.approx((25.0, -20.0))
    assert arithmetic.improvement((77.1,), (73.7,)) == pytest.approx((3.4,))
    assert improvement_text((25.0, -20.0)) == "+25.0 %, -20.0 %"
    assert improvement_text((3.4,)) == "+3.4 points"
    assert improvement_text(None) == "-"


def test_a_table_has_published_and_own_values_and_says_what_is_missing(recipe, tmp_path):
    request = Request.make(["5.6"], [], ["stairs", "tum_lsi"], 1, recipe)
    values = {"posenet": (0.5, 10.0), "lstm_posenet": (0.4, 8.0), "spatial_attention": (0.3, 10.0)}
    for (experiment, _), run in request.plan.items():
        if experiment.place.scene == "stairs":
            pretend(run, pose_metrics(*values[experiment.model]))
    text = request.write("python reproduce.py --table=5.6", tmp_path / "results")
    assert "python reproduce.py --table=5.6" in text
    assert "0.10 hours of training" in text  # three runs of two minutes
    assert (
        "| Stairs | published | 0.48 m, 13.1° | 0.40 m, 13.7° | 0.32 m, 12.7° | - | - "
        "| +20.0 %, +7.3 % |" in text
    )
    assert (
        "|  | ours | 0.500 m, 10.00° | 0.400 m, 8.00° | 0.300 m, 10.00° | 0.500 m, 9.00° "
        "| 2.000 m, 40.00° | +25.0 %, -25.0 % |" in text
    )
    assert "|  | ours | data missing | data missing | data missing |" in text
    assert "TUM-LSI is given on request" in text
    assert "TUM-LSI, improvement in %, orientation: printed -2.88, computed -31.18" in text
    assert (tmp_path / "results/table-5.6-stairs-tum_lsi.md").read_text() == text
    lines = list(csv.DictReader((tmp_path / "results/table-5.6-stairs-tum_lsi.csv").open()))
    line = next(row for row in lines if row["row"] == "Stairs" and row["column"] == "PoseNet")
    assert (line["measure"], line["published"], line["ours"]) == ("position_m", "0.48", "0.5")
    assert next(row["problem"] for row in lines if row["row"] == "TUM-LSI") == "data missing"


def test_an_average_needs_all_its_rows_and_is_taken_seed_by_seed(recipe):
    table = TABLES["5.1"]
    scenes = {row.place.scene.lower() for row in table.rows if row.place}
    assert "Average 7-Scenes" not in [row.title for row in select_rows(table, scenes - {"chess"})]
    rows, plan = plan_of("5.1", recipe, seeds=2)
    places = [table.row(title).place for title in table.row("Average Cambridge").average_of]
    for (experiment, seed), run in plan.items():
        if experiment.model == "lstm_posenet" and experiment.place in places:
            pretend(run, pose_metrics(places.index(experiment.place) + seed, 4.0))
    cells = make_cells(table, rows, plan, {})
    average = cells["Average Cambridge", "LSTM PoseNet"]
    assert average.ours == {0: (1.5, 4.0), 1: (2.5, 4.0)}
    assert cells["Average Cambridge", "PoseNet"].problem == "rows missing"


def test_an_improvement_is_that_over_the_seeds_that_both_have(recipe):
    rows, plan = plan_of("5.2", recipe, seeds=3)
    for (experiment, seed), run in plan.items():
        own = {"googlenet": 0.5 + 0.1 * seed, "joint_attention": 0.75}[experiment.model]
        if seed < 2 or experiment.model == "googlenet":
            pretend(run, scene_metrics(own), scene_metrics(0.6))
    table = TABLES["5.2"]
    cells = make_cells(table, rows, plan, {})
    text = markdown(table, rows, cells, 3)
    assert "| Ours, T = 2 over GoogLeNet | +3.4 points | +20.0 points (n = 2) |" in text
    line = list(csv.DictReader(io.StringIO(to_csv(table, rows, cells))))[-1]
    assert (line["ours"], line["seeds"]) == ("20", "2")


def test_scene_tables_show_classes_the_svm_and_the_gain_in_points(recipe):
    rows, plan = plan_of("5.2", recipe)
    for (experiment, _), run in plan.items():
        own = {"googlenet": 0.7, "joint_attention": 0.75}[experiment.model]
        pretend(run, scene_metrics(own), scene_metrics(0.6))
    text = markdown(TABLES["5.2"], rows, make_cells(TABLES["5.2"], rows, plan, {}), 1)
    for line in (
        "| CNN features + SVM | 69.0 % | 60.0 % |",
        "| S2ICA | 71.2 % | - |",
        "| GoogLeNet | 73.7 % | 70.0 % |",
        "| Ours, T = 2 | 77.1 % | 75.0 % |",
        "| Ours, T = 2 over GoogLeNet | +3.4 points | +5.0 points |",
    ):
        assert line in text
    (run,) = (run for (e, _), run in plan.items() if e.model == "googlenet")
    (run.path / "test/metrics.json").write_text("{}")
    write_results(run, {"accuracy": 0.7})
    text = markdown(TABLES["5.2"], rows, make_cells(TABLES["5.2"], rows, plan, {}), 1)
    assert "metrics.json is damaged ('mean_class_accuracy'): delete it to evaluate again" in text
    table = TABLES["supplement-3"]
    rows, plan = plan_of("supplement-3", recipe)
    for run in plan.values():
        pretend(run, scene_metrics(0.5))
    cells = make_cells(table, rows, plan, {})
    assert cells["Office", "Spatial only, 3b"].mean == (25.0,)
    lines = list(csv.DictReader(io.StringIO(to_csv(table, rows, cells))))
    assert {line["measure"] for line in lines if line["ours"]} == {"class_accuracy_percent"}
    assert cells["Library", "Spatial only, 3b"].problem == "no test image of this class"


def test_own_tables_show_more_measures(recipe, tmp_path):
    rows, plan = plan_of("redkitchen", recipe)
    for run in plan.values():
        pretend(run, pose_metrics(0.1, 4.0))
    table = TABLES["redkitchen"]
    cells = make_cells(table, rows, plan, {})
    text = markdown(table, rows, cells, 1)
    drawn = table_pictures(table, rows, cells, tmp_path / "own")
    assert [path.name for _, path in drawn] == ["own-steps.png"]
    assert "| PoseNet | 0.100 m, 4.00° | 0.200 m | 8.00° | 25 % | 2.0 min |" in text
    assert "| Mean pose | 2.000 m, 40.00° | 4.000 m | 80.00° | 25 % | - |" in text


def test_steps_are_drawn(recipe, tmp_path):
    request = Request.make(["5.3"], [], ["stairs"], 1, recipe)
    for run in request.plan.values():
        pretend(run, pose_metrics(0.3, 9.0))
    text = request.write("command", tmp_path / "results")
    assert "(table-5.3-stairs-steps.png)" in text
    with Image.open(tmp_path / "results/table-5.3-stairs-steps.png") as image:
        assert min(image.size) > 300


def test_a_line_of_steps_takes_two_points(recipe, tmp_path):
    rows, plan = plan_of("redkitchen", recipe)
    joint = [run for run in plan.values() if run.config.get("steps") in (1, 2)]
    for number, run in enumerate(joint):
        pretend(run, pose_metrics(0.1, 4.0))
        cells = make_cells(TABLES["redkitchen"], rows, plan, {})
        drawn = table_pictures(TABLES["redkitchen"], rows, cells, tmp_path / "own")
        assert len(drawn) == number
    assert number == 1


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("config.json", "[1]", "Nothing has been run yet"),
        ("config.json", '{"epochs": 1}', "Nothing has been run yet"),
        ("test/metrics.json", {"median_position_m": None}, "metrics.json is damaged"),
        ("test/metrics.json", {"median_position_m": "near"}, "metrics.json is damaged"),
        ("test/metrics.json", {"gflop_per_image": None}, "metrics.json is damaged"),
        ("test/metrics.json", {"recall": [1]}, "metrics.json is damaged"),
    ],
)
def test_damaged_files_of_a_run_spare_the_table(file, content, told, recipe, tmp_path):
    request = Request.make(["5.6"], [], ["stairs"], 1, recipe)
    run = next(run for run in request.plan.values() if run.experiment.model == "posenet")
    pretend(run, pose_metrics(0.1, 4.0))
    if isinstance(content, str):
        (run.path / file).write_text(content)
    else:
        write_results(run, pose_metrics(0.1, 4.0) | content)
    text = request.write("command", tmp_path / "results")
    assert told in text
    assert ("0.100 m, 4.00°" in text) == (file == "config.json")


def test_a_damaged_picture_spares_the_table(recipe, tmp_path):
    _, plan = plan_of("redkitchen", recipe)
    run = next(iter(plan.values()))
    pretend(run)
    shutil.rmtree(run.path / "test")
    config = (run.path / "config.json").read_text()
    write_run(run.path)
    (run.path / "config.json").write_text(config)
    write_results(run, pose_metrics(0.1, 4.0))
    path = tmp_path / "drawn.png"
    assert pictures.picture("attention", run, path) is None
    assert path.exists()
    for image in (run.path / "test/images").iterdir():
        image.write_bytes(image.read_bytes()[:50])
    assert "is no image" in pictures.picture("attention", run, path)
    (run.path / "config.json").write_text('{"task": "sleep"}')
    assert "config.json" in pictures.picture("attention", run, path)


def test_a_figure_of_some_scenes_replaces_no_picture_of_a_whole_one(recipe, monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(pictures, "picture", lambda kind, run, path: drawn.append(path.name))
    for scenes in ([], ["stairs"]):
        Request.make([], ["5.3"], scenes, 1, recipe).write("command", tmp_path)
    assert drawn == ["figure-5.3-stairs.png", "figure-5.3-stairs-stairs.png"]


def test_a_figure_shows_every_seed(recipe, monkeypatch, tmp_path):
    drawn = {}

    def draw(kind, run, path):
        drawn[path.name] = run
        return "not run" if run.seed == 1 else None

    monkeypatch.setattr(pictures, "picture", draw)
    request = Request.make([], ["scenes15-5.4"], [], 3, recipe)
    text = request.write("command", tmp_path)
    stem = "figure-scenes15-5.4-scenes15"
    assert [run.seed for run in request.runnable] == [0, 1, 2]
    assert {name: run.seed for name, run in drawn.items()} == {
        f"{stem}-s{seed}.png": seed for seed in (0, 1, 2)
    }
    for seed in (0, 2):
        assert f"![15 Scenes, seed {seed}]({stem}-s{seed}.png)" in text
        assert f"Seed {seed}, run {drawn[f'{stem}-s{seed}.png'].path.name}." in text
    assert "Seed 1: not run" in text
    assert "A picture for each seed, 0 to 2." in text
    drawn.clear()
    text = Request.make([], ["scenes15-5.4"], [], 1, recipe).write("command", tmp_path)
    assert list(drawn) == [f"{stem}.png"]
    assert "One seed, 0." in text


def test_only_what_is_published_is_called_printed(recipe, tmp_path):
    def text(seeds, *names):
        return Request.make(*names, [], seeds, recipe).write("command", tmp_path)

    told = "over seeds 0 to 1 (n = 2)."
    printed = f"{told} The printed values are single numbers."
    assert printed in text(2, ["5.2"], [])
    own = text(2, ["scenes15"], [])
    assert told in own
    for other in (own, text(2, [], ["5.3"]), text(1, ["5.2"], [])):
        assert "printed values are" not in other


def test_work_is_shown_and_drawn_where_depth_is_penalized(recipe, tmp_path):
    table = TABLES["redkitchen-depth"]
    rows, plan = plan_of("redkitchen-depth", recipe)
    for index, run in enumerate(plan.values()):
        pretend(run, pose_metrics(0.1, 4.0) | {"gflop_per_image": 0.5 + index})
    cells = make_cells(table, rows, plan, {})
    text = markdown(table, rows, cells, 1)
    assert "| Penalty 0.1 | 0.100 m, 4.00° | 0.200 m | 8.00° | 25 % | 2.500 | 2.0 min |" in text
    ((alt, path),) = table_pictures(table, rows, cells, tmp_path / "own")
    assert (alt, path.name) == ("Results against work", "own-work.png")
    with Image.open(path) as image:
        assert min(image.size) > 200


def test_tables_of_digits_have_error_rates_with_two_decimals(recipe):
    rows, plan = plan_of("ram-28", dataclasses.replace(recipe, train_flags=()))
    for run in plan.values():
        if ("glimpses", "7") in run.experiment.flags:
            pretend(run, {"error_percent": 1.234, "accuracy": 0.98766})
    cells = make_cells(TABLES["ram-28"], rows, plan, {})
    text = markdown(TABLES["ram-28"], rows, cells, 1)
    assert "| RAM, 7 glimpses | 1.07 % | 1.23 % |" in text
    assert "| RAM, 2 glimpses | 3.79 % | not run |" in text
    assert 'ram-28,MNIST 28 x 28,"RAM, 7 glimpses",error_percent,1.07,1.234' in to_csv(
        TABLES["ram-28"], rows, cells
    )
