"""Lets TFDS prepare a scene, and reads the prepared copy."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf
import tensorflow_datasets as tfds
from google.protobuf import json_format
from tensorflow_datasets.core.download import extractor
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
from tensorflow_datasets.core.download.util import DownloadError

from data.records import SPLITS, require_split
from data.scene_builder import SceneBuilder
from errors import UserError
from files import user_path

UNWRITTEN = (RuntimeError, tf.errors.OpError)  # TFDS's and TensorFlow's, on a full disk
PREPARATION_ERRORS = (
    OSError,
    *UNWRITTEN,
    DownloadError,
    extractor.ExtractError,
    extractor.UnsafeArchiveError,
    NonMatchingChecksumError,
)
DAMAGED = (tf.errors.OpError, OSError, LookupError, ValueError, json_format.Error)


def tfds_dir() -> Path:
    """Returns the folder under which prepared copies and downloads lie."""
    return user_path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")


class PreparedScene:
    """A scene that lies prepared on disk.

    Args:
        builder: The TFDS builder that has prepared it.
    """

    def __init__(self, builder: SceneBuilder) -> None:
        self.builder = builder

    def examples(self, split: str) -> tf.data.Dataset:
        """Returns the examples of a split, always in the order of the scene's own list.

        Elements are dictionaries: `image` a string, the PNG file (RGB); `name` and `sequence`
        strings; of poses `pose` float64 [7], see `data.poses`, and images of short side 256; of
        scene categories `label` int64 [], and images of 256 x 256.
        """
        require_split(split)
        return self.builder.as_dataset(
            split=split,
            decoders={"image": tfds.decode.SkipDecoding()},
            shuffle_files=False,
            read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
        )

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the categories by label; None of a scene with poses."""
        features = self.builder.info.features
        return tuple(features["label"].names) if "label" in features else None

    def sequences(self, split: str) -> list[str]:
        """Returns the names of a split's sequences in the order in which they come."""
        require_split(split)
        return list(self.builder.info.metadata["sequences"][split])

    def size(self, split: str) -> int:
        """Returns the number of images in a split."""
        require_split(split)
        return self.builder.info.splits[split].num_examples


def prepare_scene(
    builder_class: type[SceneBuilder],
    config: str | tfds.core.BuilderConfig,
    copy: Path,
    *,
    skip_bad: bool,
    manual_dir: Path | None,
) -> PreparedScene:
    """Returns a scene of the folder `copy`, prepared now unless it is there.

    TFDS writes to a folder beside the final one and renames it when all is done, so that a folder
    with the final name is always complete.

    Args:
        builder_class: The data set's builder.
        config: The scene, by name or as a configuration of its own.
        copy: The folder for prepared copies.
        skip_bad: Whether bad entries are counted and logged instead of ending the preparation.
        manual_dir: The data set's folder; None downloads the scene.

    Raises:
        UserError: The scene is bad, cannot be downloaded, or its copy cannot be written or is
            damaged.
    """

    name = config if isinstance(config, str) else config.name
    folder = copy / builder_class.name / name / str(builder_class.VERSION)

    def new_builder() -> SceneBuilder:
        with intact(folder):
            return builder_class(config=config, data_dir=str(copy), skip_bad=skip_bad)

    try:
        builder = new_builder()
        with _recorded_checksum(builder, manual_dir) as register:
            builder.download_and_prepare(
                download_dir=str(tfds_dir() / "downloads"),
                download_config=tfds.download.DownloadConfig(
                    manual_dir=manual_dir, register_checksums=register
                ),
            )
    except PREPARATION_ERRORS as error:
        builder = new_builder()
        # Another process may have prepared the same scene in the meantime.
        if not builder.data_path.exists():
            raise UserError(_advice(builder, copy, manual_dir, error)) from error
    scene = PreparedScene(builder)
    with intact(folder):
        for split in SPLITS:
            scene.sequences(split)
    return scene


@contextmanager
def intact(folder: Path) -> Iterator[None]:
    """Turns what a damaged copy in `folder` makes TensorFlow and TFDS raise into a `UserError`."""
    try:
        yield
    except DAMAGED as error:
        raise UserError(
            f"the prepared copy {folder} is damaged: delete it, and it is made again"
        ) from error


@contextmanager
def _recorded_checksum(builder: SceneBuilder, manual_dir: Path | None) -> Iterator[bool]:
    """Yields whether TFDS shall record the checksum of the download that its body makes.

    It shall for a URL's first download, where the package folder can be written. A download that
    cannot be used, such as a server's page in place of the archive, leaves no record: it would turn
    away every good one after it. One whose lists have been read can be used, even if an image of it
    is bad or the preparation is interrupted.
    """
    path = Path(builder._checksums_path)
    urls = builder.urls(builder.builder_config.name)
    known = set(urls) <= (builder.url_infos or {}).keys()
    if manual_dir or known or not os.access(path.parent, os.W_OK):
        yield False
        return
    before = path.read_bytes() if path.exists() else None
    try:
        yield True
    except BaseException:
        if builder.lists_read:
            pass
        elif before is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(before)
        raise


def _advice(builder: SceneBuilder, copy: Path, manual_dir: Path | None, error: Exception) -> str:
    scene = builder.builder_config.name
    reason = " ".join(str(error).split()) or type(error).__name__
    written = isinstance(error, UNWRITTEN) or (isinstance(error, OSError) and error.filename)
    if manual_dir is not None or written:
        return (
            f"{scene} cannot be prepared under {copy} ({reason}): "
            "free space there, or set TFDS_DATA_DIR to a folder that can be written"
        )
    return (
        f"{', '.join(builder.urls(scene))} cannot be downloaded or unpacked ({reason}): delete "
        f"what is left of it in {tfds_dir() / 'downloads'} and try again, or download and unpack "
        "it by hand and pass --data_dir"
    )
