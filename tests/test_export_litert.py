"""A file for LiteRT gives what the live network gives, and needs nothing but LiteRT."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from errors import UserError
from exported import export_litert, open_exported
from serving import crops, open_run
from tests.commands import ROOT
from tests.runs import make_run, make_scene_run


def photographs(count=2):
    """Random blots, so that their small copies differ."""
    blots = np.random.default_rng(0).integers(0, 256, (count, 5, 7, 3)).astype(np.float32)
    return np.uint8(tf.image.resize(blots, (90, 120)))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run") / "joint", mixed_precision="bfloat16")


@pytest.fixture(scope="module")
def exported(run):
    """As the command writes it."""
    output = run.path.parent / "exported"
    flags = [f"--run_dir={run.path}", f"--output={output}", "--format=litert"]
    done = subprocess.run(
        [sys.executable, "export.py", *flags], cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert str(output) in done.stdout
    return output


def assert_equal(outputs, expected, tolerance=1e-5):
    assert outputs.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(outputs[name], value, rtol=0, atol=tolerance, err_msg=name)


def test_litert_equals_the_live_network(run, exported):
    assert {path.name for path in exported.iterdir()} == {"model.tflite", "model.json"}
    live = open_run(run.path)(photographs())
    assert np.abs(live["pose"][0] - live["pose"][1]).max() > 1e-3  # else any constant would pass
    assert len(np.unique(live["layer_gates"].argmax(-1))) > 1  # the trunk grows on the way
    assert_equal(open_exported(exported)(photographs()), live)


def test_the_file_alone_takes_a_prepared_image(run, exported):
    """As a program would that has only LiteRT: no operation of TensorFlow's is in it."""
    interpreter = tf.lite.Interpreter(str(exported / "model.tflite"))
    answer = interpreter.get_signature_runner("serving_default")
    image = crops(tf.constant(photographs(1)), 64).numpy()
    details = answer.get_input_details()["images"]
    description = json.loads((exported / "model.json").read_text())
    assert (details["dtype"], list(details["shape"])) == (np.uint8, [1, 64, 64, 3])
    assert description["input"] == [1, 64, 64, 3]
    assert set(description["outputs"]) == set(answer.get_output_details())
    names = {operation["op_name"] for operation in interpreter._get_ops_details()}
    assert not [name for name in names if name.startswith("Flex") or name == "CUSTOM"]
    assert_equal(answer(images=image), open_run(run.path)(photographs(1)))


def test_predict_reads_it(exported, tmp_path):
    Image.fromarray(photographs(1)[0]).save(tmp_path / "photo.png")
    done = subprocess.run(
        [sys.executable, "predict.py", f"--model={exported}", str(tmp_path / "photo.png")],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    header, row = done.stdout.strip().splitlines()
    assert header.startswith("image,x,y,z,qw")
    assert len(row.split(",")) == len(header.split(","))


@pytest.mark.parametrize("model", ["posenet", "lstm_posenet"])
def test_other_localisers(model, tmp_path):
    run = make_run(tmp_path / "run", model=model)
    export_litert(run.path, tmp_path / "exported")
    assert_equal(
        open_exported(tmp_path / "exported")(photographs()), open_run(run.path)(photographs())
    )


def test_a_scene_network(tmp_path):
    run = make_scene_run(tmp_path / "run")
    export_litert(run.path, tmp_path / "exported")
    exported = open_exported(tmp_path / "exported")
    assert exported.description["task"] == "scene"
    assert_equal(exported(photographs()), open_run(run.path)(photographs()))


def test_samples_cannot_be_drawn(tmp_path):
    run = make_run(tmp_path / "run", model="bayesian_posenet")
    with pytest.raises(UserError, match="bayesian_posenet: LiteRT cannot draw its samples"):
        export_litert(run.path, tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


@pytest.mark.parametrize("content", [b"", b"TFL3 no network" * 20])
def test_a_damaged_file_is_named(exported, tmp_path, content):
    (tmp_path / "model.json").write_bytes((exported / "model.json").read_bytes())
    (tmp_path / "model.tflite").write_bytes(content)
    with pytest.raises(UserError, match=f"{tmp_path} cannot be loaded") as caught:
        open_exported(tmp_path)
    assert "\n" not in str(caught.value)
