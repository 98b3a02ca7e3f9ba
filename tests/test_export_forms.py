"""Files for LiteRT and ONNX give what the live network gives, and need nothing of this project."""

import json
import sys

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from PIL import Image

from errors import UserError
from exported import export_litert, export_onnx, open_exported
from run_folder import RunFolder, build_task
from serving import crops, open_run
from tests.commands import script
from tests.exports import assert_equal, photographs
from tests.runs import make_run, make_scene_run, resolved

IMAGES = photographs(90, 120)
FILES = {"litert": "model.tflite", "onnx": "model.onnx"}
both = pytest.mark.parametrize("export", [export_litert, export_onnx])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One whose maps are resized, not only averaged: its grid divides none of them."""
    return make_run(tmp_path_factory.mktemp("run") / "joint", mixed_precision="bfloat16", grid=3)


@pytest.fixture(scope="module", params=FILES)
def exported(run, request):
    """As the command writes it."""
    output = run.path.parent / request.param
    flags = [f"--run_dir={run.path}", f"--output={output}", f"--format={request.param}"]
    done = script("export.py", *flags)
    assert done.returncode == 0, done.stderr
    assert str(output) in done.stdout
    return output


def test_what_is_exported_equals_the_live_network(run, exported):
    names = {path.name for path in exported.iterdir()}
    assert names == {FILES[exported.name], "model.json"}
    live = open_run(run.path)(IMAGES)
    assert np.abs(live["pose"][0] - live["pose"][1]).max() > 1e-3  # else any constant would pass
    assert len(np.unique(live["layer_gates"].argmax(-1))) > 1  # the trunk grows on the way
    assert_equal(open_exported(exported)(IMAGES), live)


@pytest.mark.parametrize("exported", ["litert"], indirect=True)
def test_litert_alone_takes_a_prepared_image(run, exported):
    """As a program would that has nothing else: no operation of TensorFlow's is in it."""
    interpreter = tf.lite.Interpreter(str(exported / "model.tflite"))
    answer = interpreter.get_signature_runner("serving_default")
    image = crops(IMAGES[:1], 64).numpy()
    details = answer.get_input_details()["images"]
    description = json.loads((exported / "model.json").read_text())
    assert (details["dtype"], list(details["shape"])) == (np.uint8, [1, 64, 64, 3])
    assert description["input"] == [1, 64, 64, 3]
    assert set(description["outputs"]) == set(answer.get_output_details())
    names = {operation["op_name"] for operation in interpreter._get_ops_details()}
    assert not [name for name in names if name.startswith("Flex") or name == "CUSTOM"]
    assert_equal(answer(images=image), open_run(run.path)(IMAGES[:1]))


@pytest.mark.parametrize("exported", ["onnx"], indirect=True)
def test_onnx_runtime_alone_takes_prepared_images(run, exported):
    session = onnxruntime.InferenceSession(str(exported / "model.onnx"))
    (taken,) = session.get_inputs()
    description = json.loads((exported / "model.json").read_text())
    assert (taken.name, taken.type, taken.shape[1:]) == ("images", "tensor(uint8)", [64, 64, 3])
    assert description["input"] == [None, 64, 64, 3]
    given = session.run(None, {"images": crops(IMAGES, 64).numpy()})
    names = [output.name for output in session.get_outputs()]
    assert_equal(dict(zip(names, given, strict=True)), open_run(run.path)(IMAGES))


@pytest.mark.parametrize("package", ["tf2onnx", "onnxruntime"])
def test_packages_that_are_missing_are_named(package, run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"{package}.convert", raising=False)
    with pytest.raises(UserError, match=f"{package}.*pip install -r requirements-onnx.txt"):
        export_onnx(run.path, tmp_path / "exported")


@pytest.mark.parametrize("exported", ["onnx"], indirect=True)
def test_a_package_that_is_missing_when_it_is_read_is_named(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"onnxruntime.*pip install -r requirements-onnx\.txt"):
        open_exported(exported)


def test_predict_reads_it(exported, tmp_path):
    Image.fromarray(IMAGES[0].numpy()).save(tmp_path / "photo.png")
    done = script("predict.py", f"--model={exported}", str(tmp_path / "photo.png"))
    assert done.returncode == 0, done.stderr
    header, row = done.stdout.strip().splitlines()
    assert header.startswith("image,x,y,z,qw")
    assert len(row.split(",")) == len(header.split(","))


@pytest.fixture(scope="module", params=["bayesian_posenet", "lstm_posenet", "scene"])
def other(request, tmp_path_factory):
    """Another network's run, and what it answers."""
    path = tmp_path_factory.mktemp("other") / request.param
    scene = request.param == "scene"
    run = make_scene_run(path) if scene else make_run(path, model=request.param)
    return run, open_run(run.path)(IMAGES)


@both
def test_other_networks(other, export, tmp_path):
    run, live = other
    export(run.path, tmp_path / "exported")
    exported = open_exported(tmp_path / "exported")
    assert exported.description["task"] == run.config["task"]
    assert_equal(exported(IMAGES), live)


@both
def test_random_places_cannot_be_drawn(export, tmp_path):
    facts = {
        "network": {"classes": 10},
        "class_names": list("0123456789"),
        "validation_sequences": [],
    }
    flags = ["--dataset=mnist", "--location=random", f"--run_dir={tmp_path / 'run'}"]
    run = RunFolder.create(resolved(*flags) | facts)
    run.weights("best").parent.mkdir()
    build_task(run.config).save_weights(run.weights("best"))
    with pytest.raises(UserError, match=r"draws random numbers .*: only --format=saved_model"):
        export(run.path, tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


@pytest.mark.parametrize("content", [b"", b"TFL3 no network" * 20])
def test_a_damaged_file_is_named(exported, tmp_path, content):
    (tmp_path / "model.json").write_bytes((exported / "model.json").read_bytes())
    (tmp_path / FILES[exported.name]).write_bytes(content)
    with pytest.raises(UserError, match=f"{tmp_path} cannot be loaded") as caught:
        open_exported(tmp_path)
    assert "\n" not in str(caught.value)
