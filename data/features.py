"""What a frozen trunk makes of images, kept on disk: written once, read in batches.

A pass has each image of a split once. It is a folder with a file `<tap>.npy` for each tap, float16
[N, G, G, C], and `targets.npy`, float32 [N, 7] or int32 [N].

Maps are kept in float16 whatever the trunk computes in: GoogLeNet's normalisation bounds what
reaches its first block, so they stay far below 65504. Of float32 three to four digits remain;
bfloat16, which has fewer, is kept as it is, but for values near zero, below 6e-5.
"""

import itertools
import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from data.batches import ahead
from errors import UserError

DTYPE = np.dtype("<f2")

Batch = tuple[dict[str, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Pass:
    """Each image of a split once, in the order in which it was seen.

    Attributes:
        maps: By tap, float16 [N, G, G, C]; read from the disk as they are used.
        targets: Poses float32 [N, 7], or labels int32 [N].
    """

    maps: dict[str, np.ndarray]
    targets: np.ndarray

    @classmethod
    def open(cls, folder: Path) -> "Pass":
        """Opens what `write_pass` wrote.

        Raises:
            UserError: It is damaged.
        """
        try:
            files = {path.stem: np.load(path, mmap_mode="r") for path in folder.glob("*.npy")}
            targets = np.array(files.pop("targets"))
        except (OSError, EOFError, LookupError, ValueError) as error:
            raise UserError(f"{folder} is damaged: delete it, and it is made again") from error
        return cls(files, targets)

    def batches(self, batch_size: int, order: np.ndarray | None = None) -> Iterator[Batch]:
        """All images once, in their order or in another."""
        order = np.arange(len(self.targets)) if order is None else order
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            yield {tap: maps[rows] for tap, maps in self.maps.items()}, self.targets[rows]

    def signature(self) -> tuple[dict[str, tf.TensorSpec], tf.TensorSpec]:
        """Of a batch, for `tf.data`."""
        maps, targets = {tap: _spec(maps) for tap, maps in self.maps.items()}, _spec(self.targets)
        return maps, targets


def _spec(values: np.ndarray) -> tf.TensorSpec:
    return tf.TensorSpec((None, *values.shape[1:]), values.dtype)


def train_batches(
    passes: list[Pass], batch_size: int, seed: int, first_epoch: int = 0
) -> tf.data.Dataset:
    """Batches (maps, targets) without end, from the start of `first_epoch`.

    Epoch e has pass e mod N. The first time a pass comes in the order in which it is kept, later in
    one that depends on the seed and the number of the epoch alone.
    """

    def batches() -> Iterator[Batch]:
        for epoch in itertools.count(first_epoch):
            kept, order = passes[epoch % len(passes)], None
            if epoch >= len(passes):
                order = np.random.default_rng([seed, epoch]).permutation(len(kept.targets))
            yield from kept.batches(batch_size, order)

    data = tf.data.Dataset.from_generator(batches, output_signature=passes[0].signature())
    return ahead(data)


def test_batches(kept: Pass, batch_size: int) -> tf.data.Dataset:
    """All images once, in the order of the pass."""
    data = tf.data.Dataset.from_generator(
        lambda: kept.batches(batch_size), output_signature=kept.signature()
    )
    count = math.ceil(len(kept.targets) / batch_size)
    return ahead(data.apply(tf.data.experimental.assert_cardinality(count)))


def write_pass(folder: Path, count: int, batches: Iterable[Batch]) -> None:
    """Writes a pass of `count` images; `folder` is there only when it is complete.

    Raises:
        UserError: A map is not finite in float16.
        OSError: The files cannot be written.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    seen = []
    with ExitStack() as stack:
        files = {}
        for maps, targets in batches:
            for tap, values in maps.items():
                if tap not in files:
                    files[tap] = stack.enter_context((partial / f"{tap}.npy").open("wb"))
                    _write_header(files[tap], (count, *values.shape[1:]))
                # Not through a memory map: on a full disk that is a signal, not an error.
                files[tap].write(_to_half(values, tap).tobytes())
            seen.append(targets)
        files["targets"] = stack.enter_context((partial / "targets.npy").open("wb"))
        np.save(files["targets"], np.concatenate(seen))
        # Else a power cut could leave the name without the content.
        for file in files.values():
            file.flush()
            os.fsync(file.fileno())
    partial.rename(folder)


def _write_header(file: object, shape: tuple[int, ...]) -> None:
    description = np.lib.format.dtype_to_descr(DTYPE)
    header = {"descr": description, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _to_half(values: np.ndarray, tap: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        half = values.astype(DTYPE)
    if not np.isfinite(half).all():
        raise UserError(
            f"the trunk's map {tap} reaches {float(values.max()):.3g}, and features are kept in "
            "float16, which ends at 65504: give --cached_crops=0"
        )
    return half


def claim(folder: Path, fingerprint: dict) -> None:
    """Makes `folder` for passes with this fingerprint; passes of another in it are deleted."""
    record = folder / "fingerprint.json"
    try:
        if json.loads(record.read_text()) == fingerprint:
            return
    except (OSError, ValueError):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    record.write_text(json.dumps(fingerprint, indent=2) + "\n")
