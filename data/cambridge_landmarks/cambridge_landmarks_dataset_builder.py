"""TFDS builder of Cambridge Landmarks."""

from pathlib import Path

import tensorflow_datasets as tfds

from data.cambridge_landmarks import reader
from data.records import PoseRecord
from data.scene_builder import ScenePoseBuilder

_REPOSITORY_ITEMS = {
    "KingsCollege": 251342,
    "OldHospital": 251340,
    "ShopFacade": 251336,
    "StMarysChurch": 251294,
    "GreatCourt": 251291,
    "Street": 251292,
}
SCENES = tuple(_REPOSITORY_ITEMS)


class Builder(ScenePoseBuilder):
    """Cambridge Landmarks: 1920 x 1080 video frames of six places, poses from VisualSFM."""

    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name=scene, description=f"Cambridge Landmarks, {scene}")
        for scene in SCENES
    ]
    DESCRIPTION = "Cambridge Landmarks: video frames of six outdoor places, with camera poses."
    HOMEPAGE = "https://www.repository.cam.ac.uk/handle/1810/251342"
    LICENSE = (
        "The terms stand on the scene's page in the repository of the University of Cambridge; "
        "read them there before you use the data."
    )
    CITATION = """@inproceedings{kendall2015posenet,
  title={{PoseNet}: A Convolutional Network for Real-Time 6-{DOF} Camera Relocalization},
  author={Kendall, Alex and Grimes, Matthew and Cipolla, Roberto},
  booktitle={ICCV}, year={2015}}"""

    @classmethod
    def url(cls, scene: str) -> str | None:
        if scene not in _REPOSITORY_ITEMS:
            return None
        item = _REPOSITORY_ITEMS[scene]
        return f"https://www.repository.cam.ac.uk/bitstream/handle/1810/{item}/{scene}.zip"

    def read_split(self, scene_dir: Path, split: str) -> list[PoseRecord]:
        return reader.read_split(scene_dir, split, self.skip_bad)
