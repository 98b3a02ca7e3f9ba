"""TFDS builder of TUM-LSI."""

from pathlib import Path

import tensorflow_datasets as tfds

from data.records import PoseRecord
from data.scene_builder import ScenePoseBuilder
from data.tum_lsi import reader

SCENES = ("tum_lsi",)


class Builder(ScenePoseBuilder):
    """TUM-LSI: 4592 x 3448 photographs of 5,575 m2 of corridors, poses from a laser scan."""

    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name=scene, description="TUM-LSI, all of it") for scene in SCENES
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "TUM-LSI is given on request; agree to its licence in the form that "
        "https://github.com/NavVisResearch/NavVis-Indoor-Dataset names, put the folders images and "
        "poses and the files tum-lsi_train.txt and tum-lsi_test.txt "
        "(https://hazirbas.com/datasets/tum-lsi/) into DIR/tum_lsi and pass --data_dir=DIR"
    )
    DESCRIPTION = "TUM-LSI: photographs of the corridors of a large building, with camera poses."
    HOMEPAGE = "https://github.com/NavVisResearch/NavVis-Indoor-Dataset"
    LICENSE = "NavVis Indoor Dataset End-User License Agreement; images on request."
    CITATION = """@inproceedings{walch2017lstm,
  title={Image-Based Localization Using {LSTM}s for Structured Feature Correlation},
  author={Walch, Florian and Hazirbas, Caner and Leal-Taix{\\'e}, Laura and Sattler, Torsten and
          Hilsenbeck, Sebastian and Cremers, Daniel},
  booktitle={ICCV}, year={2017}}"""

    @classmethod
    def scene_dir(cls, root: Path, scene: str) -> Path:
        return root

    @classmethod
    def url(cls, scene: str) -> str | None:
        return None

    def read_split(self, scene_dir: Path, split: str) -> list[PoseRecord]:
        return reader.read_split(scene_dir, split, self.skip_bad)
