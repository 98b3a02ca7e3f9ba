"""OpenCV runs the Caffe files; the converted network must give the same maps, tap by tap."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.googlenet import TAPS
from tests.weights.caffe_writers import write_caffe_hdf5
from tests.weights.conftest import CLASSES
from weights.caffe_files import encode_caffemodel, read_caffe, read_caffe_as
from weights.caffe_prototxt import deploy_prototxt
from weights.googlenet_blobs import blobs_from_network, network_from_blobs
from weights.layer_names import PARTS
from weights.opencv_check import differences, keras_maps, opencv_maps

pytest.importorskip("cv2")

LARGEST_DIFFERENCE = 1e-4  # between two runtimes, as a part of a map's largest value
CLEARLY_DIFFERENT = 10 * LARGEST_DIFFERENCE
MAPS = {*TAPS, "logits", "auxiliary_1", "auxiliary_2"}
ENCODINGS = {
    "V2": {},
    "V1": {"v1": True},
    "V2, unpacked": {"packed": False},
}


def real_image(side: int) -> np.ndarray | None:
    """The middle of a frame of 7-Scenes' redkitchen, or None without one."""
    scene = Path(os.environ.get("WHATWHERE_DATA", "/nowhere")) / "7scenes/redkitchen"
    frame = next(iter(sorted(scene.glob("seq-*/*.color.*"))), None)
    if frame is None:
        return None
    image = Image.open(frame).convert("RGB")
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return np.asarray(image.crop((left, top, left + side, top + side)))


@pytest.fixture(scope="module")
def images():
    """Noise, a smooth colour gradient, and a real frame if there is one: [B, 224, 224, 3]."""
    ramp = np.linspace(0, 255, 224)
    smooth = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None], ramp[::-1, None]), -1)
    images = [np.random.default_rng(1).integers(0, 256, (224, 224, 3)), smooth, real_image(224)]
    return np.stack([image for image in images if image is not None]).astype(np.float32)


def in_opencv(path, blobs, images, naming="bvlc", prototxt=None, **encoding):
    path.write_bytes(encode_caffemodel(blobs, **encoding))
    prototxt = prototxt or deploy_prototxt(naming, 224, PARTS, CLASSES)
    return opencv_maps(prototxt, path, images, (123.0, 117.0, 104.0), naming, PARTS)


@pytest.fixture(scope="module")
def expected(blobs, images, tmp_path_factory):
    """Every map of the V2 file with BVLC's names, as OpenCV has it."""
    return in_opencv(tmp_path_factory.mktemp("v2") / "v2.caffemodel", blobs, images)


@pytest.fixture(scope="module")
def found(network, images):
    return keras_maps(network, images, PARTS)


def test_taps_and_classifiers_agree(found, expected):
    largest = differences(found, expected)
    assert largest.keys() == MAPS
    print({name: f"{value:.1e}" for name, value in largest.items()})
    assert max(largest.values()) < LARGEST_DIFFERENCE, largest


def test_the_maps_are_alive(expected):
    """The comparison would mean little if most of a map were zero, or one image like another."""
    for name, values in expected.items():
        assert (values != 0).mean() > 0.1, name
        assert np.abs(values[0] - values[1]).max() > 0.1 * np.abs(values).max(), name


@pytest.mark.parametrize(
    ("encoding", "naming"),
    [("V1", "bvlc"), ("V2", "princeton"), ("V1", "princeton"), ("V2, unpacked", "bvlc")],
)  # fmt: skip
def test_encodings_and_names(encoding, naming, network, found, images, tmp_path):
    """Read by OpenCV they give the same maps, read here the same weights."""
    path = tmp_path / "model.caffemodel"
    blobs = blobs_from_network(network, naming=naming)
    expected = in_opencv(path, blobs, images[:1], naming, **ENCODINGS[encoding])
    first = {name: values[:1] for name, values in found.items()}
    largest = max(differences(first, expected).values())
    print(f"{encoding}, {naming}: {largest:.1e}")
    assert largest < LARGEST_DIFFERENCE
    converted, recognised, parts = network_from_blobs(path, read_caffe(path))
    assert (recognised, parts) == (naming, PARTS)
    for weight, wanted in zip(converted.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, wanted)


@pytest.mark.parametrize("encoding", ["HDF5", "V2, double"])
def test_encodings_that_opencv_does_not_read(encoding, blobs, tmp_path):
    """They hold what the V2 file holds."""
    path = tmp_path / "model"
    if encoding == "HDF5":
        write_caffe_hdf5(path, blobs)
    else:
        path.write_bytes(encode_caffemodel(blobs, double=True))
    found, layers = read_caffe_as(path)
    assert found == encoding[:4].rstrip(", ")
    assert layers.keys() == blobs.keys()
    for name, wanted in blobs.items():
        for blob, value in zip(layers[name], wanted, strict=True):
            np.testing.assert_array_equal(blob, value)


class TestMistakesAreSeen:
    """The comparison fails when one thing is wrong that shapes do not tell."""

    @pytest.fixture
    def largest(self, expected, network, images):
        """Largest difference of a network that has been tampered with."""

        def compare() -> float:
            first = {name: values[:1] for name, values in expected.items()}
            largest = max(differences(keras_maps(network, images[:1], PARTS), first).values())
            print(f"{largest:.1e}")
            return largest

        return compare

    def test_padding_as_same_pads(self, network, largest, monkeypatch):
        monkeypatch.setattr(network.trunk.pad, "padding", ((2, 3), (2, 3)))
        assert largest() > CLEARLY_DIFFERENT

    def test_pool_that_rounds_down(self, network, largest, monkeypatch):
        """6 x 6 instead of 7 x 7."""
        monkeypatch.setattr(network.trunk.pools["5a"], "padding", "valid")
        assert largest() == np.inf

    @pytest.mark.parametrize("norm", ["norm1", "norm2"])
    def test_alpha_that_is_not_divided_by_the_window(self, norm, network, largest, monkeypatch):
        monkeypatch.setattr(getattr(network.trunk, norm), "alpha", 5e-4)
        assert largest() > CLEARLY_DIFFERENT

    @pytest.mark.parametrize(
        ("right", "wrong"),
        [
            ("pool: MAX kernel_size: 3 stride: 2", "pool: AVE kernel_size: 3 stride: 2"),  # pool1
            ("pool: MAX kernel_size: 3 stride: 1", "pool: AVE kernel_size: 3 stride: 1"),  # in 3a
            ("alpha: 0.0001", "alpha: 0.0005"),
        ],
        ids=["average in pool1", "average in 3a", "alpha"],
    )
    def test_altered_prototxt(self, right, wrong, blobs, found, images, tmp_path):
        prototxt = deploy_prototxt("bvlc", 224, PARTS, CLASSES)
        assert right in prototxt
        prototxt = prototxt.replace(right, wrong, 1)
        path = tmp_path / "model.caffemodel"
        expected = in_opencv(path, blobs, images[:1], prototxt=prototxt)
        first = {name: values[:1] for name, values in found.items()}
        largest = max(differences(first, expected).values())
        print(f"{largest:.1e}")
        assert largest > CLEARLY_DIFFERENT

    def test_channels_left_in_caffes_order(self, network, largest):
        conv1 = network.trunk.conv1
        kernel, bias = conv1.get_weights()
        conv1.set_weights([kernel[:, :, ::-1], bias])
        try:
            assert largest() > CLEARLY_DIFFERENT
        finally:
            conv1.set_weights([kernel, bias])

    def test_map_flattened_in_keras_order(self, blobs, found, images, tmp_path):
        """Caffe's fully connected layer over a map, read as if channels came last."""
        weights, bias = blobs["loss1/fc"]
        channels_last = weights.reshape(1024, 128, 16).transpose(0, 2, 1).reshape(1024, 2048)
        altered = blobs | {"loss1/fc": [channels_last, bias]}
        expected = in_opencv(tmp_path / "model.caffemodel", altered, images[:1])
        first = {name: values[:1] for name, values in found.items()}
        largest = differences(first, expected)
        assert largest["auxiliary_1"] > CLEARLY_DIFFERENT
        assert largest["logits"] < LARGEST_DIFFERENCE
