"""Reading and writing Caffe's files: every encoding, and what is refused."""

import struct
from pathlib import Path

import h5py
import numpy as np
import pytest

from errors import UserError
from tests.weights.caffe_writers import encode_mean, small_layers, write_caffe_hdf5
from weights.caffe_files import (
    encode_caffemodel,
    read_caffe,
    read_caffe_as,
    read_mean,
    write_caffemodel,
)
from weights.caffe_proto import MOST_FIELDS, build_messages

LAYERS = small_layers()
ENCODINGS = {
    "V2": {},
    "V1": {"v1": True},
    "V2, unpacked": {"packed": False},
    "V1, unpacked": {"v1": True, "packed": False},
    "V2, double": {"double": True},
    "V1, double, unpacked": {"v1": True, "double": True, "packed": False},
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.caffemodel"


def sentence(action, *arguments, path: Path) -> str:
    with pytest.raises(UserError) as caught:
        action(*arguments)
    text = str(caught.value)
    assert text.isprintable()
    assert text.startswith(str(path))
    return text


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_protobuf_encoding(encoding, path):
    path.write_bytes(encode_caffemodel(LAYERS, **ENCODINGS[encoding]))
    found, layers = read_caffe_as(path)
    assert found == encoding[:2]
    assert layers.keys() == LAYERS.keys()
    for name, blobs in LAYERS.items():
        for blob, wanted in zip(layers[name], blobs, strict=True):
            shape = (1,) * (4 - wanted.ndim) + wanted.shape if found == "V1" else wanted.shape
            assert blob.shape == shape
            assert blob.dtype == np.float32
            np.testing.assert_array_equal(blob.ravel(), wanted.ravel())


def test_bytes_worked_out_by_hand(path):
    """One V1 layer `a` whose blob of shape (1, 1, 1, 2) holds 1 and -2, its floats unpacked."""
    numbers = b"".join(b"\x2d" + struct.pack("<f", value) for value in (1.0, -2.0))
    blob = b"\x08\x01\x10\x01\x18\x01\x20\x02" + numbers
    layer = b"\x22\x01a" + b"\x28\x0e" + b"\x32" + bytes([len(blob)]) + blob
    path.write_bytes(b"\x0a\x03net" + b"\x12" + bytes([len(layer)]) + layer)
    np.testing.assert_array_equal(read_caffe(path)["a"], [[[[[1.0, -2.0]]]]])


def test_unknown_fields_are_skipped(path):
    """As `state`, `param` and `convolution_param`, which real files have."""
    unknown = b"\x32\x02\x08\x01"  # field 6 of the network: state { phase: TEST }
    path.write_bytes(unknown + encode_caffemodel(LAYERS) + unknown)
    assert read_caffe(path).keys() == LAYERS.keys()


def test_layers_without_blobs_are_left_out(path):
    net = build_messages().NetParameter.FromString(encode_caffemodel(LAYERS))
    net.layer.add(name=b"pool1", type=b"Pooling")
    path.write_bytes(net.SerializeToString())
    assert read_caffe(path).keys() == LAYERS.keys()


def test_hdf5_is_told_by_its_content(path):
    write_caffe_hdf5(path, LAYERS)
    encoding, layers = read_caffe_as(path)
    assert encoding == "HDF5"
    assert layers.keys() == LAYERS.keys()
    for name, blobs in LAYERS.items():
        for blob, wanted in zip(layers[name], blobs, strict=True):
            assert blob.dtype == np.float32
            np.testing.assert_array_equal(blob, wanted)


def test_values_that_floats_can_only_just_hold(path):
    values = np.array([-0.0, 1e-45, np.finfo(np.float32).max, np.pi], np.float32)
    write_caffemodel(path, {"a": [values]})
    assert read_caffe(path)["a"][0].tobytes() == values.tobytes()


def test_mean_is_averaged_and_turned_to_rgb(tmp_path):
    path = tmp_path / "mean.binaryproto"
    image = np.float32([104, 117, 123])[:, None, None] + np.float32([-1, 1])
    path.write_bytes(encode_mean(image))
    assert read_mean(path) == (123.0, 117.0, 104.0)
    path.write_bytes(encode_mean(image)[:-1])
    assert "no mean.binaryproto" in sentence(read_mean, path, path=path)
    path.write_bytes(build_messages().BlobProto(data=[1.0, 2.0], num=2).SerializeToString())
    assert "(2, 0, 0, 0)" in sentence(read_mean, path, path=path)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 53533754\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (POINTER, ["Git-LFS pointer", "git lfs pull"]),
        (b"\n  <!DOCTYPE html><html><title>404</title>", ["web page"]),
        (b"\xef\xbb\xbf<HTML>", ["web page"]),
        (b"", ["empty"]),
        (b"\x1f\x8b\x08\x00rest", ["gzip archive", "unpack"]),
        (b"layer { name: 'conv1' }", ["no caffemodel", "download"]),
        (b"\x00" * 100, ["no caffemodel"]),
        (b"\x0a\x03net", ["no Caffe model"]),
        (b"\x89HDF\r\n\x1a\n" + b"\x00" * 200, ["HDF5 file", "cannot be read"]),
        (b"\x12\x00" * (MOST_FIELDS + 1), ["no caffemodel", str(MOST_FIELDS)]),
        (b"\x12\x90\x4e" + b"\x32\x00" * 5000 + POINTER, ["no caffemodel"]),
    ],
)
def test_files_of_another_kind(content, words, path):
    path.write_bytes(content)
    text = sentence(read_caffe, path, path=path)
    assert all(word in text for word in words), text


def test_no_file(path, tmp_path):
    assert "not there" in sentence(read_caffe, path, path=path)
    assert "folder" in sentence(read_caffe, tmp_path, path=tmp_path)


@pytest.mark.parametrize("v1", [False, True])
def test_truncated_at_every_byte(v1, path):
    data = encode_caffemodel(LAYERS, v1)
    ends = set()
    for length in range(1, len(data)):
        path.write_bytes(data[:length])
        try:
            assert len(read_caffe(path)) < len(LAYERS)  # cut exactly between two layers
            ends.add(length)
        except UserError as error:
            assert length < 14 or "cut short" in str(error)  # 14: the network's name and a tag
    assert len(ends) == len(LAYERS) - 1


def test_hdf5_that_the_library_would_read_for_ever(path, monkeypatch):
    """The free list of a group's names leads back to itself: each round takes more memory."""
    monkeypatch.setattr("weights.caffe_hdf5.ROOM", 64 << 20)
    write_caffe_hdf5(path, LAYERS)
    data = bytearray(path.read_bytes())
    heap = data.index(b"HEAP")  # 8 bytes later its size, the free list's head, its address
    address = int.from_bytes(data[heap + 24 : heap + 32], "little")
    free = int.from_bytes(data[heap + 16 : heap + 24], "little")
    data[address + free : address + free + 8] = free.to_bytes(8, "little")
    path.write_bytes(data)
    assert "cannot be read" in sentence(read_caffe, path, path=path)


def test_truncated_hdf5(path):
    write_caffe_hdf5(path, LAYERS)
    path.write_bytes(path.read_bytes()[:-200])
    assert "cannot be read" in sentence(read_caffe, path, path=path)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2, 3), ["(2, 3)", "4 values"]),
        ((-2, -2), ["(-2, -2)"]),
        ((2**62, 2**62), [str(2**62)]),
        ((0, 2**62), ["(0,"]),
        ((1,) * 32 + (4,), ["32 axes"]),
    ],
)
def test_shape_that_disagrees_with_the_values(shape, words, path):
    messages = build_messages()
    net = messages.NetParameter()
    blob = net.layer.add(name=b"conv\n1").blobs.add(data=[1, 2, 3, 4])
    blob.shape.dim.extend(shape)
    path.write_bytes(net.SerializeToString())
    text = sentence(read_caffe, path, path=path)
    assert all(word in text for word in ["blob 0 of layer conv\\n1", *words]), text


def test_blob_without_values(path):
    net = build_messages().NetParameter()
    net.layers.add(name=b"conv1").blobs.add()
    path.write_bytes(net.SerializeToString())
    assert "holds 0 values" in sentence(read_caffe, path, path=path)


def test_two_layers_of_one_name(path):
    data = encode_caffemodel({"a": [np.ones(2, np.float32)]})
    path.write_bytes(data + data)
    assert "two layers a" in sentence(read_caffe, path, path=path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_weights_that_are_no_finite_float(value, path):
    net = build_messages().NetParameter()
    net.layer.add(name=b"conv1").blobs.add(double_data=[1.0, value]).shape.dim.append(2)
    path.write_bytes(net.SerializeToString())
    text = sentence(read_caffe, path, path=path)
    assert "blob 0 of layer conv1 holds NaN or infinite values" in text


def test_nan_is_not_written(path):
    with pytest.raises(UserError, match="layer a holds NaN"):
        write_caffemodel(path, {"a": [np.float32([np.nan])]})
    assert not any(path.parent.iterdir())


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file/model.caffemodel"
    assert "cannot be written" in sentence(write_caffemodel, path, LAYERS, path=path)


class TestHdf5ThatCaffeDoesNotWrite:
    @pytest.fixture
    def blob(self, path):
        """Adds blob 0 of layer conv9 to a file that is sound otherwise, and reads the file."""

        def add(change) -> str:
            write_caffe_hdf5(path, LAYERS)
            with h5py.File(path, "a") as file:
                change(file["data"].create_group("conv9"))
            return sentence(read_caffe, path, path=path)

        return add

    def test_huge_dataset_that_holds_nothing(self, blob):
        """Reading it would fill the memory with fill values."""
        text = blob(lambda group: group.create_dataset("0", (10**6, 10**6), "f4"))
        assert "declares 4000000000000 bytes for data/conv9/0" in text

    def test_compressed_dataset(self, blob):
        def bomb(group):
            group.create_dataset("0", data=np.zeros(10**6, "f4"), compression="gzip")

        assert "h5repack" in blob(bomb)

    def test_values_in_another_file(self, blob, tmp_path):
        (tmp_path / "elsewhere").write_bytes(b"\x00" * 8)
        name = str(tmp_path / "elsewhere")
        text = blob(lambda group: group.create_dataset("0", (2,), "f4", external=[(name, 0, 8)]))
        assert "elsewhere" in text

    @pytest.mark.parametrize("link", [h5py.ExternalLink("other.h5", "/"), h5py.SoftLink("/data")])
    def test_link(self, link, blob):
        assert "has a link at data/conv9/0" in blob(lambda group: group.__setitem__("0", link))

    def test_group_that_contains_itself(self, blob):
        assert "data/conv9/again in another place" in blob(
            lambda group: group.__setitem__("again", group)
        )

    def test_other_types(self, blob):
        assert "int64" in blob(lambda group: group.create_dataset("0", data=np.arange(3)))
        assert "object" in blob(lambda group: group.create_dataset("0", data="words"))
        assert "shape" in blob(lambda group: group.create_dataset("0", data=h5py.Empty("f4")))

    def test_nan(self, blob):
        text = blob(lambda group: group.create_dataset("0", data=np.float32([np.nan])))
        assert "blob 0 of layer conv9 holds NaN" in text

    def test_missing_blob(self, blob):
        text = blob(lambda group: group.create_dataset("1", data=np.float32([1])))
        assert "lacks blob 0 of layer conv9" in text

    def test_keras_file(self, path):
        with h5py.File(path, "w") as file:
            file.create_group("layers")
        assert "no group `data`" in sentence(read_caffe, path, path=path)
