"""Reads Caffe's `.caffemodel.h5`: `data/<layer>/0` weights, `data/<layer>/1` bias.

A damaged file can send the HDF5 library round in circles that take memory without end (a free
list in it that leads back to itself is enough), and no check from outside sees that coming. The
library therefore reads in a process of its own, with limits on its time and memory.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from weights.file_checks import printable

MOST_LINKS = 20_000  # of groups and datasets; GoogLeNet's file has about 400
ROOM = 256 << 20  # bytes that the reading process may take beside the values themselves
LONGEST = 60  # seconds for it, and one more for each megabyte
REFUSED = 3  # its exit status where it can say what is wrong


class Hdf5Error(ValueError):
    """A file of another make: a clause that says why, to follow the file's name."""


def read_in_process(path: Path) -> dict[str, list[np.ndarray]]:
    """As `read_hdf5_blobs`, float32, from a process that is stopped when it takes too much.

    Raises:
        Hdf5Error: The file holds something that Caffe does not write, or cannot be read.
    """
    command = [sys.executable, "-m", "weights.caffe_hdf5", str(path.resolve())]
    try:
        done = subprocess.run(
            command,
            cwd=Path(__file__).parents[1],
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=LONGEST + path.stat().st_size / 1e6,
        )
    except subprocess.TimeoutExpired as error:
        raise Hdf5Error("keeps the HDF5 library busy without end, download it again") from error
    if done.returncode == REFUSED:
        raise Hdf5Error(json.loads(done.stdout))
    if done.returncode:
        raise Hdf5Error("cannot be read by the HDF5 library, download it again")
    head, _, values = done.stdout.partition(b"\n")
    layers: dict[str, list[np.ndarray]] = {}
    start = 0
    for layer, shape in json.loads(head):
        end = start + 4 * int(np.prod(shape))
        layers.setdefault(layer, []).append(
            np.frombuffer(values[start:end], np.float32).reshape(shape)
        )
        start = end
    return layers


def read_hdf5_blobs(path: Path) -> dict[str, list[np.ndarray]]:
    """Layer name -> its blobs in order, in the files' own precision.

    Every declared size is held against the file's before anything is read, and links that lead
    out of the file are not followed.

    Raises:
        Hdf5Error: The file holds something that Caffe does not write.
        OSError, RuntimeError, KeyError, ValueError, TypeError: h5py cannot read it.
    """
    size = path.stat().st_size
    left = size
    layers: dict[str, dict[int, np.ndarray]] = {}
    with h5py.File(path, "r") as file:
        if file.get("data", getclass=True, getlink=True) is not h5py.HardLink:
            raise Hdf5Error("has no group `data`")
        for name, dataset in _datasets(file["data"]):
            layer, _, index = name.rpartition("/")
            if not layer or not (index.isascii() and index.isdigit()) or len(index) > 3:
                raise Hdf5Error(
                    f"has a dataset data/{printable(name)}, which is no blob of a layer"
                )
            left -= _stored_bytes(dataset, name, size)
            if left < 0:
                raise Hdf5Error("declares more values than it has room for")
            layers.setdefault(layer, {})[int(index)] = dataset[()]
    return {layer: _in_order(layer, blobs) for layer, blobs in layers.items()}


def _datasets(group: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    """Every dataset under `group`, by its path from there; `/` in a layer's name nests groups."""
    links = 0
    seen = set()  # a damaged file may hold a group that contains itself
    stack = [("", group)]
    while stack:
        prefix, current = stack.pop()
        for key in current:
            links += 1
            if links > MOST_LINKS:
                raise Hdf5Error(f"has more than {MOST_LINKS} entries")
            if current.get(key, getclass=True, getlink=True) is not h5py.HardLink:
                raise Hdf5Error(f"has a link at data/{printable(prefix + key)}")
            item = current[key]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                raise Hdf5Error(f"has data/{printable(prefix + key)} in another place too")
            seen.add(address)
            if isinstance(item, h5py.Group):
                stack.append((f"{prefix}{key}/", item))
            elif isinstance(item, h5py.Dataset):
                yield prefix + key, item


def _stored_bytes(dataset: h5py.Dataset, name: str, size: int) -> int:
    """Bytes of a dataset whose values lie in the file one after another, as Caffe writes them."""
    name = printable(name)
    if dataset.dtype.kind != "f" or dataset.dtype.itemsize not in (4, 8):
        raise Hdf5Error(f"holds {dataset.dtype} in data/{name} instead of floats")
    properties = dataset.id.get_create_plist()
    layout = properties.get_layout()
    if layout not in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT) or properties.get_external_count():
        raise Hdf5Error(f"keeps data/{name} in chunks or elsewhere; rewrite it with h5repack")
    shape = dataset.shape
    if shape is None or len(shape) > 32:
        raise Hdf5Error(f"declares no usable shape for data/{name}")
    declared = dataset.dtype.itemsize
    for side in shape:
        declared *= side
    if not 0 < declared == dataset.id.get_storage_size() <= size:
        raise Hdf5Error(f"declares {declared} bytes for data/{name} but does not hold them")
    return declared


def _in_order(layer: str, blobs: dict[int, np.ndarray]) -> list[np.ndarray]:
    for index in range(len(blobs)):
        if index not in blobs:
            raise Hdf5Error(f"lacks blob {index} of layer {printable(layer)}")
    return [blobs[index] for index in range(len(blobs))]


def main() -> None:
    """Writes a line of JSON, [layer, shape] of each blob in order, then all values as float32."""
    path = Path(sys.argv[1])
    limit_memory(ROOM + 4 * path.stat().st_size)
    try:
        layers = read_hdf5_blobs(path)
    except Hdf5Error as error:
        print(json.dumps(str(error)))
        sys.exit(REFUSED)
    head = [(layer, blob.shape) for layer, blobs in layers.items() for blob in blobs]
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n")
    with np.errstate(over="ignore", invalid="ignore"):
        for blobs in layers.values():
            for blob in blobs:
                sys.stdout.buffer.write(blob.astype(np.float32).tobytes())


def limit_memory(room: int) -> None:
    """Lets this process take `room` bytes more than it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if sys.platform == "linux" else 0
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + room,) * 2)


if __name__ == "__main__":
    main()
