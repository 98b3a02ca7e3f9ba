"""From a prepared scene to batches: decode, cache, shuffle, crop.

A batch is (images, targets): images uint8 [B, S, S, 3] RGB; targets are poses float32 [B, 7], see
`data.poses`, or labels int32 [B] of scene categories.
"""

import hashlib
import os
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging

from data.batches import ahead
from data.crops import centre_crop, random_crop, short_side, to_crop_scale, turned
from data.poses import mean_pose
from data.preparation import PreparedScene, intact
from errors import UserError

CACHE_SHARE = 0.25  # of the memory there is, at the most, for decoded images
CONTAINER_LIMITS = (  # bytes, or "max"; of control groups, versions 2 and 1
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


@dataclass(frozen=True)
class Split:
    """The images of some sequences, in file order.

    Attributes:
        examples: Elements {image: PNG string, pose: [7] or label: [], name, sequence}.
        targets: Poses float64 [N, 7], or labels int64 [N].
        names: N names.
        sequence_of: Sequence of each of the N images.
        image_size: Side S of the crop, pixels.
        classes: Names of the categories by label; None where the targets are poses.
    """

    examples: tf.data.Dataset
    targets: np.ndarray
    names: list[str]
    sequence_of: list[str]
    image_size: int
    classes: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.names)

    def train_batches(
        self,
        batch_size: int,
        seed: int,
        first_epoch: int = 0,
        mirror: bool = False,
        focal_length: float | None = None,
    ) -> tf.data.Dataset:
        """Batches without end, from the start of `first_epoch`; every epoch has all images once.

        Order, crops and flips depend on the seed and the number of the epoch alone, so that a run
        that goes on in epoch 7 sees what it would have seen.

        Args:
            batch_size: Images in a batch; the last of an epoch has what is left.
            seed: Draws order, crops and flips.
            first_epoch: Epoch to start with, from 0.
            mirror: Whether each image is flipped left to right with probability 1/2.
            focal_length: Of the camera, in units of the images' short side. With it the pose of a
                crop is that of a camera turned towards the crop's centre; without, the image's.

        Raises:
            ValueError: `mirror` with poses: no camera of the place takes the mirrored photograph.
        """
        if mirror and self.classes is None:
            raise ValueError("mirror=True: a mirrored image has no pose")
        decode, size, count = self._decoder(), self.image_size, len(self)
        examples = self.examples
        cached = self._fits_memory()
        if cached:
            examples = examples.map(decode, tf.data.AUTOTUNE).cache()
        # One generator for all epochs draws their orders: passing over the epochs that are done
        # leaves it where the unbroken run has it.
        shuffled = examples.shuffle(count, seed, reshuffle_each_iteration=True)

        def crop(example: dict, crop_seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            example = example if cached else decode(example)
            image, offset = random_crop(example["image"], size, crop_seed)
            target = example["target"]
            if focal_length:
                target = turned(target, offset / (focal_length * short_side(size)))
            if mirror:
                # A seed of its own keeps the flip independent of the crop's place.
                flip_seed = tf.random.fold_in(crop_seed, 1)
                image = tf.image.stateless_random_flip_left_right(image, flip_seed)
            return image, target

        def epoch(number: tf.Tensor) -> tf.data.Dataset:
            done = tf.where(number < first_epoch, tf.constant(count, tf.int64), 0)
            crop_seed = seed * 1_000_003 + number
            crops = shuffled.skip(done).enumerate().map(
                lambda index, example: crop(example, tf.stack([crop_seed, index])),
                tf.data.AUTOTUNE,
            )  # fmt: skip
            return crops.batch(batch_size)

        return ahead(tf.data.Dataset.counter().flat_map(epoch))

    def test_batches(self, batch_size: int) -> tf.data.Dataset:
        """All images once, in file order, each cropped at its centre."""
        decode, size = self._decoder(), self.image_size

        def crop(example: dict) -> tuple[tf.Tensor, tf.Tensor]:
            image = tf.ensure_shape(centre_crop(example["image"], size), (size, size, 3))
            return image, example["target"]

        examples = self.examples.map(lambda example: crop(decode(example)), tf.data.AUTOTUNE)
        return ahead(examples.batch(batch_size))

    def crc32(self) -> int:
        """Of names and targets: tells this list of images from another as long.

        Targets count to six digits, as reckoning may change their last ones.
        """
        targets = np.round(self.targets, 6) + 0.0  # no -0
        return zlib.crc32(targets.tobytes(), zlib.crc32("\n".join(self.names).encode()))

    def digest(self) -> str:
        """SHA-256 of names, targets and images: splits with the same have the same batches."""
        found = hashlib.sha256("\n".join(self.names).encode())
        found.update(self.targets.tobytes())
        for image in self.examples.map(lambda example: example["image"]).as_numpy_iterator():
            found.update(image)
        return found.hexdigest()

    def mean_rgb(self) -> tuple[float, float, float]:
        """Mean of the images' channels, 0..255: what the network subtracts (5.1)."""
        means = self.examples.map(self._decoder(), tf.data.AUTOTUNE).map(
            lambda example: tf.reduce_mean(tf.cast(example["image"], tf.float64), (0, 1))
        )
        return tuple(np.mean(list(means.as_numpy_iterator()), axis=0).tolist())

    def _decoder(self) -> Callable[[dict], dict]:
        target, dtype = ("pose", tf.float32) if self.classes is None else ("label", tf.int32)

        def decode(example: dict) -> dict:
            image = tf.io.decode_png(example["image"], channels=3)
            image = to_crop_scale(image, self.image_size)
            return {"image": image, "target": tf.cast(example[target], dtype)}

        return decode

    def _fits_memory(self) -> bool:
        first = next(iter(self.examples.map(self._decoder()).take(1)))
        needed = int(np.prod(first["image"].shape)) * len(self)
        fits = needed < CACHE_SHARE * memory_bytes()
        logging.info(
            "%d decoded images take %.2f GB: %s", len(self), needed / 1e9,
            "kept in memory" if fits else "decoded anew each epoch",
        )  # fmt: skip
        return fits


def memory_bytes() -> int:
    """The machine's memory, or what its container allows where that is less."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [path.read_text().strip() for path in CONTAINER_LIMITS if path.is_file()]
    return min([memory, *(int(limit) for limit in limits if limit.isdigit())])


def load_split(
    scene: PreparedScene, split: str, image_size: int, sequences: Collection[str] | None = None
) -> Split:
    """Reads the images of `split` ("train" or "test") that belong to `sequences`; None means all.

    Raises:
        ValueError: No image belongs to them.
        UserError: The copy is damaged.
    """
    target = "pose" if scene.classes is None else "label"
    targets, names, sequence_of = [], [], []
    with intact(scene.builder.data_path):
        examples = scene.examples(split)
        if sequences is not None:
            wanted = tf.constant(sorted(sequences))
            examples = examples.filter(lambda example: tf.reduce_any(example["sequence"] == wanted))
        for example in examples.map(lambda e: {k: e[k] for k in (target, "name", "sequence")}):
            targets.append(example[target].numpy())
            names.append(example["name"].numpy().decode())
            sequence_of.append(example["sequence"].numpy().decode())
    if not names:
        raise ValueError(f"no image of the {split} split belongs to {', '.join(sequences or ())}")
    examples = examples.apply(tf.data.experimental.assert_cardinality(len(names)))
    return Split(examples, np.stack(targets), names, sequence_of, image_size, scene.classes)


def held_out(
    sequences: list[str], fraction: float, named: Collection[str] | None = None
) -> list[str]:
    """Training sequences to validate on, in their order: `fraction` of them, or those named.

    By fraction they are evenly spread, at least one. With a single sequence, or a fraction of 0,
    none: there is nothing honest to hold out.

    Raises:
        UserError: A name is no sequence's, or all sequences are named.
    """
    if named is not None:
        unknown = [name for name in named if name not in sequences]
        if unknown:
            raise UserError(
                f"--validation_sequences: {unknown[0]} is no training sequence: "
                f"choose among {', '.join(sequences)}"
            )
        if not set(sequences) - set(named):
            raise UserError("--validation_sequences names all sequences: nothing to train on")
        return [name for name in sequences if name in named]
    if len(sequences) < 2 or fraction == 0:
        return []
    count = min(max(1, round(fraction * len(sequences))), len(sequences) - 1)
    places = np.linspace(0, len(sequences), count + 2)[1:-1]
    return [sequences[int(place)] for place in places]


def initial_pose(split: Split) -> list[float]:
    """Mean pose of a split with poses, where the network's last bias starts.

    Raises:
        UserError: Cameras are so far from the origin that float32, in which networks answer, rounds
            their positions by more than a millimetre.
    """
    farthest = np.abs(split.targets[:, :3]).max()
    if (rounded := np.spacing(np.float32(farthest))) > 1e-3:
        raise UserError(
            f"cameras are up to {farthest:.0f} m from the origin, where positions are rounded to "
            f"{rounded:.2g} m: subtract the same whole numbers from all of them"
        )
    return mean_pose(split.targets).tolist()
