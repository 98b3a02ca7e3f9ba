"""The transcribed tables: they agree with themselves, and where they do not the error is known."""

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from experiments import CAMBRIDGE, FIGURES, SEVEN_SCENES, TABLES
from reproduction import arithmetic, published
from reproduction.results import contradictions
from reproduction.runs import experiments_of, figure_experiments
from reproduction.tables import published_text

ROOT = Path(os.environ.get("WHATWHERE_DATA", "/nonexistent"))

# What in the thesis does not follow from its own rows.
KNOWN_ERRORS = {
    "5.1": [
        "Average Cambridge, PoseNet, position",  # both: of other numbers for PoseNet, see table 5.6
        "Average Cambridge, PoseNet, orientation",
        "Average 7-Scenes, PoseNet, orientation",
        "St Mary's Church, improvement in %, orientation",
        "Average Cambridge, improvement in %, position",  # of averages cut off: 1.14 for 1.1475
        "Red Kitchen, improvement in %, position",
        "Red Kitchen, improvement in %, orientation",
        "Average 7-Scenes, improvement in %, position",
        "Average 7-Scenes, improvement in %, orientation",
    ],
    "5.3": ["St Mary's Church, improvement in %, orientation"],
    "5.5": [
        "King's College, improvement in %, position",
        "King's College, improvement in %, orientation",
        "Old Hospital, improvement in %, position",
        "Old Hospital, improvement in %, orientation",
        "Office, improvement in %, position",
        "Office, improvement in %, orientation",
        "Stairs, improvement in %, position",
        "TUM-LSI, improvement in %, position",
    ],
    "5.6": [
        "Stairs, improvement in %, orientation",
        "TUM-LSI, improvement in %, orientation",
    ],
}


def all_experiments(name):
    return set(experiments_of(TABLES[name], TABLES[name].rows))


@pytest.mark.parametrize("name", TABLES)
def test_averages_and_improvements_follow_from_the_rows_but_for_the_known_errors(name):
    found = [text.split(": printed")[0] for text in contradictions(TABLES[name])]
    assert found == KNOWN_ERRORS.get(name, [])


def test_the_contradiction_on_tum_lsi_is_told():
    assert "TUM-LSI, improvement in %, position: printed 16, computed -200" in contradictions(
        TABLES["5.5"]
    )


def test_one_average_by_hand():
    """T = 3 on Cambridge: (0.90 + 1.36 + 0.91 + 1.42) / 4 and (3.70 + 3.95 + 5.29 + 6.07) / 4."""
    value = arithmetic.average([published.TABLE_5_1[row][5] for row in CAMBRIDGE])
    assert value == pytest.approx((4.59 / 4, 19.01 / 4))


def test_tables_that_repeat_each_other_agree():
    table = published.TABLE_5_1
    for row, values in published.TABLE_5_3.items():
        assert values[:6] == table[row]
        assert published.IMPROVEMENTS_5_3[row] == published.IMPROVEMENTS_5_1[row]
    for row, values in published.TABLE_5_5.items():
        assert values[:2] == (table[row][0], table[row][2])
    for row, values in published.TABLE_5_6.items():
        same = values[:2] == (table[row][0], table[row][2])
        assert same == (row != "Old Hospital")  # PoseNet: 2.31 m, 5.38 deg there
    for row in ("Old Hospital", "Office", "TUM-LSI"):
        assert published.TABLE_5_7[row][2] == published.TABLE_5_6[row][2]
        assert published.TABLE_5_7[row][4] == table[row][5]
    assert published.TABLE_5_4["MIT-67"][:6] == published.TABLE_5_2["MIT-67"]
    assert published.TABLE_5_7["MIT-67"][4] == published.TABLE_5_2["MIT-67"][4]


def test_tables_that_contradict_each_other_say_so():
    values = {
        name: published_text(TABLES[name].published["Old Hospital", "PoseNet"])
        for name in ("5.1", "5.3", "5.5", "5.6")
    }
    assert values["5.1"] == values["5.3"] == values["5.5"] != values["5.6"]
    told = f"{values['5.6']} in table 5.6, and as {values['5.1']} in tables 5.1, 5.3 and 5.5"
    for name in values:
        assert any(told in note for note in TABLES[name].notes)


@pytest.mark.parametrize("name", ["5.2", "5.4"])
def test_the_gain_that_the_introduction_gives_over_another_baseline(name):
    table = TABLES[name]
    ours, other, googlenet = (
        table.published["MIT-67", title] for title in ("Ours, T = 2", "S2ICA", "GoogLeNet")
    )
    over = [f"{arithmetic.improvement(ours, theirs)[0]:.1f}" for theirs in (googlenet, other)]
    told = f"the {over[0]} points as those over S2ICA, over which T = 2 would have {over[1]}"
    assert any(told in note for note in table.notes)


def test_class_accuracies_are_shares_of_the_test_images():
    """Of k of n images for whole k, cut off after one decimal."""
    path = ROOT / "annotations/mit67/TestImages.txt"
    if not path.is_file():
        pytest.skip("WHATWHERE_DATA does not name a folder with annotations/mit67/")
    images = Counter(row[0].partition("/")[0] for row in csv.reader(path.open()))
    for (_, category), values in published.TABLE_S3.items():
        shares = {int(1000 * k / images[category]) / 10 for k in range(images[category] + 1)}
        assert shares.issuperset(values)


def test_a_configuration_in_several_tables_is_one_experiment():
    chosen = {"5.1", "5.3", "5.7"}
    hospital = [
        {e for e in all_experiments(name) if e.place.scene == "OldHospital"} for name in chosen
    ]
    joint = [{e for e in some if e.name.endswith("joint_attention-T3")} for some in hospital]
    assert all(len(some) == 1 for some in joint)
    assert joint[0] == joint[1] == joint[2]
    assert all_experiments("5.2") < all_experiments("5.4")
    ablation = {e for e in all_experiments("5.7") if e.model == "spatial_attention"}
    assert all_experiments("supplement-3") < ablation
    figure = FIGURES["5.4"]
    assert set(figure_experiments(figure, figure.places)) < all_experiments(
        "5.1"
    ) | all_experiments("5.2")


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("redkitchen-5.3", "Ours, T = 3"),
        ("redkitchen-5.4", "Ours, T = 3, settled"),
        ("scenes15-5.3", "Ours, T = 2"),
        ("scenes15-5.4", "Ours, T = 2"),
    ],
)
def test_figures_of_our_own_show_runs_of_our_tables(name, title):
    figure, table = FIGURES[name], TABLES[name.partition("-")[0]]
    (row,) = table.rows
    shown = list(figure_experiments(figure, figure.places))
    assert shown == [table.experiment(row, table.column(title))]
    assert FIGURES[name.partition("-")[2]].kind == figure.kind


def test_what_is_run_and_what_is_not():
    table = TABLES["5.1"]
    posenet, joint = table.column("PoseNet"), table.column("Ours, T = 1")
    for column in table.columns:
        assert table.experiment(table.row("Great Court"), column) is None
        assert table.experiment(table.row("Average 7-Scenes"), column) is None
    assert table.experiment(table.row("Street"), posenet) is None
    assert table.experiment(table.row("Street"), joint) is not None
    # 11 scenes with all six columns, Street with three, TUM-LSI with five.
    assert len(all_experiments("5.1")) == 11 * 6 + 3 + 5
    assert table.experiment(table.row("Chess"), table.column("Retrieval")) == table.experiment(
        table.row("Chess"), table.column("Ours, T = 3")
    )


def test_steps_are_the_tasks_own_in_the_ablation():
    experiments = all_experiments("5.7")
    assert {dict(e.flags)["steps"] for e in experiments if e.place.task == "scene"} == {"2"}
    assert {dict(e.flags)["steps"] for e in experiments if e.place.task == "pose"} == {"3"}


@pytest.mark.parametrize("name", TABLES)
def test_titles_are_unique_and_every_published_value_has_its_cell(name):
    table = TABLES[name]
    rows = [row.title for row in table.rows]
    columns = [column.title for column in table.columns]
    assert len(set(rows)) == len(rows)
    assert len(set(columns)) == len(columns)
    for row, column in [*table.published, *table.averages]:
        assert row in rows
        assert column in columns


def test_figure_5_3_has_every_place_with_results():
    figure = FIGURES["5.3"]
    assert len(figure.places) == 5 + len(SEVEN_SCENES) + 2
    assert {e.flags[0] for e in figure_experiments(figure, figure.places)} == {
        ("layers", "3b,4c,5b")
    }
