"""Blobs to Keras weights and back, layer names, and the file of the result."""

import json

import h5py
import numpy as np
import pytest

from models.googlenet_classifier import GoogLeNetClassifier
from tests.sentences import sentence
from tests.weights.caffe_writers import write_caffe_hdf5
from tests.weights.conftest import CLASSES
from weights.caffe_files import read_caffe, write_caffemodel
from weights.googlenet_blobs import blobs_from_network, network_from_blobs
from weights.layer_names import LAYER_NAMES, NAMINGS, PARTS, recognise
from weights.store import ATTRIBUTE, NAMED, read_facts, read_store, resolve, write_store

FACTS = {
    "classes": CLASSES, "mean_rgb": [120.0, 110.0, 100.5], "has_classifier": True,
    "has_auxiliary": True, "source": "model.caffemodel", "source_sha256": "00ff",
}  # fmt: skip
HEADS = ("loss1/", "loss2/", "loss3/")


def convert(blobs, trunk_only=False):
    return network_from_blobs("model", blobs, trunk_only=trunk_only)


def assert_same_weights(network, wanted):
    for weight, value in zip(network.get_weights(), wanted.get_weights(), strict=True):
        assert weight.tobytes() == value.tobytes()


class TestNames:
    def test_every_layer_once(self):
        for naming in NAMINGS:
            assert len({layer.named(naming) for layer in LAYER_NAMES}) == 57 + 6 + 1

    def test_the_same_layer_under_both_names(self):
        names = {layer.bvlc: layer.princeton for layer in LAYER_NAMES}
        assert names["conv1/7x7_s2"] == "conv1"
        assert names["conv2/3x3_reduce"] == "reduction2"
        assert names["inception_3a/1x1"] == "icp1_out0"
        assert names["inception_4c/5x5_reduce"] == "icp5_reduction2"
        assert names["inception_5b/pool_proj"] == "icp9_out3"
        assert names["loss2/fc"] == "cls2_fc1"
        assert names["loss3/classifier"] == "cls3_fc"

    def test_recognised_by_the_trunk(self):
        names = [layer.princeton for layer in LAYER_NAMES]
        assert recognise(names) == "princeton"
        assert recognise(names[:40]) == "princeton"
        assert recognise(["conv1", "conv2", "conv3", "fc6"]) is None  # AlexNet's


class TestBlobs:
    def test_convolution(self, network, blobs):
        kernel = network.trunk.blocks[0].conv_5x5.get_weights()[0]
        assert kernel.shape == (5, 5, 16, 32)
        assert blobs["inception_3a/5x5"][0].shape == (32, 16, 5, 5)
        assert blobs["inception_3a/5x5"][0][7, 3, 0, 4] == kernel[0, 4, 3, 7]

    def test_conv1_has_blue_first(self, network, blobs):
        kernel = network.trunk.conv1.get_weights()[0]
        np.testing.assert_array_equal(blobs["conv1/7x7_s2"][0][9, 0], kernel[:, :, 2, 9])

    def test_dense_layer(self, network, blobs):
        kernel, bias = network.head.score.get_weights()
        np.testing.assert_array_equal(blobs["loss3/classifier"][0], kernel.T)
        np.testing.assert_array_equal(blobs["loss3/classifier"][1], bias)

    def test_dense_layer_over_a_map(self, network, blobs):
        """Row 1, column 2, channel 5 of a 4 x 4 x 128 map."""
        kernel = network.auxiliary_heads[1].dense.get_weights()[0]
        assert blobs["loss2/fc"][0][7, 5 * 16 + 1 * 4 + 2] == kernel[(1 * 4 + 2) * 128 + 5, 7]

    def test_there_are_as_many_values_as_weights(self, network, blobs):
        assert sum(blob.size for pair in blobs.values() for blob in pair) == network.count_params()

    @pytest.mark.parametrize(("v1", "naming"), [(False, "bvlc"), (True, "princeton")])
    def test_round_trip_is_bit_equal(self, v1, naming, network, tmp_path):
        path = tmp_path / "model.caffemodel"
        write_caffemodel(path, blobs_from_network(network, naming=naming), v1)
        back, found, parts = network_from_blobs(path, read_caffe(path))
        assert (found, parts) == (naming, PARTS)
        assert_same_weights(back, network)


class TestParts:
    def without(self, blobs, *prefixes):
        return {name: blob for name, blob in blobs.items() if not name.startswith(prefixes)}

    def test_without_auxiliary_classifiers(self, network, blobs):
        found, _, parts = convert(self.without(blobs, "loss1/", "loss2/"))
        assert parts == ("trunk", "classifier")
        assert found.get_config()["classes"] == CLASSES
        np.testing.assert_array_equal(
            found.head.score.get_weights()[0], network.head.score.get_weights()[0]
        )
        assert not any(weight.any() for weight in found.auxiliary_heads[0].get_weights())

    def test_trunk_alone(self, network, blobs):
        for left, trunk_only in ((self.without(blobs, *HEADS), False), (blobs, True)):
            found, _, parts = convert(left, trunk_only)
            assert parts == ("trunk",)
            assert found.get_config()["classes"] == 1
            assert_same_weights(found.trunk, network.trunk)

    def test_mean_of_the_public_files(self, blobs):
        places365 = self.without(blobs, *HEADS)
        places365["loss3/classifier"] = [np.ones((365, 1024), "f4"), np.ones(365, "f4")]
        for trunk_only in (False, True):
            found, *_ = convert(places365, trunk_only)
            assert found.trunk.mean_rgb == (116.68, 112.51, 104.05)
        assert convert(self.without(blobs, *HEADS))[0].trunk.mean_rgb == (123.0, 117.0, 104.0)


class TestRefused:
    def test_missing_layer(self, blobs):
        del (blobs := dict(blobs))["inception_4e/5x5"]
        assert "lacks the layer inception_4e/5x5:" in sentence(convert, blobs)
        del blobs["inception_5b/1x1"]
        assert "lacks the layer inception_4e/5x5 and 1 more:" in sentence(convert, blobs)

    def test_part_of_a_classifier(self, blobs):
        del (blobs := dict(blobs))["loss2/fc"]
        text = sentence(convert, blobs)
        assert "lacks the layer loss2/fc" in text
        assert "--trunk_only" in text

    def test_extra_layer(self, blobs):
        blobs = blobs | {"inception_5c/1x1": blobs["inception_5b/1x1"]}
        assert "has a layer inception_5c/1x1 that GoogLeNet has not" in sentence(convert, blobs)
        assert convert(blobs, trunk_only=True)[2] == ("trunk",)

    @pytest.mark.parametrize(
        ("layer", "index", "shape", "wanted"),
        [
            ("conv2/3x3", 0, (192, 3, 3, 64), "(192, 64, 3, 3)"),
            ("conv1/7x7_s2", 1, (63,), "(64,)"),
            ("loss1/fc", 0, (1024, 512), "(1024, 2048)"),
            ("loss1/classifier", 0, (11, 1024), "(10, 1024)"),
            ("loss3/classifier", 0, (10, 1000), "(classes, 1024)"),
            ("loss3/classifier", 0, (10240,), "(classes, 1024)"),
        ],
    )
    def test_wrong_shape(self, layer, index, shape, wanted, blobs):
        pair = list(blobs[layer])
        pair[index] = np.zeros(shape, np.float32)
        text = sentence(convert, blobs | {layer: pair})
        assert f"shape {shape} in layer {layer} where GoogLeNet has {wanted}" in text
        assert ("--trunk_only" in text) == layer.startswith(HEADS)

    def test_wrong_number_of_blobs(self, blobs):
        text = sentence(convert, blobs | {"conv2/3x3": blobs["conv2/3x3"][:1]})
        assert "1 blobs in layer conv2/3x3 where GoogLeNet has 2" in text

    def test_another_network(self):
        text = sentence(convert, {"conv1_1": [], "fc8\n": []})
        assert "no GoogLeNet" in text
        assert "conv1_1, fc8\\n" in text


class TestStore:
    @pytest.fixture(scope="class")
    def small(self):
        """Random weights of one class: a smaller file."""
        network = GoogLeNetClassifier(1)
        network.build((None, 224, 224, 3))
        return network

    @pytest.fixture(scope="class")
    def stored(self, small, tmp_path_factory):
        path = tmp_path_factory.mktemp("store") / "new/model.weights.h5"
        write_store(path, small, FACTS | {"classes": 1})
        return path

    def test_round_trip(self, stored, small):
        network, facts = read_store(stored)
        assert facts == FACTS | {"classes": 1}
        assert network.trunk.mean_rgb == (120.0, 110.0, 100.5)
        assert_same_weights(network, small)
        assert [path.name for path in stored.parent.iterdir()] == [stored.name]

    def test_keras_reads_it_as_its_own(self, stored, small):
        network = GoogLeNetClassifier(1)
        network.build((None, 224, 224, 3))
        network.load_weights(stored)
        assert_same_weights(network, small)

    def test_other_files(self, blobs, tmp_path):
        path = tmp_path / "places.caffemodel"
        assert "not there" in sentence(read_store, path)
        path.write_bytes(b"\x0a\x03net")
        text = sentence(read_store, path)
        assert f"--input={path} --output=places.weights.h5" in text
        path = tmp_path / "places.caffemodel.h5"
        write_caffe_hdf5(path, {"a": [np.ones(2, "f4")]})
        assert f"{path} is a Caffe model: convert it first" in sentence(read_store, path)
        path = tmp_path / "best.weights.h5"
        with h5py.File(path, "w") as file:
            file.create_group("layers")
        assert "perhaps a checkpoint" in sentence(read_store, path)

    def test_a_name_that_keras_does_not_read(self, stored, tmp_path):
        path = tmp_path / "model.h5"
        path.write_bytes(stored.read_bytes())
        assert "must be renamed to end in .weights.h5" in sentence(read_store, path)

    def test_damaged(self, stored, tmp_path):
        path = tmp_path / "model.weights.h5"
        path.write_bytes(stored.read_bytes()[:100_000])
        assert "is damaged" in sentence(read_store, path)

    def test_damaged_numbers(self, stored, tmp_path):
        path = tmp_path / "model.weights.h5"
        path.write_bytes(stored.read_bytes())
        with h5py.File(path, "a") as file:
            arrays = []
            file.visititems(lambda _, item: arrays.append(item) if hasattr(item, "dtype") else None)
            arrays[-1][(0,) * arrays[-1].ndim] += 1
        assert "is damaged" in sentence(read_store, path)

    def test_numbers_that_are_none(self, tmp_path):
        network = GoogLeNetClassifier(2)
        network.build((None, 224, 224, 3))
        network.weights[0].assign(np.full(network.weights[0].shape, np.nan))
        facts = FACTS | {"classes": 2}
        assert "is not finite" in sentence(write_store, tmp_path / "a.weights.h5", network, facts)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        "change", [{"classes": 0}, {"classes": "1"}, {"mean_rgb": [1, 2]}, {"has_auxiliary": 1}]
    )
    def test_damaged_facts(self, change, tmp_path):
        path = tmp_path / "model.weights.h5"
        with h5py.File(path, "w") as file:
            file.attrs[ATTRIBUTE] = json.dumps(FACTS | change)
        assert "is damaged" in sentence(read_facts, path)

    def test_weights_of_another_size(self, stored, tmp_path):
        path = tmp_path / "model.weights.h5"
        path.write_bytes(stored.read_bytes())
        with h5py.File(path, "a") as file:
            file.attrs[ATTRIBUTE] = json.dumps(FACTS)
        assert "is damaged" in sentence(read_store, path)

    def test_nothing_is_left_of_a_file_that_cannot_be_written(self, small, tmp_path, monkeypatch):
        def fail(path):
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(small, "save_weights", fail)
        text = sentence(write_store, tmp_path / "model.weights.h5", small, FACTS)
        assert "No space left" in text
        assert not any(tmp_path.iterdir())

    def test_other_ending(self, small, tmp_path):
        assert "must end in .weights.h5" in sentence(write_store, tmp_path / "a.h5", small, FACTS)


class TestResolve:
    @pytest.fixture(autouse=True)
    def place(self, tmp_path, monkeypatch):
        monkeypatch.setenv("WHATWHERE_WEIGHTS", str(tmp_path))

    @pytest.mark.parametrize("name", NAMED)
    def test_name(self, name, tmp_path):
        text = sentence(resolve, name)
        assert NAMED[name].url in text
        assert f"--input={NAMED[name].file} --name={name}" in text
        path = tmp_path / f"{name}.weights.h5"
        path.write_bytes(b"")
        assert resolve(name) == path

    def test_path(self, tmp_path):
        path = tmp_path / "mine.weights.h5"
        assert "places205, places365, imagenet" in sentence(resolve, str(path))
        path.write_bytes(b"")
        assert resolve(str(path)) == path
