"""Predictions of photographs: rows, pictures, and what bad input ends in."""

import csv
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from data.images import decode_rgb, encode_png, resize_short_side, resize_square
from data.pipeline import Split
from errors import UserError
from exported import export_saved_model, open_exported
from prediction import overlay_paths, predict
from run_folder import load_network
from serving import open_run
from tasks.results import chosen_layers
from tasks.scene_results import probabilities
from tests.commands import ROOT, script
from tests.runs import CLASSES, LAYERS, make_run, make_scene_run, spoil

HEADER = ["image", "x", "y", "z", "qw", "qx", "qy", "qz"]
STEPS = ["layer_step1", "layer_step2", "layer_step3"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    # Of this seed's network the steps choose different layers.
    return make_run(tmp_path_factory.mktemp("run") / "joint", seed=8)


@pytest.fixture(scope="module")
def localizer(run):
    return open_run(run.path)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Five photographs; the third and the last have shapes of their own."""
    folder = tmp_path_factory.mktemp("photographs")
    sizes = [(640, 480), (640, 480), (300, 500), (640, 480), (90, 60)]
    rng = np.random.default_rng(0)
    paths = [folder / f"{number}.png" for number in range(len(sizes))]
    for path, size in zip(paths, sizes, strict=True):
        blots = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
        blots.resize(size, Image.Resampling.BICUBIC).save(path)
    return [str(path) for path in paths]


@pytest.fixture
def broken(tmp_path):
    path = tmp_path / "notes.jpg"
    path.write_text("no photograph")
    return str(path)


def rows(text):
    header, *lines = csv.reader(io.StringIO(text))
    return header, [line[0] for line in lines], np.array([line[1:8] for line in lines], float)


def test_a_row_for_each_image_as_evaluation_prepares_it(run, localizer, photographs, capsys):
    predict(localizer, photographs)
    header, names, poses = rows(capsys.readouterr().out)
    assert header == HEADER + STEPS
    assert names == photographs
    prepared = [encode_png(resize_short_side(decode_rgb(Path(path)))) for path in photographs]
    examples = tf.data.Dataset.from_tensor_slices(
        {"image": prepared, "pose": np.zeros((len(prepared), 7))}
    )
    split = Split(examples, np.zeros((5, 7)), names, ["s"] * 5, run.config["image_size"])
    evaluated = load_network(run).predict(split.test_batches(5), verbose=0)
    np.testing.assert_allclose(poses, evaluated["pose"], rtol=0, atol=1e-5)
    assert np.abs(poses - poses[0])[1:].max(axis=1).min() > 1e-4  # the order could be told


def test_layers_are_named_as_the_gates_chose(localizer, photographs, capsys):
    predict(localizer, photographs)
    told = [line.split(",")[8:] for line in capsys.readouterr().out.splitlines()[1:]]
    for path, layers in zip(photographs, told, strict=True):
        gates = localizer(resize_short_side(decode_rgb(Path(path)))[None])["layer_gates"][0]
        assert layers == [LAYERS[index] for index in gates.argmax(axis=-1)]
        assert len(set(layers)) > 1


def test_rows_before_a_bad_image_are_written(localizer, photographs, broken, tmp_path):
    output = tmp_path / "poses.csv"
    with pytest.raises(UserError, match=broken):
        predict(localizer, [*photographs[:2], broken, photographs[3]], output=str(output))
    assert rows(output.read_text())[1] == photographs[:2]


def test_bad_images_can_be_skipped(localizer, photographs, broken, tmp_path, capsys):
    images = [photographs[0], broken, str(tmp_path / "gone.jpg"), str(tmp_path), photographs[1]]
    predict(localizer, images, skip_bad=True)
    captured = capsys.readouterr()
    assert rows(captured.out)[1] == photographs[:2]
    assert captured.err.count("skipped: ") == captured.err.count("\n") == 3
    assert broken in captured.err


def test_a_disk_that_is_full(localizer, photographs):
    with pytest.raises(UserError, match="--output=/dev/full cannot be written: No space left"):
        predict(localizer, photographs, output="/dev/full")


def test_names_that_are_no_text(localizer, photographs, monkeypatch, tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.png"
    shutil.copy(photographs[-1], path)
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding="utf-8"))
    predict(localizer, [os.fsdecode(path)])
    sys.stdout.flush()
    assert printed.getvalue().splitlines()[1].startswith(path + b",")


def test_nothing_but_bad_images(localizer, broken):
    with pytest.raises(UserError, match="none of the 1 images"):
        predict(localizer, [broken], skip_bad=True)


def test_pictures_of_one_name_stay_apart(localizer, photographs, tmp_path):
    images = []
    for place, source in zip(("hall/first", "attic"), photographs, strict=False):
        (tmp_path / place).mkdir(parents=True)
        images.append(f"{tmp_path}/{place}/frame.jpg")
        Image.open(source).save(images[-1])
    folder = tmp_path / "pictures"
    predict(localizer, images, output=str(tmp_path / "poses.csv"), overlays=str(folder))
    drawn = [folder / f"{place}/frame.jpg.attention.png" for place in ("hall/first", "attic")]
    assert sorted(folder.rglob("*.png")) == sorted(drawn)
    first, second = (np.asarray(Image.open(path)) for path in drawn)
    assert first.shape == second.shape
    assert (first != second).mean() > 0.1
    assert first.shape[1] > 3 * first.shape[0] / 2  # the input and three steps in a row


def test_pictures_never_take_the_place_of_their_image():
    images = ["rooms/a.png", "rooms/a.jpg", "./rooms/../rooms/b.png"]
    paths = overlay_paths(images, Path("rooms"))
    assert [path.as_posix() for path in paths.values()] == [
        "rooms/a.png.attention.png", "rooms/a.jpg.attention.png", "rooms/b.png.attention.png",
    ]  # fmt: skip


def test_a_model_without_gates_or_maps(tmp_path, photographs, capsys):
    posenet = open_run(make_run(tmp_path / "run", model="posenet", image_size=32).path)
    predict(posenet, photographs[:1])
    header, names, _ = rows(capsys.readouterr().out)
    assert (header, names) == (HEADER, photographs[:1])
    with pytest.raises(UserError, match="posenet has no attention"):
        predict(posenet, photographs, overlays=str(tmp_path / "pictures"))


@pytest.fixture(scope="module")
def scene_run(tmp_path_factory):
    return make_scene_run(tmp_path_factory.mktemp("run") / "scenes")


def test_a_row_for_each_scene_as_evaluation_prepares_it(scene_run, photographs, tmp_path):
    turned = str(tmp_path / "turned.jpg")  # stored on its side, shown upright
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(photographs[0]).save(turned, exif=exif)
    images = [*photographs, turned]
    output, overlays = tmp_path / "classes.csv", tmp_path / "pictures"
    predict(open_run(scene_run.path), images, output=str(output), overlays=str(overlays))
    header, *lines = csv.reader(output.open())
    assert header == ["image", "class", "probability", *STEPS]
    assert [line[0] for line in lines] == images
    assert len(list(overlays.rglob("*.png"))) == len(images)
    prepared = [encode_png(resize_square(decode_rgb(Path(path), upright=True))) for path in images]
    labels = np.zeros(len(images), np.int64)
    examples = tf.data.Dataset.from_tensor_slices({"image": prepared, "label": labels})
    size = scene_run.config["image_size"]
    split = Split(examples, labels, images, ["s"] * len(images), size, tuple(CLASSES))
    evaluated = load_network(scene_run).predict(split.test_batches(8), verbose=0)
    assert [line[1] for line in lines] == [CLASSES[i] for i in evaluated["logits"].argmax(axis=1)]
    shares = np.array([line[2] for line in lines], float)
    expected = probabilities(evaluated["logits"]).max(axis=1)
    np.testing.assert_allclose(shares, expected, rtol=0, atol=1e-5)
    assert len(set(shares)) == len(images)
    assert [line[3:] for line in lines] == chosen_layers(
        evaluated["layer_gates"], scene_run.config["layers"]
    )


def test_a_scene_network_without_gates_or_maps(tmp_path, photographs, capsys):
    googlenet = open_run(make_scene_run(tmp_path / "run", model="googlenet", image_size=32).path)
    predict(googlenet, photographs[:1])
    header, row = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header == ["image", "class", "probability"]
    assert row[0] == photographs[0]
    assert row[1] in CLASSES
    assert 1 / len(CLASSES) <= float(row[2]) <= 1
    with pytest.raises(UserError, match="googlenet has no attention"):
        predict(googlenet, photographs, overlays=str(tmp_path / "pictures"))


@pytest.mark.parametrize(
    ("option", "place", "reason"),
    [
        ("output", "file/x", "Not a"),
        ("overlays", "file/x", "Not a"),
        ("overlays", "file", "a file"),
    ],
)
def test_places_that_cannot_be_written(localizer, photographs, tmp_path, option, place, reason):
    (tmp_path / "file").write_text("")
    words = f"--{option}={tmp_path}/{place} cannot be written: .*{reason}"
    with pytest.raises(UserError, match=words):
        predict(localizer, photographs[:1], **{option: f"{tmp_path}/{place}"})


def test_a_folder_that_is_no_export(run):
    with pytest.raises(UserError, match=f"{run.path} holds no exported model"):
        open_exported(run.path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict.py", "--run_dir=a", "--model=b", "a.jpg"], "either --run_dir or --model"),
        (["predict.py", "--run_dir=a"], "no images"),
        (["predict.py", "--run_dir=", "a.jpg"], "holds no run"),
        (["predict.py", "--model=/nowhere", "a.jpg"], "/nowhere holds no exported model"),
        (["export.py", "--run_dir=/nowhere", "--output=/tmp/x"], "/nowhere holds no run"),
    ],
)
def test_scripts_print_one_line_and_end_with_status_2(arguments, words):
    done = script(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def test_rows_that_cannot_be_printed(run, photographs):
    words = [sys.executable, "predict.py", f"--run_dir={run.path}", photographs[0]]
    with open("/dev/full", "w") as full:
        done = subprocess.run(words, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: the rows cannot be printed: No space left on device\n"


def test_answers_that_are_no_numbers(tmp_path, photographs):
    broken = make_run(tmp_path / "run")
    spoil(broken.weights("best"))
    with pytest.raises(UserError, match="answers with what is no number"):
        predict(open_run(broken.path), photographs[:1])


def test_a_bayesian_network_gives_its_spread_live_and_exported(tmp_path, photographs, capsys):
    run = make_run(tmp_path / "bayesian", model="bayesian_posenet")
    export_saved_model(run.path, tmp_path / "exported")
    answers = []
    for predictor in (open_run(run.path), open_exported(tmp_path / "exported")):
        assert predictor.description["outputs"]["uncertainty"]["shape"] == [None, 2]
        predict(predictor, photographs[:2])
        header, *lines = csv.reader(io.StringIO(capsys.readouterr().out))
        assert header == [*HEADER, "uncertainty_m", "uncertainty_deg"]
        answers.append(np.array([line[1:] for line in lines], float))
        assert answers[-1].shape == (2, 9)
        assert (answers[-1][:, 7:] > 0).all()
    np.testing.assert_allclose(*answers, atol=1e-4)
