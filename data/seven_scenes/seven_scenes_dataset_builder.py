"""TFDS builder of 7-Scenes."""

import shutil
import zipfile
import zlib
from pathlib import Path

import tensorflow_datasets as tfds

from data.records import PoseRecord
from data.scene_builder import ScenePoseBuilder
from data.seven_scenes import reader
from errors import UserError
from files import locked

SCENES = ("chess", "fire", "heads", "office", "pumpkin", "redkitchen", "stairs")
_URL = (
    "http://download.microsoft.com/download/2/8/5/28564B23-0828-408F-8631-23B1EFF1DAC8/{scene}.zip"
)


class Builder(ScenePoseBuilder):
    """7-Scenes: 640 x 480 Kinect frames of seven rooms, poses from KinectFusion.

    The splits are the official ones (heads trains on seq-02; the Caffe PoseNet has it reversed),
    the poses the original ones, not the later structure-from-motion pseudo ground truth.
    """

    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name=scene, description=f"7-Scenes, {scene}") for scene in SCENES
    ]
    DESCRIPTION = "7-Scenes: frames of a hand-held Kinect in seven rooms, with camera poses."
    HOMEPAGE = "https://www.microsoft.com/en-us/research/project/rgb-d-dataset-7-scenes/"
    LICENSE = (
        "Microsoft Research licence, non-commercial use only; read it at the data set's home page "
        "before you use the data."
    )
    CITATION = """@inproceedings{shotton2013scene,
  title={Scene Coordinate Regression Forests for Camera Relocalization in {RGB-D} Images},
  author={Shotton, Jamie and Glocker, Ben and Zach, Christopher and Izadi, Shahram and
          Criminisi, Antonio and Fitzgibbon, Andrew},
  booktitle={CVPR}, year={2013}}"""

    @classmethod
    def url(cls, scene: str) -> str | None:
        return _URL.format(scene=scene) if scene in SCENES else None

    def read_split(self, scene_dir: Path, split: str) -> list[PoseRecord]:
        return reader.read_split(scene_dir, split, self.skip_bad)

    def arrange(self, scene: str, downloads: list[Path]) -> Path:
        scene_dir = super().arrange(scene, downloads)
        extract_sequences(scene_dir)
        return scene_dir


def extract_sequences(scene_dir: Path) -> None:
    """Unpacks each `seq-XX.zip` of a scene to the folder `seq-XX` beside it and deletes the zip.

    TFDS's own extraction names its output after the archive alone, and every scene has a
    `seq-01.zip`: the second scene would be given the frames of the first.

    An interrupted call leaves no half-filled `seq-XX`; calling again finishes the work. Of two
    processes the second waits for the first.

    Raises:
        UserError: An archive is damaged.
    """
    with locked(scene_dir, wait=True):
        _extract_sequences(scene_dir)


def _extract_sequences(scene_dir: Path) -> None:
    for archive in sorted(scene_dir.glob("seq-*.zip")):
        target = archive.with_suffix("")
        if not target.exists():
            incomplete = archive.with_suffix(".incomplete")
            shutil.rmtree(incomplete, ignore_errors=True)
            try:
                with zipfile.ZipFile(archive) as file:
                    file.extractall(incomplete)
            except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
                shutil.rmtree(incomplete, ignore_errors=True)
                raise UserError(
                    f"{archive} is damaged ({error}): delete the download and start again"
                ) from error
            inner = incomplete / target.name
            (inner if inner.is_dir() else incomplete).rename(target)
            shutil.rmtree(incomplete, ignore_errors=True)
        archive.unlink()
