"""The few messages of Caffe's format that hold weights, built in code for protobuf's runtime.

Field numbers and types are Caffe's; what is not needed is left out, and protobuf skips it. Names
are declared as bytes (the same on the wire), so that a damaged one cannot end in a decoding error.
"""

import functools
from collections.abc import Iterator
from typing import NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FIELD = descriptor_pb2.FieldDescriptorProto
MESSAGES = {
    "BlobShape": {"dim": (1, "repeated", FIELD.TYPE_INT64)},
    "BlobProto": {
        "num": (1, "optional", FIELD.TYPE_INT32),
        "channels": (2, "optional", FIELD.TYPE_INT32),
        "height": (3, "optional", FIELD.TYPE_INT32),
        "width": (4, "optional", FIELD.TYPE_INT32),
        "data": (5, "repeated", FIELD.TYPE_FLOAT),
        "shape": (7, "optional", "BlobShape"),
        "double_data": (8, "repeated", FIELD.TYPE_DOUBLE),
    },
    "V1LayerParameter": {
        "bottom": (2, "repeated", FIELD.TYPE_BYTES),
        "top": (3, "repeated", FIELD.TYPE_BYTES),
        "name": (4, "optional", FIELD.TYPE_BYTES),
        "type": (5, "optional", FIELD.TYPE_INT32),  # an enum, which is the same on the wire
        "blobs": (6, "repeated", "BlobProto"),
    },
    "LayerParameter": {
        "name": (1, "optional", FIELD.TYPE_BYTES),
        "type": (2, "optional", FIELD.TYPE_BYTES),
        "bottom": (3, "repeated", FIELD.TYPE_BYTES),
        "top": (4, "repeated", FIELD.TYPE_BYTES),
        "blobs": (7, "repeated", "BlobProto"),
    },
    "NetParameter": {
        "name": (1, "optional", FIELD.TYPE_BYTES),
        "layers": (2, "repeated", "V1LayerParameter"),
        "layer": (100, "repeated", "LayerParameter"),
    },
}
V1_TYPES = {"Convolution": 4, "InnerProduct": 14}
LAYER_FIELDS = (2, 100)
LEGACY_DIMS = ("num", "channels", "height", "width")

# Fields of a whole network and of its layers, floats not counted. GoogLeNet's training file has
# about two thousand; each becomes an object many times as large as an empty field.
MOST_FIELDS = 100_000
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class CaffeMessages(NamedTuple):
    """Message classes: of a whole network, and of one blob (what a mean file is)."""

    NetParameter: type
    BlobProto: type


class WireError(ValueError):
    """Bytes that are no NetParameter: a clause that says why, to follow the file's name."""


@functools.cache
def build_messages(packed: bool = True) -> CaffeMessages:
    """Makes the classes; `packed` decides how they write numbers, they read both ways."""
    file = descriptor_pb2.FileDescriptorProto(name="caffe.proto", package="caffe", syntax="proto2")
    labels = {"optional": FIELD.LABEL_OPTIONAL, "repeated": FIELD.LABEL_REPEATED}
    for message_name, fields in MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for name, (number, label, kind) in fields.items():
            field = message.field.add(name=name, number=number, label=labels[label])
            if isinstance(kind, str):
                field.type, field.type_name = FIELD.TYPE_MESSAGE, f".caffe.{kind}"
            else:
                field.type = kind
            if name in ("data", "double_data", "dim"):
                field.options.packed = packed
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)

    def message_class(name: str) -> type:
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"caffe.{name}"))

    return CaffeMessages(message_class("NetParameter"), message_class("BlobProto"))


def check_wire(data: bytes) -> None:
    """Walks over a network's fields and those of its layers, without parsing what they hold.

    Raises:
        WireError: A field goes on beyond its end, or there are more than any network has.
    """
    fields = 0
    has_layers = False
    for number, kind, start, end in _fields(data, 0, len(data)):
        fields += 1
        is_layer = kind == BYTES and number in LAYER_FIELDS
        has_layers |= is_layer
        if end > len(data):
            if has_layers:
                raise WireError("is cut short: its last layer goes on beyond the end of the file")
            raise WireError("is no caffemodel, or a damaged one")
        if is_layer:
            for *_, inner_end in _fields(data, start, end):
                fields += 1
                if inner_end > end:
                    raise WireError(f"is damaged: a part of the layer at byte {start} leaves it")
                if fields > MOST_FIELDS:
                    break
        if fields > MOST_FIELDS:
            raise WireError(f"is no caffemodel: it has more than {MOST_FIELDS} parts")


def _fields(data: bytes, start: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
    """Yields number, wire type, first and end byte of the content of each field.

    The end of the last one lies beyond `stop` where the bytes do not suffice.
    """
    while start < stop:
        key, start = _varint(data, start, stop)
        number, kind = key >> 3, key & 7
        length = {FIXED64: 8, FIXED32: 4}.get(kind, 0)
        if kind == VARINT:
            _, start = _varint(data, start, stop)
        elif kind == BYTES:
            length, start = _varint(data, start, stop)
        elif not length:
            raise WireError("is no caffemodel, or a damaged one")
        yield number, kind, start, start + length
        start += length


def _varint(data: bytes, start: int, stop: int) -> tuple[int, int]:
    value = 0
    for position in range(start, min(start + 10, stop)):
        value |= (data[position] & 127) << 7 * (position - start)
        if data[position] < 128:
            return value, position + 1
    if start + 10 <= stop:
        raise WireError("is no caffemodel, or a damaged one")
    return value, stop + 1
