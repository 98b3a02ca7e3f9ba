"""What the TFDS builders of all pose data sets share."""

import abc
import itertools
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from absl import logging

from data import images
from data.records import SPLITS, BadEntries, PoseRecord
from errors import UserError

DECODING_THREADS = 4
# Images in flight: bounds memory, and is long enough to keep every thread busy.
DECODING_BATCH = 64


class ScenePoseBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Prepares one scene: images decoded once, short side 256, stored as PNG, with their poses.

    A configuration is a scene. The records keep the order of the scene's own lists. Local files
    are used when the manual directory holds the scene, else the scene is downloaded.

    Checksums: the first download of a URL runs with `register_checksums=True`, by which TFDS writes
    size and SHA-256 to `checksums.tsv` in the builder's package folder (`data.preparation` sees to
    both); every later download is verified against that file. Keep it under version control.

    Args:
        skip_bad: Whether bad entries are counted and logged instead of ending the preparation.
        **kwargs: As for `tfds.core.DatasetBuilder`.
    """

    VERSION = tfds.core.Version("1.0.0")
    # TFDS refuses to name its manual directory without instructions.
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Point --data_dir at the folder above the data set's own folder."

    DESCRIPTION: ClassVar[str]
    HOMEPAGE: ClassVar[str]
    LICENSE: ClassVar[str]
    CITATION: ClassVar[str]

    def __init__(self, *, skip_bad: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.skip_bad = skip_bad

    @classmethod
    def scene_dir(cls, root: Path, scene: str) -> Path:
        """Returns the folder of a scene under the data set's folder."""
        return root / scene

    @classmethod
    @abc.abstractmethod
    def url(cls, scene: str) -> str | None:
        """Returns where a scene is downloaded from, or None where the licence forbids it."""

    @classmethod
    def how_to_obtain(cls, scene: str) -> str:
        """Returns what to fetch, and from where, when the scene's folder is missing."""
        url = cls.url(scene)
        if url is None:
            return cls.MANUAL_DOWNLOAD_INSTRUCTIONS
        return (
            f"download {url} and unpack it, with the archives in it, so that this folder exists, "
            "or leave out --data_dir"
        )

    @abc.abstractmethod
    def read_split(self, scene_dir: Path, split: str) -> list[PoseRecord]:
        """Returns the records of one split."""

    def unpack(self, scene_dir: Path) -> None:
        """Unpacks archives that lie inside a downloaded scene; most data sets have none."""

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=f"{self.DESCRIPTION}\n\nLicence: {self.LICENSE}",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
                    # As bytes: a TFRecord's own number lists would round to float32.
                    "pose": tfds.features.Tensor(
                        shape=(7,), dtype=np.float64, encoding=tfds.features.Encoding.BYTES
                    ),
                    "name": tfds.features.Text(),
                    "sequence": tfds.features.Text(),
                }
            ),
            homepage=self.HOMEPAGE,
            license=self.LICENSE,
            citation=self.CITATION,
            metadata=tfds.core.MetadataDict(sequences={}),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        scene_dir = self._local_scene(dl_manager) or self._download_scene(dl_manager)
        # Both lists are read before the first image, so that a fault shows at once.
        records = {split: self.read_split(scene_dir, split) for split in SPLITS}
        shared = {record.name for record in records["train"]} & {
            record.name for record in records["test"]
        }
        if shared:
            raise UserError(
                f"{scene_dir} lists {len(shared)} images, such as {min(shared)}, for training and "
                "for testing: list each in one split only"
            )
        return {split: self._generate_examples(records[split], split) for split in SPLITS}

    def _generate_examples(
        self, records: list[PoseRecord], split: str
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        bad = BadEntries(skip=self.skip_bad)
        sequences: dict[str, None] = {}
        for index, (record, png) in enumerate(_encoded(records)):
            with bad.guard():
                example = {
                    "image": png.result(),
                    "pose": record.pose,
                    "name": record.name,
                    "sequence": record.sequence,
                }
                sequences[record.sequence] = None
                yield index, example
        bad.log_total(f"the {split} images of {self.builder_config.name}")
        if not sequences:
            raise UserError(f"{self.builder_config.name} has no {split} image that decodes")
        self.info.metadata["sequences"][split] = list(sequences)

    def _local_scene(self, dl_manager: tfds.download.DownloadManager) -> Path | None:
        """Returns the scene's folder in the manual directory, if there is one."""
        try:
            scene_dir = self.scene_dir(Path(dl_manager.manual_dir), self.builder_config.name)
        except AssertionError:  # TFDS's way to say that there is no manual directory.
            return None
        return scene_dir if scene_dir.is_dir() else None

    def _download_scene(self, dl_manager: tfds.download.DownloadManager) -> Path:
        scene = self.builder_config.name
        url = self.url(scene)
        if url is None:
            raise UserError(self.MANUAL_DOWNLOAD_INSTRUCTIONS)
        print(f"Downloading {url}\nLicence: {self.LICENSE}", file=sys.stderr)
        scene_dir = Path(dl_manager.download_and_extract(url)) / scene
        self.unpack(scene_dir)
        logging.info("Unpacked %s to %s", url, scene_dir)
        return scene_dir


def _encoded(records: list[PoseRecord]) -> Iterator[tuple[PoseRecord, "Future[bytes]"]]:
    """Yields each record with its image as a PNG file, in order, decoded by several threads."""
    remaining = iter(records)
    with ThreadPoolExecutor(DECODING_THREADS) as pool:
        while batch := list(itertools.islice(remaining, DECODING_BATCH)):
            futures = [pool.submit(_small_png, record.image) for record in batch]
            yield from zip(batch, futures, strict=True)


def _small_png(path: Path) -> bytes:
    return images.encode_png(images.resize_short_side(images.decode_rgb(path)))
