"""MNIST's files, and downloading them from a server on this machine."""

import gzip
import hashlib
import re

import numpy as np
import pytest
from tensorflow_datasets.core.download import checksums

from data.mnist import digits as digit_files
from data.mnist.digits import IDX_FILES, load_digits
from errors import UserError
from tests.data.local_server import serving
from tests.data.mnist_writers import DIGITS, idx, write_idx_files, write_keras_file


@pytest.mark.parametrize("layout", ["Keras", "original", "original, packed"])
def test_every_layout_gives_the_same_digits(tmp_path, layout):
    if layout == "Keras":
        write_keras_file(tmp_path)
    else:
        write_idx_files(tmp_path / "mnist", packed=layout.endswith("packed"))
    for split, digits in zip(("train", "test"), load_digits(tmp_path), strict=True):
        images, labels = DIGITS[split]
        np.testing.assert_array_equal(digits.images, images)
        np.testing.assert_array_equal(digits.labels, labels)
        assert (digits.images.dtype, digits.labels.dtype) == (np.uint8, np.int64)


def test_missing_files(tmp_path):
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte is missing: put .*mnist\.npz"):
        load_digits(tmp_path)


IMAGES, LABELS = DIGITS["test"]
BAD_ARRAYS = {
    "floats": ({"x_test": IMAGES / 255}, "holds images of float64"),
    "flat": ({"x_test": IMAGES.reshape(21, 784)}, r"holds images of uint8 \[21, 784\]"),
    "another size": ({"x_test": IMAGES[:, :27]}, r"holds images of uint8 \[21, 27, 28\]"),
    "a label short": ({"y_test": LABELS[:-1]}, r"holds labels of uint8 \[20\] for 21 images"),
    "one-hot": ({"y_test": np.eye(10)[LABELS]}, r"holds labels of float64 \[21, 10\]"),
    "none": ({"x_test": IMAGES[:0], "y_test": LABELS[:0]}, r"holds labels of uint8 \[0\]"),
    "a letter": ({"y_test": LABELS + 1}, "holds the label 10"),
    "below zero": ({"y_test": LABELS.astype(np.int8) - 3}, "holds the label -3"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_arrays_that_are_no_digits(tmp_path, case):
    changes, complaint = BAD_ARRAYS[case]
    path = write_keras_file(tmp_path, **changes)
    with pytest.raises(UserError, match=f"^{re.escape(str(path))}, test {complaint}"):
        load_digits(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "array left out", "objects", "locked"])
def test_damaged_keras_file(tmp_path, damage):
    path = write_keras_file(tmp_path, **({"y_test": None} if damage == "array left out" else {}))
    if damage == "objects":
        write_keras_file(tmp_path, y_test=np.array([{}] * 21))
    locked = bytearray(path.read_bytes())
    locked[locked.rindex(b"PK\1\2") + 8] |= 1  # "encrypted", of the last entry of the directory
    content = {
        "locked": bytes(locked),
        "cut": path.read_bytes()[:5000],
        "text": b"<html>",
        "empty": b"",
    }.get(damage)
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=rf"^{re.escape(str(path))} cannot be read") as raised:
        load_digits(tmp_path)
    assert "\n" not in str(raised.value)


def test_a_folder_that_there_cannot_be():
    with pytest.raises(UserError, match="cannot be read: File name too long"):
        load_digits("x" * 300)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda content: content[:-1], "holds 16463 bytes where it announces 21 x 28 x 28"),
        (lambda content: content + b"1", "holds 16465 bytes where it announces 21 x 28 x 28"),
        (lambda content: content[:10], "is no IDX file of bytes in 3 dimension"),
        (lambda content: b"\0\0\x0d" + content[3:], "is no IDX file of bytes in 3 dimension"),
        (lambda content: content[:4] + b"\xff" * 12 + content[16:], "announces 4294967295 x"),
        (lambda content: gzip.compress(content)[:-9], "cannot be unpacked"),
        (lambda content: gzip.compress(content)[:20] + b"\xff" * 99, "cannot be unpacked"),
    ],
)
def test_damaged_original_file(tmp_path, change, complaint):
    write_idx_files(tmp_path / "mnist", packed=False)
    path = tmp_path / "mnist" / "t10k-images-idx3-ubyte"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(UserError, match=rf"^{re.escape(str(path))}.*{complaint}") as raised:
        load_digits(tmp_path)
    assert "\n" not in str(raised.value)


@pytest.fixture
def server(tmp_path, prepared_copies, monkeypatch):
    """Serves the original files, whose checksums TFDS knows; yields their folder."""
    folder = tmp_path / "served"
    write_idx_files(folder, packed=True)
    with serving(folder) as base:
        known = {}
        for path in folder.iterdir():
            content = path.read_bytes()
            known[f"{base}/{path.name}"] = checksums.UrlInfo(
                len(content), hashlib.sha256(content).hexdigest(), path.name
            )
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(digit_files, "URL", base)
        monkeypatch.setattr(checksums, "get_all_url_infos", lambda: dict(known))
        yield folder


def test_files_are_downloaded_once_and_their_licence_is_shown(server, capfd):
    assert not digit_files.downloaded()
    first = load_digits(None)
    assert f"Licence: {digit_files.LICENSE}" in capfd.readouterr().err
    assert digit_files.downloaded()
    for path in server.iterdir():
        path.unlink()
    for digits, again, split in zip(first, load_digits(None), DIGITS, strict=True):
        np.testing.assert_array_equal(digits.images, DIGITS[split][0])
        np.testing.assert_array_equal(again.images, DIGITS[split][0])
        np.testing.assert_array_equal(again.labels, DIGITS[split][1])
    assert "Licence" not in capfd.readouterr().err


@pytest.mark.parametrize("damage", ["missing", "another file"])
def test_download_that_fails(server, damage):
    path = server / "t10k-labels-idx1-ubyte.gz"
    good = path.read_bytes()
    path.unlink()
    if damage == "another file":
        path.write_bytes(gzip.compress(idx(LABELS[::-1])))
    with pytest.raises(UserError, match=r"MNIST cannot be downloaded from http") as raised:
        load_digits(None)
    assert "\n" not in str(raised.value)
    path.write_bytes(good)  # What came before does not stand in the way of the next try.
    np.testing.assert_array_equal(load_digits(None)[1].labels, LABELS)


def test_tfds_knows_the_checksums_of_the_real_files():
    known = checksums.get_all_url_infos()
    for names in IDX_FILES.values():
        assert all(f"{digit_files.URL}/{name}.gz" in known for name in names)
