"""The script: its directions, its report, and that a failure writes nothing."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from errors import UserError
from files import sha256
from models.googlenet import GoogLeNet
from run_folder import RunFolder, load_network
from tests.runs import make_scene_run
from tests.weights.caffe_writers import encode_mean, write_caffe_hdf5
from weights import convert_places_caffe
from weights.caffe_files import read_caffe, write_caffemodel
from weights.conversion import caffe_to_keras, keras_to_caffe, run_to_caffe
from weights.convert_places_caffe import convert
from weights.googlenet_blobs import blobs_from_network
from weights.store import NAMED, read_facts, read_store

SCRIPT = Path(convert_places_caffe.__file__)
DIGITS = str(SCRIPT.parents[1] / "results/runs/mnist-ram-N7-s0-4f299986")


def run_script(*arguments, cwd):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def caffemodel(blobs, tmp_path_factory):
    path = tmp_path_factory.mktemp("caffe") / "trained.caffemodel"
    write_caffemodel(path, blobs, v1=True)
    return path


@pytest.fixture(scope="module")
def report():
    return []


@pytest.fixture(scope="module")
def store(caffemodel, report):
    path = caffemodel.with_name("trained.weights.h5")
    caffe_to_keras(caffemodel, path, (1.0, 2.0, 3.0), log=report.append)
    return path


def assert_same_blobs(path, blobs):
    found = read_caffe(path)
    assert found.keys() == blobs.keys()
    for name, pair in blobs.items():
        for blob, wanted in zip(found[name], pair, strict=True):
            np.testing.assert_array_equal(blob.ravel(), wanted.ravel())


def test_the_result_has_the_weights_and_says_where_they_come_from(network, caffemodel, store):
    found, facts = read_store(store)
    assert facts == {
        "classes": 10, "mean_rgb": [1.0, 2.0, 3.0], "has_classifier": True, "has_auxiliary": True,
        "source": caffemodel.name, "source_sha256": sha256(caffemodel),
    }  # fmt: skip
    for weight, wanted in zip(found.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, wanted)


def test_report(caffemodel, store, report):
    text = "\n".join(report)
    assert "V1 encoding, bvlc names" in text
    assert "inception_3a/3x3" in text
    assert "128x96x3x3 1x1x1x128" in text
    assert "64 layers, 128 blobs, 10,334,030 parameters: trunk, auxiliary, classifier" in text
    assert sha256(caffemodel) in text
    assert sha256(store) in text


def test_report_compares_with_opencv(store, report):
    pytest.importorskip("cv2")
    differences = report[-2].split(", ")
    assert len(differences) == 12
    assert all(float(words.split()[1]) < 1e-4 for words in differences)


def test_back_to_caffe(store, blobs, tmp_path):
    output = tmp_path / "new/back.caffemodel"
    keras_to_caffe(store, output, log=lambda line: None)
    assert_same_blobs(output, blobs)
    prototxt = output.with_suffix(".prototxt").read_text()
    assert prototxt.startswith("# Images are blue, green, red in 0..255, minus 3, 2, 1.\n")
    assert len(list(output.parent.iterdir())) == 3
    lines = []
    caffe_to_keras(output, tmp_path / "again.weights.h5", log=lines.append)
    assert read_facts(tmp_path / "again.weights.h5")["mean_rgb"] == [1, 2, 3]
    assert f"mean of {tmp_path / 'new/back.mean.binaryproto'}" in "\n".join(lines)


def test_hdf5_without_opencv(blobs, tmp_path, monkeypatch):
    """The trunk of an HDF5 file; and OpenCV is no condition for anything."""
    monkeypatch.setitem(sys.modules, "cv2", None)
    source, lines = tmp_path / "model.caffemodel.h5", []
    write_caffe_hdf5(source, blobs)
    caffe_to_keras(source, tmp_path / "a.weights.h5", trunk_only=True, log=lines.append)
    assert "not compared: OpenCV is not installed" in lines[-2]
    assert "5,973,552 parameters: trunk; without auxiliary, classifier" in "\n".join(lines)
    keras_to_caffe(tmp_path / "a.weights.h5", tmp_path / "a.caffemodel", True, log=lines.append)
    assert "not compared: OpenCV is not installed" in "\n".join(lines)
    assert len(read_caffe(tmp_path / "a.caffemodel")) == 57


def test_hdf5_is_compared_with_opencv_too(blobs, tmp_path):
    pytest.importorskip("cv2")
    source, lines = tmp_path / "model.caffemodel.h5", []
    write_caffe_hdf5(source, blobs)
    caffe_to_keras(source, tmp_path / "a.weights.h5", log=lines.append)
    assert len(lines[-2].split(", ")) == 12


def test_a_disagreement_writes_nothing(caffemodel, tmp_path, monkeypatch):
    pytest.importorskip("cv2")
    monkeypatch.setattr(
        "weights.conversion.deploy_prototxt",
        lambda *arguments: opencv_prototxt(*arguments).replace("alpha: 0.0001", "alpha: 0.1"),
    )
    from weights.caffe_prototxt import deploy_prototxt as opencv_prototxt

    with pytest.raises(UserError, match="disagree on"):
        caffe_to_keras(caffemodel, tmp_path / "a.weights.h5", log=lambda line: None)
    assert not any(tmp_path.iterdir())


class TestRun:
    def test_a_run_is_a_start_with_its_mean(self, tmp_path):
        run = make_scene_run(tmp_path / "run", model="googlenet")
        output = tmp_path / "start.weights.h5"
        convert(run_dir=str(run.path), output=str(output))
        found, facts = read_store(output)
        assert facts["mean_rgb"] == run.config["network"]["mean_rgb"]
        assert (facts["has_classifier"], facts["has_auxiliary"]) == (True, False)
        trained = load_network(run)
        for part in ("trunk", "head"):
            pairs = zip(getattr(found, part).weights, getattr(trained, part).weights, strict=True)
            for ours, theirs in pairs:
                np.testing.assert_array_equal(ours, theirs)
        assert not any(weight.numpy().any() for weight in found.auxiliary_heads[0].weights)

    @pytest.fixture
    def trained(self, monkeypatch):
        """Pretends that run `runs/a` holds a network trained with images of some size."""

        def make(network, image_size):
            run = RunFolder(Path("runs/a"), {"model": "any", "image_size": image_size})
            monkeypatch.setattr("run_folder.RunFolder.open", lambda path: run)
            monkeypatch.setattr("run_folder.load_network", lambda run: network)

        return make

    def test_classifier(self, network, blobs, trained, tmp_path):
        trained(network, 224)
        run_to_caffe(Path("runs/a"), tmp_path / "a.caffemodel", log=lambda line: None)
        assert_same_blobs(tmp_path / "a.caffemodel", blobs)

    def test_auxiliary_classifiers_fit_one_size_alone(self, network, trained, tmp_path):
        trained(network, 96)
        lines = []
        run_to_caffe(Path("runs/a"), tmp_path / "a.caffemodel", log=lines.append)
        assert len(read_caffe(tmp_path / "a.caffemodel")) == 58
        assert "dim: 96" in (tmp_path / "a.prototxt").read_text()
        assert "without auxiliary" in "\n".join(lines)

    def test_trunk_of_another_network(self, network, trained, tmp_path):
        class Other:
            trunk = network.trunk

        trained(Other, 64)
        run_to_caffe(Path("runs/a"), tmp_path / "a.caffemodel", log=lambda line: None)
        assert_same_blobs(tmp_path / "a.caffemodel", blobs_from_network(network, ["trunk"]))

    def test_trunk_that_ends_early(self, trained, tmp_path):
        class Other:
            trunk = GoogLeNet(deepest="4e")

        trained(Other, 64)
        with pytest.raises(UserError, match="ends at 4e"):
            run_to_caffe(Path("runs/a"), tmp_path / "a.caffemodel")
        assert not any(tmp_path.iterdir())


class TestScript:
    def test_names_are_those_that_resolve_knows(self):
        assert tuple(NAMED) == convert_places_caffe.NAMES

    def test_named_place_from_any_folder(self, caffemodel, tmp_path, monkeypatch):
        monkeypatch.setenv("WHATWHERE_WEIGHTS", str(tmp_path / "place"))
        (tmp_path / "mean.binaryproto").write_bytes(encode_mean(np.float32([[[3]], [[2]], [[1]]])))
        done = run_script(
            f"--input={caffemodel}", "--name=places205", "--mean=mean.binaryproto", cwd=tmp_path
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "python train.py --pretrained=places205" in done.stdout
        _, facts = read_store(tmp_path / "place/places205.weights.h5")
        assert facts["mean_rgb"] == [1.0, 2.0, 3.0]

    def test_failure_is_one_line_and_status_2(self, caffemodel, tmp_path):
        source = tmp_path / "cut.caffemodel"
        source.write_bytes(caffemodel.read_bytes()[:-1000])
        done = run_script(f"--input={source}", "--output=a.weights.h5", cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith(f"error: {source} is cut short")
        assert [path.name for path in tmp_path.iterdir()] == [source.name]

    @pytest.mark.parametrize(
        ("flags", "words"),
        [
            ({}, "one of --input=FILE and --run_dir=RUN"),
            ({"input": "a", "run_dir": "b"}, "one of --input=FILE and --run_dir=RUN"),
            ({"input": "a"}, "one of --output=FILE and --name="),
            ({"input": "a", "output": "b.h5"}, "--output=b.h5 must end in .weights.h5 or"),
            ({"run_dir": "a", "output": "b.weights.h5", "mean": "1,2,3"}, "--mean and --trunk"),
            ({"input": "a", "output": "b.caffemodel", "trunk_only": True}, "--mean and --trunk"),
            ({"input": "a", "name": "places205", "caffe_format": "v1"}, "--caffe_format=v1"),
            ({"run_dir": "a", "output": "b.weights.h5"}, "a holds no run"),
            ({"run_dir": DIGITS, "output": "b.weights.h5"}, "holds a ram, which has no GoogLeNet"),
            ({"input": "a", "output": "b.weights.h5", "mean": "1,2"}, "--mean=1,2 must be three"),
            ({"input": "a", "output": "b.weights.h5", "mean": "1,2,300"}, "in 0..255"),
            ({"input": "a", "output": "b.weights.h5", "mean": "nan,2,3"}, "in 0..255"),
            ({"input": "a", "output": "b.weights.h5", "mean": "gone"}, "gone is not there"),
            ({"input": "a", "output": "b.weights.h5"}, "a is not there"),
            ({"input": "a", "output": "b.caffemodel"}, "a is not there"),
        ],
    )
    def test_flags(self, flags, words, monkeypatch):
        values = dict.fromkeys(("input", "run_dir", "output", "name", "mean")) | flags
        with pytest.raises(UserError) as caught:
            convert_places_caffe.convert(**values)
        assert words in str(caught.value)
