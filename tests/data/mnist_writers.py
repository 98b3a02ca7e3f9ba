"""Writes a few made-up digits in the layouts of MNIST."""

import gzip

import numpy as np

from data.mnist.digits import IDX_FILES


def made_digits(count, seed):
    """Images without a black pixel, no two of them alike, and labels 0, 1, ... 9, 0, 1, ..."""
    images = np.random.default_rng(seed).integers(1, 256, (count, 28, 28)).astype(np.uint8)
    return images, (np.arange(count) % 10).astype(np.uint8)


DIGITS = {"train": made_digits(43, 0), "test": made_digits(21, 1)}


def write_keras_file(root, **changes):
    """Writes DIGITS as `root/mnist/mnist.npz`; changes name arrays, None leaves one out."""
    arrays = {}
    for split, (images, labels) in DIGITS.items():
        arrays |= {f"x_{split}": images, f"y_{split}": labels}
    arrays |= changes
    path = root / "mnist" / "mnist.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def idx(array):
    sides = b"".join(side.to_bytes(4, "big") for side in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sides + array.tobytes()


def write_idx_files(folder, packed):
    """Writes DIGITS as the four original files."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, names in IDX_FILES.items():
        for name, array in zip(names, DIGITS[split], strict=True):
            content = idx(array)
            path = folder / (f"{name}.gz" if packed else name)
            path.write_bytes(gzip.compress(content) if packed else content)
