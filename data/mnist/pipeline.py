"""From digits to batches, as `data.pipeline` makes them of photographs.

A batch is (images, labels): uint8 [B, S, S, 1] grey levels and int32 [B]. Images of the variants
are made anew each time; what training sees is never the same twice.
"""

import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from data.batches import ahead
from data.mnist.digits import CLASSES, load_digits
from data.mnist.variants import VARIANTS, Variant, digit_centers, draw_numbers, make_images
from data.records import FOLDS, TEST_SEQUENCE, require_split
from errors import UserError

FOLD_NAMES = tuple(f"fold-{fold}" for fold in range(FOLDS))
# Of the images that are tested or validated on, in every run. Training has its own seed and the
# epoch, from 0, in these two places: it never sees the numbers that this gives.
TEST_SEED = (2014, -1)


@dataclass(frozen=True)
class DigitSplit:
    """Digits of some folds, in file order, and the images to make of them.

    Attributes:
        digits: uint8 [N, 28, 28].
        targets: Labels int64 [N].
        names: N names, such as `train-00017`.
        sequence_of: Fold of each of the N digits, or `test`.
        variant: How digits become images.
    """

    digits: np.ndarray
    targets: np.ndarray
    names: list[str]
    sequence_of: list[str]
    variant: Variant
    classes: tuple[str, ...] = CLASSES

    def __len__(self) -> int:
        return len(self.names)

    @property
    def image_size(self) -> int:
        """Side S of the images, pixels."""
        return self.variant.side

    def crc32(self) -> int:
        """Of digits and labels: tells these from others, in this order, as many."""
        return zlib.crc32(self.targets, zlib.crc32(self.digits))

    def train_batches(self, batch_size: int, seed: int, first_epoch: int = 0) -> tf.data.Dataset:
        """Batches without end, from the start of `first_epoch`; every epoch has all digits once.

        Order, places and clutter depend on the seed, the number of the epoch and the digit alone,
        so that a run that goes on in epoch 7 sees what it would have seen.

        Args:
            batch_size: Images in a batch; the last of an epoch has what is left.
            seed: Draws order, places and clutter; at least 0.
            first_epoch: Epoch to start with, from 0.
        """
        make = self._batch_maker()

        def epoch(number: tf.Tensor) -> tf.data.Dataset:
            epoch_seed = tf.stack([tf.constant(seed, tf.int64), number])
            order_seed = tf.random.fold_in(epoch_seed, 1, alg="philox")
            order = tf.random.experimental.stateless_shuffle(
                tf.range(len(self)), order_seed, alg="philox"
            )
            return self._batches(make, order, epoch_seed, batch_size)

        return ahead(tf.data.Dataset.counter(first_epoch).flat_map(epoch))

    def test_batches(self, batch_size: int) -> tf.data.Dataset:
        """All digits once, in file order; places and clutter come from `TEST_SEED`.

        The same digits give the same images in every run, whatever the size of a batch.
        """
        seed = tf.constant(TEST_SEED, tf.int64)
        batches = self._batches(self._batch_maker(), tf.range(len(self)), seed, batch_size)
        return ahead(batches)

    def test_centers(self) -> np.ndarray:
        """`digit_centers` of all digits, [N, 2], in the images of `test_batches`."""
        numbers = draw_numbers(len(self), self.variant, tf.constant(TEST_SEED, tf.int64))
        return digit_centers(numbers, self.variant).numpy()

    def _batch_maker(self) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
        """A function of rows [B] and their random numbers [B, D] that gives a batch."""
        # Outside of it, so that TensorFlow hands them over and does not write them into its graph.
        digits, labels = tf.constant(self.digits), tf.constant(self.targets, tf.int32)
        side = self.image_size

        def make(rows: tf.Tensor, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            images = make_images(digits, rows, numbers, self.variant)
            return tf.ensure_shape(images, (None, side, side, 1)), tf.gather(labels, rows)

        return make

    def _batches(
        self, make: Callable, order: tf.Tensor, seed: tf.Tensor, batch_size: int
    ) -> tf.data.Dataset:
        # All of an epoch's numbers at once, for each digit by its row: no batch's contents or size
        # plays a part in an image.
        numbers = draw_numbers(len(self), self.variant, seed)

        def batch(start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            rows = order[start : start + batch_size]
            return make(rows, tf.gather(numbers, rows))

        return tf.data.Dataset.range(0, len(self), batch_size).map(batch)


def load_digit_split(
    data_dir: str | Path | None, dataset: str, split: str, folds: Collection[str] | None = None
) -> DigitSplit:
    """Reads the digits of `split` ("train" or "test") that belong to `folds`; None means all.

    The n-th training digit of a class, counted from 0, belongs to fold n modulo 10; all digits to
    test on belong to `test`. Clutter is cut from the digits of the same folds.

    Args:
        data_dir: See `data.mnist.digits.load_digits`.
        dataset: A name in `VARIANTS`.
        split: `train` or `test`.
        folds: Of `FOLD_NAMES`.

    Raises:
        UserError: The files are missing or bad, or cannot be downloaded, or no digit belongs to the
            folds.
    """
    train, test = load_digits(data_dir)
    digits = train if require_split(split) == "train" else test
    sequence_of = np.full(len(digits), TEST_SEQUENCE)
    if split == "train":
        sequence_of = np.array(FOLD_NAMES)[place_in_class(digits.labels) % FOLDS]
    rows = np.arange(len(digits))
    if folds is not None:
        rows = np.flatnonzero(np.isin(sequence_of, list(folds)))
    if not len(rows):
        raise UserError(
            f"none of the {len(digits)} {split} digits belongs to {', '.join(folds or ())}: give "
            "--validation_fraction=0, or other --validation_sequences"
        )
    return DigitSplit(
        digits.images[rows],
        digits.labels[rows],
        [f"{split}-{row:05d}" for row in rows],
        sequence_of[rows].tolist(),
        VARIANTS[dataset],
    )


def place_in_class(labels: np.ndarray) -> np.ndarray:
    """How many of the same label come before each label, [N]."""
    places = np.empty_like(labels)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        places[rows] = np.arange(len(rows))
    return places
