"""Reads and writes Caffe's weight files, without Caffe."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError

from errors import UserError
from files import reading, whole_file
from weights.caffe_hdf5 import Hdf5Error, read_in_process
from weights.caffe_proto import LEGACY_DIMS, V1_TYPES, WireError, build_messages, check_wire
from weights.file_checks import is_hdf5, printable

AGAIN = "check where it comes from, and download it again"
LARGEST_PROTOBUF = 2**31 - 1  # bytes; protobuf's own limit
MOST_AXES = 32  # Caffe's limit too

Blobs = dict[str, list[np.ndarray]]


def read_caffe(path: str | Path) -> Blobs:
    """Reads a `.caffemodel` or `.caffemodel.h5`: layer name -> its blobs, float32.

    What the file is, is decided by its content. Shapes are the file's own: Caffe's older ones
    have four axes for everything, as (1, 1, 1, N) for a bias.

    Raises:
        UserError: The file is none of these, or is damaged; see `read_caffe_as`.
    """
    return read_caffe_as(path)[1]


def read_caffe_as(path: str | Path) -> tuple[str, Blobs]:
    """As `read_caffe`, with the encoding that was found: `V1`, `V2` or `HDF5`.

    Raises:
        UserError: The file is missing, empty, a Git-LFS pointer, a web page, cut short, no Caffe
            model; a blob's shape disagrees with its number of values, or a value is no finite
            number.
    """
    path = Path(path)
    if is_hdf5(path):
        encoding, layers = "HDF5", _read_hdf5(path)
    else:
        encoding, layers = _read_protobuf(path)
    if not layers:
        raise UserError(f"{path} is no Caffe model, or one without a layer that has weights")
    return encoding, layers


def read_mean(path: str | Path) -> tuple[float, float, float]:
    """Reads a mean image (`.binaryproto`): its average, red, green, blue, in 0..255.

    Raises:
        UserError: The file is no mean image of three channels.
    """
    path = Path(path)
    if is_hdf5(path):
        raise UserError(f"{path} is an HDF5 file, not a mean.binaryproto")
    data = _read_bytes(path)
    try:
        message = build_messages().BlobProto.FromString(data)
    except DecodeError as error:
        raise UserError(f"{path} is no mean.binaryproto, or is damaged: {AGAIN}") from error
    values = _values(message, f"{path} is no mean.binaryproto: its blob")
    while values.ndim > 3 and values.shape[0] == 1:
        values = values[0]
    if values.ndim != 3 or values.shape[0] != 3:
        raise UserError(
            f"{path} holds a blob of shape {values.shape}, not a mean image (3, height, width)"
        )
    blue, green, red = values.mean((1, 2), np.float64).tolist()
    return red, green, blue


def encode_mean(mean_rgb: Sequence[float]) -> bytes:
    """The bytes of a mean image of one pixel (`.binaryproto`): blue, green, red, in 0..255."""
    message = build_messages().BlobProto(num=1, channels=3, height=1, width=1)
    message.data.extend(reversed(list(mean_rgb)))
    return message.SerializeToString()


def write_caffemodel(
    path: str | Path, layers: Mapping[str, Sequence[np.ndarray]], v1: bool = False
) -> None:
    """Writes layers and their blobs as a `.caffemodel`, whole or not at all.

    Args:
        path: File to write.
        layers: Layer name -> blobs. Weights with four axes make a convolution, others an inner
            product.
        v1: Write the older layer format, in which every blob has four axes.

    Raises:
        UserError: The place cannot be written, or a value is no finite number.
    """
    data = encode_caffemodel(layers, v1)
    with whole_file(Path(path)) as temporary:
        temporary.write_bytes(data)


def encode_caffemodel(
    layers: Mapping[str, Sequence[np.ndarray]],
    v1: bool = False,
    packed: bool = True,
    double: bool = False,
) -> bytes:
    """The bytes of a `.caffemodel`.

    Args:
        layers: As `write_caffemodel` takes them.
        v1: As there.
        packed: Numbers lie one after another, as in all but the oldest files, where each has its
            own tag.
        double: They are of double precision.

    Raises:
        UserError: A value is no finite number.
    """
    net = build_messages(packed).NetParameter(name=b"GoogLeNet")
    for name, blobs in layers.items():
        kind = "Convolution" if blobs[0].ndim == 4 else "InnerProduct"
        layer = (net.layers if v1 else net.layer).add(name=name.encode())
        layer.type = V1_TYPES[kind] if v1 else kind.encode()
        for blob in blobs:
            if not np.isfinite(blob).all():
                raise UserError(f"layer {name} holds NaN or infinite values: train it anew")
            message = layer.blobs.add()
            if v1:
                shape = (1,) * (4 - blob.ndim) + blob.shape
                for dim, side in zip(LEGACY_DIMS, shape, strict=True):
                    setattr(message, dim, side)
            else:
                message.shape.dim.extend(blob.shape)
            numbers = message.double_data if double else message.data
            numbers.extend(blob.ravel().tolist())
    return net.SerializeToString()


def _read_bytes(path: Path) -> bytes:
    with reading(path):
        size = path.stat().st_size
        if size > LARGEST_PROTOBUF:
            raise UserError(
                f"{path} is no Caffe model: its {size} bytes are more than one can have"
            )
        return path.read_bytes()


def _read_protobuf(path: Path) -> tuple[str, Blobs]:
    data = _read_bytes(path)
    try:
        check_wire(data)
        net = build_messages().NetParameter.FromString(data)
    except WireError as error:
        raise UserError(f"{path} {error}: {AGAIN}") from error
    except DecodeError as error:
        raise UserError(f"{path} is no caffemodel, or a damaged one: {AGAIN}") from error
    layers: Blobs = {}
    for layer in (*net.layers, *net.layer):
        if not layer.blobs:
            continue
        name = layer.name.decode(errors="replace")
        if name in layers:
            raise UserError(f"{path} has two layers {printable(name)} with weights: {AGAIN}")
        layers[name] = [
            _values(blob, f"{path} is damaged: blob {index} of layer {printable(name)}")
            for index, blob in enumerate(layer.blobs)
        ]
    return "V1" if net.layers else "V2", layers


def _read_hdf5(path: Path) -> Blobs:
    try:
        layers = read_in_process(path)
    except Hdf5Error as error:
        raise UserError(f"{path} is an HDF5 file but no caffemodel.h5: it {error}") from error
    return {
        name: [
            _finite(blob, f"{path} is damaged: blob {index} of layer {printable(name)}")
            for index, blob in enumerate(blobs)
        ]
        for name, blobs in layers.items()
    }


def _values(blob: object, what: str) -> np.ndarray:
    """A BlobProto's numbers in its shape; `what` begins the sentence of the error."""
    shape = [getattr(blob, dim) for dim in LEGACY_DIMS]
    if not any(blob.HasField(dim) for dim in LEGACY_DIMS):
        shape = list(blob.shape.dim[: MOST_AXES + 1])
    numbers = blob.double_data or blob.data
    if len(shape) > MOST_AXES:
        raise UserError(f"{what} declares more than {MOST_AXES} axes: {AGAIN}")
    product = 1
    for side in shape:
        product *= side
    if not numbers or min(shape, default=1) < 1 or product != len(numbers):
        raise UserError(
            f"{what} declares the shape {tuple(shape)} but holds {len(numbers)} values: {AGAIN}"
        )
    return _finite(np.array(numbers).reshape(shape), what)


def _finite(values: np.ndarray, what: str) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.asarray(values, np.float32)
    if not np.isfinite(values).all():
        raise UserError(f"{what} holds NaN or infinite values: {AGAIN}")
    return values
