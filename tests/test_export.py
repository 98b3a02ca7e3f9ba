"""An exported model is the live network with the preparation of its images, and nothing else."""

import csv
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from data.images import encode_png, resize_square
from data.pipeline import Split
from errors import UserError
from exported import export_saved_model, open_exported
from prediction import predict
from run_folder import load_network
from serving import crops, open_run
from tests.commands import script
from tests.exports import assert_equal, photographs
from tests.runs import CLASSES, LAYERS, make_run, make_scene_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run") / "joint", mixed_precision="bfloat16")


@pytest.fixture(scope="module")
def exported(run):
    export_saved_model(run.path, run.path.parent / "exported")
    return run.path.parent / "exported"


@pytest.fixture(scope="module")
def model(exported):
    return tf.saved_model.load(str(exported))


@pytest.fixture(scope="module")
def network(run):
    """The live network, of a run that trained in bfloat16."""
    return load_network(run)


@pytest.mark.parametrize(("height", "width"), [(480, 640), (700, 300), (256, 256), (40, 33)])
def test_exported_equals_the_live_network(model, network, height, width):
    images = photographs(height, width)
    expected = network(crops(images, 64))
    assert_equal(model.serving_default(images), expected)
    assert_equal(model.signatures["serving_default"](images=images), expected)
    poses = expected["pose"].numpy()
    assert np.abs(poses[0] - poses[1]).max() > 1e-3  # else any constant would pass
    np.testing.assert_allclose(np.linalg.norm(poses[:, 3:], axis=1), 1.0, atol=1e-5)


def test_float_images_give_what_the_same_bytes_give(model):
    images = photographs(300, 400)
    assert set(model.signatures) == {"serving_default", "float"}
    expected = model.serving_default(images)
    floats = tf.cast(images, tf.float32) + 0.4  # rounds back, at 255 too
    assert_equal(model.signatures["float"](images=floats), expected, tolerance=0)


def test_model_json_tells_the_outputs(exported, model):
    description = json.loads((exported / "model.json").read_text())
    outputs = model.serving_default(photographs(64, 64, count=1))
    shapes = {name: value["shape"] for name, value in description["outputs"].items()}
    assert shapes == {name: [None, *value.shape[1:]] for name, value in outputs.items()}
    assert description["layers"] == LAYERS
    assert (description["scene"], description["image_size"]) == ("room", 64)


def test_a_network_without_attention(tmp_path):
    run = make_run(tmp_path / "run", model="posenet", image_size=32)
    export_saved_model(run.path, tmp_path / "exported")
    exported = open_exported(tmp_path / "exported")
    assert exported.description["layers"] == []
    images = photographs(50, 40)
    assert_equal(exported(images), load_network(run)(crops(images, 32)))
    assert list(exported(images)) == ["pose"]


@pytest.mark.parametrize("network", ["joint_attention", "googlenet"])
def test_a_scene_network_gives_logits_and_probabilities(network, tmp_path):
    run = make_scene_run(tmp_path / "run", model=network)
    export_saved_model(run.path, tmp_path / "exported")
    exported = open_exported(tmp_path / "exported")
    images = photographs(480, 640)
    outputs = exported(images)
    live = load_network(run)(crops(images, 64, "scene"))
    expected = {**live, "probabilities": tf.nn.softmax(live["logits"])}
    assert_equal(outputs, expected)
    np.testing.assert_allclose(outputs["probabilities"].sum(axis=1), 1.0, atol=1e-5)
    assert np.abs(outputs["logits"][0] - outputs["logits"][1]).max() > 1e-3
    assert_equal(open_run(run.path)(images), expected)
    description = exported.description
    assert (description["task"], description["classes"]) == ("scene", CLASSES)
    shapes = {name: value["shape"] for name, value in description["outputs"].items()}
    assert shapes == {name: [None, *value.shape[1:]] for name, value in outputs.items()}


def test_predict_gives_the_same_rows_from_the_export_as_from_the_run(run, exported, tmp_path):
    images = [str(tmp_path / f"{number}.png") for number in range(3)]
    for path, pixels in zip(images, photographs(480, 640, count=3).numpy(), strict=True):
        Image.fromarray(pixels).save(path)
    predict(open_run(run.path), images, output=str(tmp_path / "live.csv"))
    done = script("predict.py", f"--model={exported}", *images)
    assert (done.returncode, done.stderr) == (0, "")
    live = list(csv.reader((tmp_path / "live.csv").open()))
    printed = list(csv.reader(done.stdout.splitlines()))
    assert printed[0] == live[0]
    for one, other in zip(printed[1:], live[1:], strict=True):
        assert (one[0], one[8:]) == (other[0], other[8:])
        np.testing.assert_allclose(
            np.array(one[1:8], float), np.array(other[1:8], float), atol=1e-5
        )


@pytest.mark.parametrize("size", [64, 224, 256])
@pytest.mark.parametrize("shape", [(256, 341, 3), (300, 256, 3)])
def test_prepared_images_are_cropped_as_in_evaluation(size, shape):
    images = np.random.default_rng(1).integers(0, 256, (3, *shape), dtype=np.uint8)
    examples = tf.data.Dataset.from_tensor_slices(
        {"image": [encode_png(image) for image in images], "pose": np.zeros((3, 7))}
    )
    split = Split(examples, np.zeros((3, 7)), ["a", "b", "c"], ["s"] * 3, size)
    evaluated, _ = next(iter(split.test_batches(3)))
    np.testing.assert_array_equal(crops(tf.constant(images), size), evaluated)


@pytest.mark.parametrize("size", [64, 224, 256])
def test_prepared_scene_images_are_cropped_as_in_evaluation(size):
    images = np.random.default_rng(1).integers(0, 256, (3, 256, 256, 3), dtype=np.uint8)
    examples = tf.data.Dataset.from_tensor_slices(
        {"image": [encode_png(image) for image in images], "label": np.zeros(3, np.int64)}
    )
    split = Split(examples, np.zeros(3, np.int64), ["a", "b", "c"], ["s"] * 3, size, ("bar",))
    evaluated, _ = next(iter(split.test_batches(3)))
    np.testing.assert_array_equal(crops(tf.constant(images), size, "scene"), evaluated)


@pytest.mark.parametrize(("height", "width"), [(480, 640), (300, 900), (100, 80)])
def test_scene_photographs_become_square_nearly_as_the_data_sets_do(height, width):
    images = photographs(height, width)
    prepared = np.stack([resize_square(image) for image in images.numpy()])
    in_graph, expected = (
        crops(tf.constant(pixels), 224, "scene").numpy().astype(int)
        for pixels in (images, prepared)
    )
    assert np.abs(in_graph - expected).max() <= 1


def test_a_folder_that_holds_something_is_left_alone(run, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match=f"--output={tmp_path} exists"):
        export_saved_model(run.path, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_export_that_fails_leaves_nothing(run, tmp_path, monkeypatch):
    class FullDisk:
        def add_endpoint(self, name, function, signature):
            return function

        def write_out(self, folder, verbose):
            (folder / "saved_model.pb").write_text("half")
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.export, "ExportArchive", FullDisk)
    with pytest.raises(UserError, match=r"--output=.*No space left"):
        export_saved_model(run.path, tmp_path / "exported")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("saved_model.pb", "?"),
        ("model.json", "{"),
        ("model.json", "[]"),
        ("model.json", '{"task": "foo"}'),
    ],
)
def test_a_damaged_export_is_named(exported, tmp_path, name, content):
    for path in exported.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / name).unlink()
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=str(tmp_path)) as caught:
        open_exported(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_export_of_scenes_without_its_classes_is_named(exported, tmp_path):
    for path in exported.iterdir():
        (tmp_path / path.name).symlink_to(path)
    description = json.loads((exported / "model.json").read_text())
    (tmp_path / "model.json").unlink()
    description["outputs"]["logits"] = {"shape": [None, 7]}
    (tmp_path / "model.json").write_text(json.dumps(description))
    with pytest.raises(UserError, match=r"model\.json lacks classes"):
        open_exported(tmp_path)
    described = description["outputs"].pop("logits")
    for wrong, told in (
        ({"outputs": None}, "names no outputs"),
        ({"outputs": {"layer_gates": ["pose"]}}, "cannot be loaded"),
        ({"task": None}, "has the task None"),
        ({"image_size": "64"}, "has the image_size 64"),
        ({"layers": ["3b"]}, "names other layers than layer_gates has"),
    ):
        (tmp_path / "model.json").write_text(json.dumps(description | wrong))
        with pytest.raises(UserError, match=told):
            open_exported(tmp_path)
    description["outputs"]["logits"] = described
    del description["task"]
    (tmp_path / "model.json").write_text(json.dumps(description))
    with pytest.raises(UserError, match=r"model\.json lacks classes, task"):
        open_exported(tmp_path)
