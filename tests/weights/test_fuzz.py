"""Whatever the bytes, reading a model ends in a `UserError` or in sound arrays.

WHATWHERE_FUZZ=10000 tries as many files of each kind; `-s` then shows what became of them.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from errors import UserError
from tests.weights.caffe_writers import encode_mean, small_layers, write_caffe_hdf5
from weights.caffe_files import encode_caffemodel, read_caffe

ROOT = Path(__file__).parents[2]
EXAMPLES = int(os.environ.get("WHATWHERE_FUZZ", "300"))
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize="WHATWHERE_FUZZ" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
# What a length, a size or an address may be changed to.
EDGES = (0, 1, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1)
CHANGES = ("flip",) * 4 + ("edge",) * 3 + ("cut", "insert", "delete", "splice", "repeat")
LONGEST = 10  # seconds for one file; most take a millisecond
# Bytes: what reading takes whatever the size, and some copies of the file.
ROOM = 4_000_000
COPIES = 8


@st.composite
def mutated(draw, originals: list[bytes]) -> bytes:
    """One of the files after one to three changes."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 3))):
        # Most of a small HDF5 file is unused room: half of the changes fall elsewhere.
        at = draw(st.integers(0, 2**20)) % max(len(data), 1)
        used = np.flatnonzero(np.frombuffer(data, np.uint8)) if draw(st.booleans()) else ()
        at = int(used[at % len(used)]) if len(used) else at
        match draw(st.sampled_from(CHANGES)):
            case "flip":
                data[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case "edge":
                width = draw(st.sampled_from([1, 2, 4, 8]))
                value = draw(st.sampled_from(EDGES)) % 256**width
                data[at : at + width] = value.to_bytes(width, "little")
            case "cut":
                del data[at:]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=16))
            case "delete":
                del data[at : at + draw(st.integers(1, 64))]
            case "splice":
                other = draw(st.sampled_from(originals))
                start = draw(st.integers(0, len(other)))
                piece = other[start : start + draw(st.integers(1, 256))]
                data[at : at + len(piece)] = piece
            case "repeat":
                piece = bytes(data[at : at + draw(st.integers(1, 64))])
                data[at:at] = piece * draw(st.integers(1, 20))
    return bytes(data)


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    layers = small_layers()
    path = tmp_path_factory.mktemp("originals") / "small.caffemodel.h5"
    write_caffe_hdf5(path, layers)
    return {
        "protobuf": [
            encode_caffemodel(layers),
            encode_caffemodel(layers, v1=True),
            encode_caffemodel(layers, packed=False),
            encode_caffemodel(layers, v1=True, double=True),
        ],
        "hdf5": [path.read_bytes()],
        "mean": [encode_mean(np.arange(12.0).reshape(3, 2, 2))],
    }


class Reader:
    """A process that reads file after file, so that the HDF5 library can only hurt that one."""

    def __init__(self):
        self.process = None

    def read(self, kind: str, path: Path) -> dict | None:
        """What became of the file; None if the process had to be stopped."""
        if self.process is None:
            command = [sys.executable, "-m", "tests.weights.fuzz_reader"]
            self.process = subprocess.Popen(
                command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            self.process.stdout.readline()  # it is ready
        self.process.stdin.write(f"{kind} {path}\n")
        self.process.stdin.flush()
        select.select([self.process.stdout], [], [], LONGEST)
        if select.select([self.process.stdout], [], [], 0)[0]:
            answer = self.process.stdout.readline()
            if answer:
                return json.loads(answer)
        self.stop()
        return None

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@pytest.fixture
def reader():
    reader = Reader()
    yield reader
    reader.stop()


@pytest.mark.parametrize("kind", ["protobuf", "hdf5", "mean"])
def test_mutated_files(kind, originals, reader, tmp_path):
    path = tmp_path / "mutated"
    outcomes = Counter()
    most = Counter()

    @FUZZ
    @given(mutated(originals[kind]))
    def read(data):
        path.write_bytes(data)
        answer = reader.read(kind, path)
        if answer is None:
            assert kind == "hdf5"
            outcomes["stopped"] += 1
            with contextlib.suppress(UserError):  # and this one comes back whatever happens
                read_caffe(path)
            return
        outcomes[answer.pop("outcome")] += 1
        assert answer["taken"] < ROOM + COPIES * len(data)
        for name, value in answer.items():
            most[name] = max(most[name], value)

    read()
    print(f"{kind}: {dict(outcomes)}, most {dict(most)}")
    assert outcomes.keys() <= {"loaded", "refused", "stopped"}, outcomes
    assert outcomes["loaded"] and outcomes["refused"]
