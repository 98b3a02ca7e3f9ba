import base64
import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from errors import UserError
from models.glimpse_sensor import GlimpseSensor
from report import glimpse_figures, glimpse_maps, rollout_gif
from report.digit_report import write_report
from report.glimpse_files import choose_images
from report.run_files import read_split
from tasks import scene_results
from tasks.results import image_file_name
from tests.report import scene_runs
from tests.report.test_pose_report import Outline

ROOT = Path(__file__).parents[2]
CLASSES = tuple("0123456789")
INLINE = re.compile(r"data:image/(png|gif);base64,")
GLIMPSES, SIDE, SIZE, SCALES = 3, 20, 6, 2
OWN = {"distances.png", "error_by_glimpse.png", "locations.png", "paths_mistakes.png",
       "paths_sample.png", "rollout.gif"}  # fmt: skip


def made_up_logits(labels, skill=4.0, seed=0):
    """Logits [N, T, 10] of a network that is surer with every glimpse, and at times wrong."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 1.2, (len(labels), GLIMPSES, 10))
    logits[np.arange(len(labels)), :, labels] += np.linspace(0, skill, GLIMPSES)
    return logits


def write_digit_run(path: Path, *, glimpses=True, images=40, skill=4.0) -> Path:
    """Writes a run of `ram`, or of `fully_connected` without glimpses."""
    test = path / "test"
    (test / "images").mkdir(parents=True)
    random = np.random.default_rng(1)
    labels = np.arange(images) % 10
    logits = made_up_logits(labels, skill)
    names = [f"test-{row:05d}" for row in range(images)]
    shares = scene_results.probabilities(logits[:, -1])
    scene_results.write_predictions_csv(
        test / "predictions.csv", names, labels, shares, CLASSES, None
    )
    metrics = scene_results.scene_metrics(labels, logits[:, -1], CLASSES)
    (test / "metrics.json").write_text(json.dumps(metrics))
    config = {"task": "digit", "dataset": "mnist_cluttered_60", "class_names": CLASSES}
    config["model"] = "ram" if glimpses else "fully_connected"
    (path / "config.json").write_text(json.dumps(config))
    scene_runs.write_history(path / "history.csv", attention=False)
    pictures = random.integers(0, 256, (images, SIDE, SIDE), dtype=np.uint8)
    groups = choose_images(read_split(path, "test").predictions)
    shown = sorted({row for rows in groups.values() for row in rows})
    for row in shown:
        Image.fromarray(pictures[row]).save(test / "images" / image_file_name(row))
    if glimpses:
        locations = random.uniform(-1, 1, (images, GLIMPSES, 2)).astype(np.float32)
        centers = random.uniform(-0.5, 0.5, (images, 2)).astype(np.float32)
        np.savez(
            test / "glimpses.npz", images=pictures[shown], shown=shown, locations=locations,
            centers=centers, logits_by_glimpse=logits, labels=labels, glimpse_size=SIZE,
            scales=SCALES,
        )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def ram(tmp_path_factory) -> Path:
    return write_report(write_digit_run(tmp_path_factory.mktemp("run") / "ram"), "test")


@pytest.fixture(scope="module")
def connected(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("run") / "connected"
    return write_report(write_digit_run(path, glimpses=False), "test")


def test_report_holds_every_figure_inline_and_nothing_else(ram):
    outline = Outline(ram.read_text())
    assert all(INLINE.match(address) for address in outline.addresses)
    kinds = [INLINE.match(address)[1] for address in outline.addresses]
    assert kinds.count("gif") == 1
    inline = {base64.b64decode(INLINE.sub("", address)) for address in outline.addresses}
    files = {path.name: path.read_bytes() for path in (ram.parent / "figures").iterdir()}
    assert set(files) == OWN | {"confusion.png", "mistakes.png", "training.png"}
    assert inline == set(files.values())
    assert not {"script", "link", "iframe", "object"} & set(outline.tags)


def test_report_of_a_network_without_glimpses_lacks_those_sections(ram, connected):
    extra = ["Where the network looks", "What each glimpse is worth"]
    headings = [Outline(path.read_text()).headings for path in (ram, connected)]
    assert [heading for heading in headings[0] if heading not in extra] == headings[1]
    assert set(extra) <= set(headings[0])
    figures = [
        {path.name for path in (run.parent / "figures").iterdir()} for run in (ram, connected)
    ]
    assert figures[0] - figures[1] == OWN


def test_report_leads_with_the_error_rate_of_the_predictions(ram):
    predictions = read_split(ram.parents[1], "test").predictions
    wrong = int(np.sum(predictions.truth != predictions.predicted))
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", ram.read_text()))
    assert wrong > 0
    assert facts == {"error rate": f"{wrong / 40:.2%}", "wrong": str(wrong), "images": "40"}


def test_report_says_what_was_held_out(ram, tmp_path):
    assert "Nothing was held out; the test images" in ram.read_text()
    path = write_digit_run(tmp_path / "run")
    config = json.loads((path / "config.json").read_text()) | {"validation_sequences": ["fold-5"]}
    (path / "config.json").write_text(json.dumps(config))
    assert "come from parts of the training set that are held out" in (
        write_report(path, "test").read_text()
    )


def test_report_says_which_answers_are_trained(ram, tmp_path):
    assert "trained to answer after the last one" in ram.read_text()
    path = write_digit_run(tmp_path / "run")
    config = json.loads((path / "config.json").read_text()) | {"glimpse_weight": 1.0}
    (path / "config.json").write_text(json.dumps(config))
    assert "Each of its answers is trained" in write_report(path, "test").read_text()


def test_a_perfect_network_has_no_mistakes_to_show(tmp_path):
    report = write_report(write_digit_run(tmp_path / "run", skill=50.0), "test")
    figures = {path.name for path in (report.parent / "figures").iterdir()}
    assert "paths_sample.png" in figures
    assert not {"mistakes.png", "paths_mistakes.png"} & figures


def test_a_second_report_is_the_same(ram):
    before = ram.read_bytes()
    assert write_report(ram.parents[1], "test").read_bytes() == before


def test_baselines_stand_beside_the_error_rate(tmp_path):
    run = write_digit_run(tmp_path / "run", glimpses=False)
    metrics = {"accuracy": 0.9875, "baselines": {"retrieval": {"accuracy": 0.95}}}
    (run / "test" / "metrics.json").write_text(json.dumps(metrics))
    text = write_report(run, "test").read_text()
    row = '<tr><td>error rate</td><td class="best">1.25%</td><td>5.00%</td></tr>'
    assert row in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": None}, "lacks labels"),
        ({"shown": np.arange(2)}, "no image for each row"),
        ({"labels": np.zeros(40, int)}, "not of the images of predictions.csv"),
        ({"locations": np.zeros((39, GLIMPSES, 2))}, "not of the images of predictions.csv"),
    ],
)
def test_glimpses_that_do_not_fit_are_named(tmp_path, change, message):
    run = write_digit_run(tmp_path / "run")
    file = run / "test" / "glimpses.npz"
    arrays = dict(np.load(file)) | change
    np.savez(file, **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(UserError, match=rf"glimpses\.npz.*{message}.*; run eval\.py"):
        write_report(run, "test")


def test_report_needs_neither_keras_nor_tensorflow():
    code = (
        "import sys, report.digit_report, report.catch_report; "
        "print(sorted({'keras', 'tensorflow', 'matplotlib.pyplot'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_a_glimpse_by_hand():
    image = np.arange(16).reshape(4, 4)
    centre = glimpse_figures.crop_glimpse(image, np.array([0.0, 0.0]), 2, 2)
    np.testing.assert_array_equal(centre, [[[5, 6], [9, 10]], [[2.5, 4.5], [10.5, 12.5]]])
    # x is first, to the right; outside is zero.
    right = glimpse_figures.crop_glimpse(image, np.array([1.0, 0.0]), 2, 1)
    np.testing.assert_array_equal(right, [[[7, 0], [11, 0]]])


@pytest.mark.parametrize(("side", "size", "scales"), [(28, 8, 1), (60, 12, 3), (15, 5, 2)])
def test_drawn_glimpses_are_what_the_sensor_sees(side, size, scales):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (30, side, side))
    locations = random.uniform(-1, 1, (30, 2)).astype(np.float32)
    locations[:4] = [[-1, -1], [1, 1], [-1, 1], [0, 0]]
    locations[4:20] = 2 * random.integers(0, 2 * side + 1, (16, 2)) / (2 * side) - 1  # halves
    seen = GlimpseSensor(size, scales)(images[..., None].astype(np.float32), locations)
    drawn = [
        glimpse_figures.crop_glimpse(image, location, size, scales)
        for image, location in zip(images, locations, strict=True)
    ]
    np.testing.assert_allclose(drawn, np.asarray(seen)[..., 0], rtol=1e-5, atol=1e-3)


def test_what_was_seen_is_as_sharp_as_it_was_seen():
    image = np.random.default_rng(0).integers(1, 256, (12, 12)).astype(float)
    locations = np.array([[-0.5, -0.5], [0.5, 0.5]])  # pixels 2..3 and 8..9 at the finest scale
    seen = glimpse_figures.assemble(image, locations, 2, 2)
    np.testing.assert_array_equal(seen[2:4, 2:4], image[2:4, 2:4])
    np.testing.assert_array_equal(seen[8:10, 8:10], image[8:10, 8:10])
    np.testing.assert_array_equal(seen[1:3, 3:5][0], np.full(2, image[1:3, 3:5].mean()))
    unseen = np.ones((12, 12), bool)
    unseen[1:5, 1:5] = unseen[7:11, 7:11] = False
    np.testing.assert_array_equal(np.isnan(seen), unseen)


def test_error_by_glimpse_by_hand():
    answers = np.array([[0, 1, 1], [2, 0, 2]])
    errors = glimpse_maps.error_by_glimpse(np.eye(3)[answers], np.array([1, 2]))
    assert errors.tolist() == [0.5, 0.5, 0.0]


def test_distances_by_hand():
    locations = np.array([[[0, 0], [0.3, 0.4]], [[1, -1], [-0.5, 0.5]]])
    distances = glimpse_maps.distances_in_pixels(locations, np.array([[0, 0], [-0.5, 0.5]]), 20)
    np.testing.assert_allclose(distances, [[0, 5], [10 * np.hypot(1.5, 1.5), 0]])


def test_distances_are_drawn_by_their_median_and_not_where_all_digits_lie_alike(ram, tmp_path):
    line = glimpse_maps.distance_figure(np.array([[1, 9], [2, 4], [6, 5]])).axes[0].lines[0]
    np.testing.assert_allclose(line.get_xydata(), [[1, 2], [2, 5]])
    run = write_digit_run(tmp_path / "run")
    path = run / "test" / "glimpses.npz"
    arrays = dict(np.load(path))
    arrays["centers"] = np.zeros_like(arrays["centers"])
    np.savez(path, **arrays)
    figures = write_report(run, "test").parent / "figures"
    assert not (figures / "distances.png").exists()
    assert (figures / "locations.png").exists()


def test_location_histogram_by_hand():
    locations = np.array([[[-1, -1], [1, 0]], [[-0.9, -0.5], [1, 0.1]], [[0, 0.9], [-1, 0]]])
    shares = glimpse_maps.location_histogram(locations, bins=3)
    np.testing.assert_allclose(shares[0], [[2 / 3, 0, 0], [0, 0, 0], [0, 1 / 3, 0]])
    np.testing.assert_allclose(shares[1], [[0, 0, 0], [1 / 3, 0, 2 / 3], [0, 0, 0]])


def test_heat_maps_share_one_scale_and_leave_empty_cells_white():
    locations = np.random.default_rng(0).uniform(-1, 1, (50, 3, 2))
    locations[:, 0] = 0.0
    pictures = [
        axes.images[0] for axes in glimpse_maps.location_figure(locations).axes if axes.images
    ]
    assert len(pictures) == 3
    assert len({picture.get_clim() for picture in pictures}) == 1
    assert (~np.ma.getmaskarray(pictures[0].get_array())).sum() == 1


def test_paths_show_a_row_an_image_and_a_column_a_glimpse():
    images = np.zeros((2, SIDE, SIDE), np.uint8)
    locations = np.random.default_rng(0).uniform(-1, 1, (2, GLIMPSES, 2))
    figure = glimpse_figures.path_figure(images, locations, SIZE, SCALES, ["first", "second"])
    whole = [axes for axes in figure.axes if axes.lines]
    assert [axes.texts[0].get_text() for axes in whole] == ["first", "second"]
    assert len(figure.axes) == 2 * (1 + GLIMPSES * SCALES)
    for axes, path in zip(whole, locations, strict=True):
        np.testing.assert_allclose(axes.lines[0].get_xydata(), (path + 1) / 2 * SIDE - 0.5)
        corners = [patch.get_xy() for patch in axes.patches]
        start = np.round((path + 1) / 2 * SIDE - SIZE / 2)
        np.testing.assert_allclose(corners, start - 0.5)
    with pytest.raises(ValueError, match="2 paths"):
        glimpse_figures.path_figure(images[:1], locations, SIZE, SCALES, ["first", "second"])


def test_many_glimpses_are_drawn_in_part():
    locations = np.zeros((1, 100, 2))
    answers = [[str(number) for number in range(100)]]
    figure = glimpse_figures.path_figure(
        np.zeros((1, SIDE, SIDE), np.uint8), locations, SIZE, SCALES, [""], answers
    )
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]
    assert len(titles) == glimpse_figures.MOST
    assert (titles[0], titles[-1]) == ("glimpse 1", "100")
    assert "99" in {text.get_text() for axes in figure.axes for text in axes.texts}


def test_a_rollout_has_a_frame_a_glimpse_and_no_end(ram):
    with Image.open(ram.parent / "figures" / "rollout.gif") as gif:
        frames = []
        for number in range(gif.n_frames):
            gif.seek(number)
            frames.append((np.asarray(gif.convert("RGB")), gif.info["duration"]))
    assert len(frames) == GLIMPSES
    assert gif.info["loop"] == 0
    assert [duration for _, duration in frames] == [900, 900, 3000]
    assert all((first != second).any() for (first, _), (second, _) in pairwise(frames))


def test_an_animation_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one frame"):
        rollout_gif.write_gif([], tmp_path / "empty.gif", 100)
