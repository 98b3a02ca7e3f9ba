import base64
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from errors import UserError
from report import confusion_figure, image_gallery, style
from report.pose_report import write_report
from report.run_files import read_arrays
from tests.report import runs

ROOT = Path(__file__).parents[2]
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Outline(HTMLParser):
    """Collects tags, attributes and headings, and checks that every element is closed."""

    def __init__(self, html: str):
        super().__init__()
        self.tags, self.addresses, self.headings, self._open = [], [], [], []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset")]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] in ("h1", "h2"):
            self.headings.append(data)


@pytest.fixture(scope="module")
def joint(tmp_path_factory) -> Path:
    return write_report(runs.write_run(tmp_path_factory.mktemp("run") / "joint"), "test")


@pytest.fixture(scope="module")
def posenet(tmp_path_factory) -> Path:
    path = runs.write_run(tmp_path_factory.mktemp("run") / "posenet", attention=False)
    return write_report(path, "test")


def test_report_holds_every_figure_inline(joint):
    outline = Outline(joint.read_text())
    prefix = "data:image/png;base64,"
    inline = {base64.b64decode(address.removeprefix(prefix)) for address in outline.addresses}
    files = {path.name: path.read_bytes() for path in (joint.parent / "figures").iterdir()}
    assert set(files) == {
        "attention_sample.png",
        "attention_worst.png",
        "best.png",
        "error_curves.png",
        "layer_frequencies.png",
        "training.png",
        "trajectory.png",
        "worst.png",
    }
    assert inline == set(files.values())
    assert len(outline.addresses) == len(files)


@pytest.mark.parametrize("name", ["joint", "posenet"])
def test_report_refers_to_nothing_outside_itself(name, request):
    html = request.getfixturevalue(name).read_text()
    outline = Outline(html)
    assert all(address.startswith("data:") for address in outline.addresses)
    assert not {"script", "link", "iframe", "object"} & set(outline.tags)
    without_data = re.sub(r"data:image/png;base64,[\w+/=]+", "", html)
    assert "http" not in without_data
    assert "url(" not in without_data
    assert "@import" not in without_data


def test_report_of_a_network_without_attention_lacks_those_sections(joint, posenet):
    extra = ["What the network reads", "Where the network looks"]
    headings = [Outline(path.read_text()).headings for path in (joint, posenet)]
    assert [heading for heading in headings[0] if heading not in extra] == headings[1]
    assert set(extra) <= set(headings[0])
    assert not list((posenet.parent / "figures").glob("attention*"))
    assert "Gate temperature" not in posenet.read_text()


def test_report_shows_metrics_beside_the_baselines(tmp_path):
    run = runs.write_run(tmp_path / "run", attention=False)
    (run / "test" / "metrics.json").write_text(
        '{"median_position_m": 0.25, "median_orientation_deg": 6.5, "images": 24,'
        ' "recall": {"0.1m_5deg": 0.125},'
        ' "baselines": {"retrieval": {"median_position_m": 0.125, "median_orientation_deg": 8}}}'
    )
    rows = re.findall(r"<tr>.*?</tr>", write_report(run, "test").read_text())
    cells = [re.findall(r"<td( class=\"best\")?>(.*?)</td>", row) for row in rows]
    assert [("", "median position error"), ("", "0.25 m"), (' class="best"', "0.125 m")] in cells
    assert [("", "median orientation error"), (' class="best"', "6.5°"), ("", "8°")] in cells
    assert [("", "recall within 0.1 m and 5°"), ("", "12.5%"), ("", "-")] in cells


def test_report_says_what_the_images_of_a_sequence_have_in_common(tmp_path):
    run = runs.write_run(tmp_path / "run", attention=False)
    metrics = json.loads((run / "test" / "metrics.json").read_text())
    metrics["by_sequence"] = {
        name: {
            "median_position_m": 0.25,
            "median_orientation_deg": 6.5,
            "mean_offset_m": [0.1, 0.2, -0.2],
            "mean_rotation_deg": [3.0, 0.0, 4.0],
            "images": 12,
        }
        for name in ("seq-01", "seq-02")
    }
    metrics["shared_by_sequence"] = {"position": 0.66, "orientation": 0.71}
    (run / "test" / "metrics.json").write_text(json.dumps(metrics))
    html = write_report(run, "test").read_text()
    row = ["seq-02", "12", "0.25 m", "6.5°", "0.3 m", "5°"]
    assert "".join(f"<td>{cell}</td>" for cell in row) in html
    assert "make 66% of the mean squared error in position, 71% of that in orientation" in html
    metrics["by_sequence"].pop("seq-02")  # one sequence: nothing to tell apart
    (run / "test" / "metrics.json").write_text(json.dumps(metrics))
    assert "have in common" not in write_report(run, "test").read_text()


def test_report_escapes_a_hostile_scene_name(tmp_path):
    scene = "<script>alert('1')</script> & $title \"kitchen\""
    html = write_report(
        runs.write_run(tmp_path / "run", scene=scene, attention=False), "test"
    ).read_text()
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt; &amp; $title") == 3
    Outline(html)


def test_dollars_in_names_are_no_formulas():
    name = r"shop_$5_vs_$\foo"
    figure = image_gallery.gallery_figure({0: np.zeros((8, 8, 3), np.uint8)}, [name], ["$_$"])
    assert style.pixels(figure).shape[2] == 3
    figure = confusion_figure.confusion_figure(np.eye(2), [name, "$_$"])
    assert style.pixels(figure).shape[2] == 3


def test_report_shows_the_configuration(joint):
    text = joint.read_text()
    assert "<td>layers</td><td>3b, 4e, 5b</td>" in text
    assert "<td>seed</td><td>0</td>" in text


def test_a_second_report_is_the_same(posenet):
    before = posenet.read_bytes()
    assert write_report(posenet.parents[1], "test").read_bytes() == before


def test_report_without_kept_images_or_history_still_has_the_numbers(tmp_path):
    run = runs.write_run(tmp_path / "run")
    for image in (run / "test" / "images").iterdir():
        image.unlink()
    (run / "history.csv").unlink()
    headings = Outline(write_report(run, "test").read_text()).headings
    assert "How large the errors are" in headings
    assert "Where the network looks" not in headings
    assert "How the training went" not in headings


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", None, r"config\.json is missing"),
        ("test/metrics.json", None, r"metrics\.json is missing; run eval\.py"),
        ("test/metrics.json", b"{", r"metrics\.json is not valid JSON"),
        ("test/metrics.json", b"[]", r"metrics\.json names no values"),
        ("test/predictions.csv", None, r"predictions\.csv is missing"),
        ("test/predictions.csv", b"\xff", r"predictions\.csv cannot be read"),
        ("test/images/000000.jpg", b"", r"000000\.jpg is no image"),
        ("test/attention.npz", b"PK\x03\x04 torn", r"attention\.npz cannot be read"),
    ],
)
def test_a_missing_or_broken_file_is_named(tmp_path, file, content, message):
    run = runs.write_run(tmp_path / "run", frames=2)
    if content is None:
        (run / file).unlink()
    else:
        (run / file).write_bytes(content)
    with pytest.raises(UserError, match=message):
        write_report(run, "test")


def test_arrays_with_a_damaged_byte_are_named_wherever_it_is(tmp_path):
    path = runs.write_run(tmp_path / "run", frames=2) / "test/attention.npz"
    content = path.read_bytes()
    told = set()
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            read_arrays(path, "evaluate")
        except UserError as error:
            told.add(str(error))
    assert len(told) > 1


def test_attention_of_another_evaluation_is_refused(tmp_path):
    run = runs.write_run(tmp_path / "run", frames=3)
    other = runs.write_run(tmp_path / "other", frames=2)
    (other / "test" / "attention.npz").replace(run / "test" / "attention.npz")
    with pytest.raises(UserError, match=r"4 rows of layer_gates for 6 predictions"):
        write_report(run, "test")


def test_report_needs_neither_keras_nor_tensorflow():
    code = (
        "import sys, report.pose_report; "
        "print(sorted({'keras', 'tensorflow', 'matplotlib.pyplot'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_a_network_that_knows_its_uncertainty_shows_it(tmp_path, posenet):
    path = runs.write_run(tmp_path / "bayesian", attention=False, uncertain=True)
    page = write_report(path, "test")
    heading = "Whether it knows when it errs"
    assert heading in Outline(page.read_text()).headings
    assert heading not in Outline(posenet.read_text()).headings
    assert (path / "test/figures/uncertainty.png").stat().st_size > 0
    assert re.search(r"position: rank correlation 0\.\d\d", page.read_text())
