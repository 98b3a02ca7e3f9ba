"""Reads the files that standard input names, and answers what became of each: a line of JSON.

HDF5 files are read in this very process, which may hang or end for it; the caller looks after that.
"""

import json
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np

from errors import UserError
from weights import caffe_files
from weights.caffe_hdf5 import ROOM, Hdf5Error, limit_memory, read_hdf5_blobs


def read_here(path: Path) -> dict[str, list[np.ndarray]]:
    """As the process that reads HDF5 does: any exception ends it."""
    try:
        return read_hdf5_blobs(path)
    except Hdf5Error:
        raise
    except Exception as error:
        raise Hdf5Error("cannot be read") from error


def outcome(kind: str, path: Path) -> str:
    try:
        if kind == "mean":
            mean = caffe_files.read_mean(path)
            return "loaded" if len(mean) == 3 and np.isfinite(mean).all() else f"wrong: {mean}"
        layers = caffe_files.read_caffe(path)
    except UserError as error:
        text = str(error)
        right = text.startswith(str(path)) and text.isprintable() and len(text) < 600
        return "refused" if right else f"wrong: {text!r}"
    except Exception as error:
        return f"wrong: {error!r}"
    blobs = [blob for blobs in layers.values() for blob in blobs]
    sound = all(b.dtype == np.float32 and b.size and np.isfinite(b).all() for b in blobs)
    fits = sum(blob.nbytes for blob in blobs) <= path.stat().st_size
    return "loaded" if all(layers.values()) and sound and fits else "wrong: unsound"


def largest_resident_mb() -> int:
    """Most memory that this process ever had; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    caffe_files.read_in_process = read_here
    limit_memory(ROOM)
    tracemalloc.start()
    print("ready", flush=True)
    for line in sys.stdin:
        kind, path = line.rstrip("\n").split(" ", 1)
        tracemalloc.reset_peak()
        before, start = tracemalloc.get_traced_memory()[0], time.perf_counter()
        answer = {"outcome": outcome(kind, Path(path))}
        answer["milliseconds"] = round(1e3 * (time.perf_counter() - start))
        answer["taken"] = tracemalloc.get_traced_memory()[1] - before
        answer["resident_mb"] = largest_resident_mb()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
