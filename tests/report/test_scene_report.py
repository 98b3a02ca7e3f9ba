import base64
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex

from errors import UserError
from report import scene_report
from report.confusion_figure import RIGHT, WRONG, confusion_figure
from report.run_files import read_split
from report.scene_report import write_report
from tests.report import scene_runs
from tests.report.test_pose_report import Outline

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def joint(tmp_path_factory) -> Path:
    return write_report(
        scene_runs.write_scene_run(tmp_path_factory.mktemp("run") / "joint"), "test"
    )


@pytest.fixture(scope="module")
def googlenet(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("run") / "googlenet"
    return write_report(scene_runs.write_scene_run(path, attention=False), "test")


def test_report_holds_every_figure_inline_and_nothing_else(joint):
    outline = Outline(joint.read_text())
    prefix = "data:image/png;base64,"
    inline = {base64.b64decode(address.removeprefix(prefix)) for address in outline.addresses}
    files = {path.name: path.read_bytes() for path in (joint.parent / "figures").iterdir()}
    assert set(files) == {
        "attention_confident_wrong.png",
        "attention_sample.png",
        "confident_right.png",
        "confident_wrong.png",
        "confusion.png",
        "layer_frequencies.png",
        "training.png",
    }
    assert inline == set(files.values())
    assert all(address.startswith("data:") for address in outline.addresses)
    assert not {"script", "link", "iframe", "object"} & set(outline.tags)


def test_report_of_a_network_without_attention_lacks_those_sections(joint, googlenet):
    extra = ["What the network reads", "Where the network looks"]
    headings = [Outline(path.read_text()).headings for path in (joint, googlenet)]
    assert [heading for heading in headings[0] if heading not in extra] == headings[1]
    assert set(extra) <= set(headings[0])
    assert not list((googlenet.parent / "figures").glob("attention*"))


def test_report_shows_metrics_beside_the_baselines(tmp_path):
    run = scene_runs.write_scene_run(tmp_path / "run", attention=False)
    (run / "test" / "metrics.json").write_text(
        '{"accuracy": 0.75, "mean_class_accuracy": 0.7, "images": 42, "per_class": {},'
        ' "baselines": {"retrieval": {"accuracy": 0.8, "mean_class_accuracy": 0.7},'
        ' "majority_class": {"accuracy": 0.1, "mean_class_accuracy": 0.1}}}'
    )
    text = write_report(run, "test").read_text()
    rows = re.findall(r"<tr>.*?</tr>", text)
    cells = [re.findall(r"<td( class=\"best\")?>(.*?)</td>", row) for row in rows]
    assert [("", "accuracy"), ("", "75.0%"), (' class="best"', "80.0%"), ("", "10.0%")] in cells
    assert [("", "mean class accuracy"), ("", "70.0%"), ("", "70.0%"), ("", "10.0%")] in cells
    heading = re.search(r"<thead>.*?</thead>", text)[0]
    assert re.findall(r"<th.*?>(.*?)</th>", heading)[1:] == [
        "this model", "retrieval", "majority class",
    ]  # fmt: skip
    assert "top-5" not in text


def test_the_worst_class_comes_first_with_its_main_confusion():
    rows = scene_report.class_rows(
        {
            "bar": {"accuracy": 1.0, "images": 3, "most_confused_with": None},
            "office": {
                "accuracy": 0.25, "images": 8, "most_confused_with": "bar", "confused_images": 4,
            },
        }
    )  # fmt: skip
    assert rows == [["office", "25.0%", "8", "bar (4)"], ["bar", "100.0%", "3", "-"]]


def test_captions_tell_the_truth_of_a_wrong_answer_alone(tmp_path):
    run = scene_runs.write_scene_run(tmp_path / "run")
    predictions = read_split(run, "test").predictions
    for row in range(len(predictions.names)):
        answer, *truth = scene_report.answer_text(predictions, row).split("\n")
        assert answer.startswith(predictions.class_names[predictions.predicted[row]])
        assert bool(truth) == (not predictions.right[row])
        if truth:
            assert predictions.class_names[predictions.truth[row]] in truth[0]


def test_class_names_are_escaped(tmp_path):
    classes = ("<script>", "bar & grill")
    path = tmp_path / "run"
    run = scene_runs.write_scene_run(path, classes=classes, attention=False)
    html = write_report(run, "test").read_text()
    assert "<script" not in html
    assert "bar &amp; grill" in html
    Outline(html)


def test_a_perfect_network_has_no_gallery_of_mistakes(tmp_path, monkeypatch):
    monkeypatch.setattr(
        scene_runs, "made_up_logits", lambda labels, classes: np.eye(classes)[labels]
    )
    report = write_report(scene_runs.write_scene_run(tmp_path / "run"), "test")
    figures = {path.name for path in (report.parent / "figures").iterdir()}
    assert "confident_right.png" in figures
    assert not {"confident_wrong.png", "attention_confident_wrong.png"} & figures


def test_a_second_report_is_the_same(googlenet):
    before = googlenet.read_bytes()
    assert write_report(googlenet.parents[1], "test").read_bytes() == before


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("test/metrics.json", None, r"metrics\.json is missing; run eval\.py"),
        ("test/predictions.csv", None, r"predictions\.csv is missing"),
        ("config.json", b'{"task": "scene"}', r"predictions\.csv, line 2"),
    ],
)
def test_a_missing_or_broken_file_is_named(tmp_path, file, content, message):
    run = scene_runs.write_scene_run(tmp_path / "run", per_class=1)
    if content is None:
        (run / file).unlink()
    else:
        (run / file).write_bytes(content)
    with pytest.raises(UserError, match=message):
        write_report(run, "test")


def test_report_needs_neither_keras_nor_tensorflow():
    code = (
        "import sys, report.scene_report; "
        "print(sorted({'keras', 'tensorflow', 'matplotlib.pyplot'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_confusion_figure_colours_right_and_wrong_and_writes_percentages():
    axes = confusion_figure(np.array([[4, 0], [1, 3]]), ["bar", "office"]).axes[0]
    (picture,) = axes.images
    colors = [[to_hex(cell) for cell in row] for row in picture.get_array()]
    assert colors[0][0] == RIGHT
    assert colors[0][1] == "#ffffff"
    assert colors[1][0] not in ("#ffffff", WRONG)
    written = {(text.get_position(), text.get_text()) for text in axes.texts}
    assert written == {((0, 0), "100"), ((0, 1), "25"), ((1, 1), "75")}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["bar", "office"]


@pytest.mark.parametrize("classes", [2, 15, 20, 21, 67])
def test_confusion_figure_leaves_room_for_every_name(classes):
    names = [f"a class of the name {number:02d}" for number in range(classes)]
    figure = confusion_figure(np.eye(classes, dtype=int), names)
    figure.canvas.draw()
    axes, canvas = figure.axes[0], figure.bbox
    labels = [*axes.get_xticklabels(), *axes.get_yticklabels(), axes.xaxis.label, axes.yaxis.label]
    boxes = [label.get_window_extent() for label in labels]
    assert all(canvas.x0 <= box.x0 and canvas.y0 <= box.y0 for box in boxes)
    assert all(box.x1 <= canvas.x1 and box.y1 <= canvas.y1 for box in boxes)
    heights = [label.get_window_extent().height for label in axes.get_yticklabels()]
    pitch = axes.get_window_extent().height / classes
    assert max(heights) < 1.1 * pitch


def test_a_class_without_images_is_an_empty_row():
    axes = confusion_figure(np.array([[2, 0], [0, 0]]), ["bar", "office"]).axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array()[1], 1.0)
