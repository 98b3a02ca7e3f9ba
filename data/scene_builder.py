"""What the TFDS builders of all data sets share."""

import abc
import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from absl import logging

from data import images
from data.records import SPLITS, BadEntries, PoseRecord, SceneRecord
from errors import UserError

DECODING_THREADS = 4
# Images in flight: bounds memory, and is long enough to keep every thread busy.
DECODING_BATCH = 64


class SceneBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Prepares one scene: images decoded and shrunk once, stored as PNG, with their targets.

    What a target is, a pose or a label, and how images are shrunk is for the subclasses to say.

    A configuration is a scene. The records keep the order of the scene's own lists. Local files
    are used when the manual directory holds the scene, else the scene is downloaded.

    Checksums: the first download of a URL runs with `register_checksums=True`, by which TFDS writes
    size and SHA-256 to `checksums.tsv` in the builder's package folder (`data.preparation` sees to
    both); every later download is verified against that file. Keep it under version control.

    Args:
        skip_bad: Whether bad entries are counted and logged instead of ending the preparation.
        **kwargs: As for `tfds.core.DatasetBuilder`.

    Attributes:
        lists_read: Whether the scene's lists have been read and found good.
    """

    VERSION = tfds.core.Version("1.0.0")
    # TFDS refuses to name its manual directory without instructions.
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Point --data_dir at the folder above the data set's own folder."

    DESCRIPTION: ClassVar[str]
    HOMEPAGE: ClassVar[str]
    LICENSE: ClassVar[str]
    CITATION: ClassVar[str]
    TARGET: ClassVar[str]  # what the targets are called in records and in examples

    def __init__(self, *, skip_bad: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.skip_bad = skip_bad
        self.lists_read = False

    @abc.abstractmethod
    def target_feature(self) -> tfds.features.FeatureConnector:
        """Returns how a target is stored."""

    @staticmethod
    @abc.abstractmethod
    def prepare_image(path: Path) -> np.ndarray:
        """Returns the image file as it is stored, uint8 RGB [H, W, 3]."""

    @classmethod
    def scene_dir(cls, root: Path, scene: str) -> Path:
        """Returns the folder of a scene under the data set's folder."""
        return root / scene

    @classmethod
    @abc.abstractmethod
    def url(cls, scene: str) -> str | None:
        """Returns where a scene is downloaded from, or None where the licence forbids it."""

    @classmethod
    def urls(cls, scene: str) -> list[str]:
        """Returns all that is downloaded for a scene: `url`, and for some data sets more."""
        url = cls.url(scene)
        return [] if url is None else [url]

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
    def read_split(self, scene_dir: Path, split: str) -> list[PoseRecord] | list[SceneRecord]:
        """Returns the records of one split."""

    def arrange(self, scene: str, downloads: list[Path]) -> Path:
        """Returns a scene's folder, in its original layout.

        Args:
            scene: The scene.
            downloads: For each of its `urls` the file or, of an archive, the folder that it was
                unpacked to.
        """
        return downloads[0] / scene

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=f"{self.DESCRIPTION}\n\nLicence: {self.LICENSE}",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
                    self.TARGET: self.target_feature(),
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
        for split, found in records.items():
            count = Counter(record.name for record in found)
            if repeated := sorted(name for name in count if count[name] > 1):
                raise UserError(
                    f"{scene_dir} lists {len(repeated)} images, such as {repeated[0]}, more than "
                    f"once in the {split} split: list each once"
                )
        shared = {record.name for record in records["train"]} & {
            record.name for record in records["test"]
        }
        if shared:
            raise UserError(
                f"{scene_dir} lists {len(shared)} images, such as {min(shared)}, for training and "
                "for testing: list each in one split only"
            )
        self.lists_read = True
        return {split: self._generate_examples(records[split], split) for split in SPLITS}

    def _generate_examples(
        self, records: list[PoseRecord] | list[SceneRecord], split: str
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        bad = BadEntries(skip=self.skip_bad)
        sequences: dict[str, None] = {}
        for index, (record, png) in enumerate(_encoded(records, self.prepare_image)):
            with bad.guard():
                example = {
                    "image": png.result(),
                    self.TARGET: getattr(record, self.TARGET),
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
        urls = self.urls(scene)
        if not urls:
            raise UserError(self.MANUAL_DOWNLOAD_INSTRUCTIONS)
        print(f"Downloading {', '.join(urls)}\nLicence: {self.LICENSE}", file=sys.stderr)
        scene_dir = self.arrange(scene, [Path(p) for p in dl_manager.download_and_extract(urls)])
        logging.info("Unpacked %s to %s", urls[0], scene_dir)
        return scene_dir


class ScenePoseBuilder(SceneBuilder, skip_registration=True):
    """Prepares images of a short side of 256 pixels with the poses of their cameras."""

    TARGET = "pose"

    def target_feature(self) -> tfds.features.FeatureConnector:
        # As bytes: a TFRecord's own number lists would round to float32.
        return tfds.features.Tensor(
            shape=(7,), dtype=np.float64, encoding=tfds.features.Encoding.BYTES
        )

    @staticmethod
    def prepare_image(path: Path) -> np.ndarray:
        return images.prepare(path, "pose")


def _encoded(
    records: list[PoseRecord] | list[SceneRecord], prepare_image: Callable[[Path], np.ndarray]
) -> Iterator[tuple[PoseRecord | SceneRecord, "Future[bytes]"]]:
    """Yields each record with its image as a PNG file, in order, decoded by several threads."""

    def small_png(path: Path) -> bytes:
        return images.encode_png(prepare_image(path))

    remaining = iter(records)
    with ThreadPoolExecutor(DECODING_THREADS) as pool:
        while batch := list(itertools.islice(remaining, DECODING_BATCH)):
            futures = [pool.submit(small_png, record.image) for record in batch]
            yield from zip(batch, futures, strict=True)
