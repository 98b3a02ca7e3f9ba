"""A file for LiteRT gives what the live network gives, and needs nothing but LiteRT."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from errors import UserError
from exported import export_litert, open_exported
from serving import crops, open_run
from tests.commands import script
from tests.exports import assert_equal, photographs
from tests.runs import make_run, make_scene_run

IMAGES = photographs(90, 120)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run") / "joint", mixed_precision="bfloat16")


@pytest.fixture(scope="module")
def exported(run):
    """As the command writes it."""
    output = run.path.parent / "exported"
    flags = [f"--run_dir={run.path}", f"--output={output}", "--format=litert"]
    done = script("export.py", *flags)
    assert done.returncode == 0, done.stderr
    assert str(output) in done.stdout
    return output


def test_litert_equals_the_live_network(run, exported):
    assert {path.name for path in exported.iterdir()} == {"model.tflite", "model.json"}
    live = open_run(run.path)(IMAGES)
    assert np.abs(live["pose"][0] - live["pose"][1]).max() > 1e-3  # else any constant would pass
    assert len(np.unique(live["layer_gates"].argmax(-1))) > 1  # the trunk grows on the way
    assert_equal(open_exported(exported)(IMAGES), live)


def test_the_file_alone_takes_a_prepared_image(run, exported):
    """As a program would that has only LiteRT: no operation of TensorFlow's is in it."""
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


def test_predict_reads_it(exported, tmp_path):
    Image.fromarray(IMAGES[0].numpy()).save(tmp_path / "photo.png")
    done = script("predict.py", f"--model={exported}", str(tmp_path / "photo.png"))
    assert done.returncode == 0, done.stderr
    header, row = done.stdout.strip().splitlines()
    assert header.startswith("image,x,y,z,qw")
    assert len(row.split(",")) == len(header.split(","))


@pytest.mark.parametrize("model", ["posenet", "lstm_posenet"])
def test_other_localisers(model, tmp_path):
    run = make_run(tmp_path / "run", model=model)
    export_litert(run.path, tmp_path / "exported")
    assert_equal(open_exported(tmp_path / "exported")(IMAGES), open_run(run.path)(IMAGES))


def test_a_scene_network(tmp_path):
    run = make_scene_run(tmp_path / "run")
    export_litert(run.path, tmp_path / "exported")
    exported = open_exported(tmp_path / "exported")
    assert exported.description["task"] == "scene"
    assert_equal(exported(IMAGES), open_run(run.path)(IMAGES))


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
