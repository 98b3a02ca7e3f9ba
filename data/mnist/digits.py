"""Reads MNIST: 60,000 handwritten digits to train on and 10,000 to test on, 28 x 28 grey levels.

```
mnist/mnist.npz                     Keras's file: x_train, y_train, x_test, y_test
```

or the four files of the data set's own page, packed by gzip or not:

```
mnist/train-images-idx3-ubyte.gz    mnist/train-labels-idx1-ubyte.gz
mnist/t10k-images-idx3-ubyte.gz     mnist/t10k-labels-idx1-ubyte.gz
```

All of them hold the digits in the same order.
"""

import gzip
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from data.preparation import PREPARATION_ERRORS, tfds_dir
from data.records import require_file
from errors import UserError
from files import reading, user_path

SIDE = 28  # pixels
CLASSES = tuple("0123456789")
FOLDER = "mnist"  # under --data_dir
KERAS_FILE = "mnist.npz"
IDX_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
URL = "https://storage.googleapis.com/cvdf-datasets/mnist"  # TFDS knows the files' checksums
LICENSE = (
    "MNIST, (c) Yann LeCun and Corinna Cortes: Creative Commons Attribution-Share Alike 3.0 "
    "(https://creativecommons.org/licenses/by-sa/3.0/)."
)
GZIP_MAGIC = b"\x1f\x8b"
IDX_MAGIC = b"\0\0\x08"  # bytes; the number of dimensions follows


@dataclass(frozen=True)
class Digits:
    """Handwritten digits.

    Attributes:
        images: uint8 [N, 28, 28], white (255) on black (0).
        labels: int64 [N], 0 to 9.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def load_digits(data_dir: str | Path | None) -> tuple[Digits, Digits]:
    """Returns the digits to train on and those to test on, in the order of the files.

    Args:
        data_dir: Root whose folder `mnist` holds Keras's file or, if that is not there, the four
            original ones. None downloads the original files, 12 MB, to `downloads` in the TFDS
            directory, unless they lie there.

    Raises:
        UserError: A file is missing, damaged, holds something else or cannot be downloaded.
    """
    if data_dir is None:
        return _read_downloads()
    folder = user_path(data_dir) / FOLDER
    with reading(folder):
        has_keras_file = (folder / KERAS_FILE).exists()
    if has_keras_file:
        return _read_keras_file(folder / KERAS_FILE)
    advice = how_to_obtain(folder)
    train, test = (
        _read_idx_pair(*(_find(folder / name, advice) for name in names))
        for names in IDX_FILES.values()
    )
    return train, test


def how_to_obtain(folder: Path) -> str:
    """What to put into a folder that lacks the digits."""
    return (
        f"put Keras's {KERAS_FILE} or the four original files, such as {IDX_FILES['train'][0]}.gz "
        f"from {URL}, into {folder}, or leave out --data_dir"
    )


def _find(path: Path, advice: str) -> Path:
    """The file of that name with or without `.gz`."""
    packed = path.with_name(f"{path.name}.gz")
    return packed if packed.exists() else require_file(path, advice)


def _read_keras_file(path: Path) -> tuple[Digits, Digits]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("x_train", "y_train", "x_test", "y_test")}
    except (
        OSError,
        RuntimeError,  # a zip's directory that asks for a password, or for another version
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise UserError(
            f"{path} cannot be read as Keras's file of MNIST ({reason}): get it again"
        ) from error
    train, test = (
        _checked(arrays[f"x_{split}"], arrays[f"y_{split}"], f"{path}, {split}")
        for split in IDX_FILES
    )
    return train, test


def _read_idx_pair(images: Path, labels: Path) -> Digits:
    return _checked(_read_idx(images, 3), _read_idx(labels, 1), f"{images} with {labels.name}")


def _read_idx(path: Path, dimensions: int) -> np.ndarray:
    """The bytes of an IDX file: a magic number, each side as 4 bytes (highest first), the values.

    Raises:
        UserError: The file is damaged or holds something else.
    """
    try:
        content = path.read_bytes()
        if content.startswith(GZIP_MAGIC):
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be unpacked ({error}): get it again") from error
    header = 4 + 4 * dimensions
    if len(content) < header or content[:4] != IDX_MAGIC + bytes([dimensions]):
        raise UserError(
            f"{path} is no IDX file of bytes in {dimensions} dimension(s): get it again"
        )
    shape = np.frombuffer(content, ">u4", dimensions, offset=4).astype(np.int64).tolist()
    values = np.frombuffer(content, np.uint8, offset=header)
    if len(values) != np.prod(shape, dtype=object):
        raise UserError(
            f"{path} holds {len(values)} bytes where it announces {' x '.join(map(str, shape))}: "
            "get it again"
        )
    return values.reshape(shape)


def _checked(images: np.ndarray, labels: np.ndarray, where: str) -> Digits:
    """The digits, if they are digits.

    Raises:
        UserError: They are not; the sentence begins with `where`, a file.
    """
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
        raise UserError(
            f"{where} holds images of {images.dtype} {list(images.shape)} instead of "
            f"uint8 [N, {SIDE}, {SIDE}]: get it again"
        )
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1] or not len(labels):
        raise UserError(
            f"{where} holds labels of {labels.dtype} {list(labels.shape)} for {len(images)} "
            "images, instead of one whole number for each: get it again"
        )
    if labels.min() < 0 or labels.max() >= len(CLASSES):
        wrong = labels[(labels < 0) | (labels >= len(CLASSES))][0]
        raise UserError(f"{where} holds the label {wrong}: labels are digits, 0 to 9; get it again")
    return Digits(images, labels.astype(np.int64))


def downloaded() -> bool:
    """Whether the files of MNIST lie where `load_digits` downloads them to."""
    folder = tfds_dir() / "downloads" / FOLDER  # TFDS adds the data set's name
    return all(any(folder.glob(f"*{name}*")) for pair in IDX_FILES.values() for name in pair)


def _read_downloads() -> tuple[Digits, Digits]:
    """Lets TFDS download the original files and hold them against the checksums it comes with.

    Its own copy of the data set is of no use here: it has the digits in another order, which would
    give the same test digit another name and another place.
    """
    names = [name for pair in IDX_FILES.values() for name in pair]
    folder = tfds_dir() / "downloads"
    if not downloaded():
        print(f"Downloading {URL}\nLicence: {LICENSE}", file=sys.stderr)
    try:
        manager = tfds.download.DownloadManager(
            download_dir=folder, dataset_name=FOLDER, force_checksums_validation=True
        )
        paths = manager.download({name: f"{URL}/{name}.gz" for name in names})
    except PREPARATION_ERRORS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"MNIST cannot be downloaded from {URL} to {folder} ({reason}): try again, or put "
            f"{KERAS_FILE} or the four original files into <data_dir>/{FOLDER} and pass --data_dir"
        ) from error
    train, test = (
        _read_idx_pair(*(Path(paths[name]) for name in pair)) for pair in IDX_FILES.values()
    )
    return train, test
