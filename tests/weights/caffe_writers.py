"""Writes Caffe's weight files as others have written them."""

from pathlib import Path

import h5py
import numpy as np

from weights.caffe_proto import build_messages

SMALL = {
    "conv1/7x7_s2": [(2, 3, 2, 2), (2,)],
    "inception_3a/1x1": [(3, 2, 1, 1), (3,)],
    "loss3/classifier": [(4, 3), (4,)],
}


def small_layers(seed: int = 0) -> dict[str, list[np.ndarray]]:
    """Three layers with random blobs, 57 values in all."""
    rng = np.random.default_rng(seed)
    return {
        name: [rng.normal(size=shape).astype(np.float32) for shape in shapes]
        for name, shapes in SMALL.items()
    }


def write_caffe_hdf5(path: Path, layers: dict[str, list[np.ndarray]]) -> None:
    """As Caffe's `Net::ToHDF5`: also a group for the differences, and for layers without blobs."""
    with h5py.File(path, "w", libver="earliest") as file:
        data = file.create_group("data")
        data.create_group("data")
        data.create_group("pool1")
        for name, blobs in layers.items():
            group = data.create_group(name)
            for index, blob in enumerate(blobs):
                group.create_dataset(str(index), data=blob)


def encode_mean(image: np.ndarray) -> bytes:
    """A mean.binaryproto of an image (3, H, W), blue first."""
    blob = build_messages().BlobProto(num=1, channels=3, height=image.shape[1])
    blob.width = image.shape[2]
    blob.data.extend(image.ravel().tolist())
    return blob.SerializeToString()
