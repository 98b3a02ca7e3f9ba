"""TFDS builder of MIT-67 Indoor Scenes."""

from pathlib import Path

import tensorflow_datasets as tfds

from data.indoor_scenes import reader
from data.indoor_scenes.scene_label_builder import SceneLabelBuilder
from files import copy_file

SCENES = ("mit67",)
_ARCHIVE = "http://groups.csail.mit.edu/vision/LabelMe/NewImages/indoorCVPR_09.tar"  # 2.4 GB
_LISTS = tuple(f"https://web.mit.edu/torralba/www/{name}" for name in reader.SPLIT_FILES.values())


class Builder(SceneLabelBuilder):
    """MIT-67: photographs of 67 kinds of rooms, split by the official lists.

    They hold 5360 and 1340 images: 80 and 20 a category on average, in truth 77 to 83 and 17 to 23.
    The archive's other images, more than half of the 15620, are not used.
    """

    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name=scene, description="MIT-67, all of it") for scene in SCENES
    ]
    DESCRIPTION = "MIT-67 Indoor Scenes: photographs of 67 kinds of rooms."
    HOMEPAGE = "https://web.mit.edu/torralba/www/indoor.html"
    LICENSE = "for research purposes only, as the data set's home page says."
    CITATION = """@inproceedings{quattoni2009recognizing,
  title={Recognizing Indoor Scenes},
  author={Quattoni, Ariadna and Torralba, Antonio},
  booktitle={CVPR}, year={2009}}"""

    @classmethod
    def url(cls, scene: str) -> str | None:
        return _ARCHIVE if scene in SCENES else None

    @classmethod
    def urls(cls, scene: str) -> list[str]:
        return [*super().urls(scene), *_LISTS]

    @classmethod
    def how_to_obtain(cls, scene: str) -> str:
        archive, *lists = cls.urls(scene)
        return (
            f"download {archive} and unpack it there, so that its folder {reader.IMAGES} lies in "
            f"this folder, put {' and '.join(lists)} beside it, or leave out --data_dir"
        )

    def arrange(self, scene: str, downloads: list[Path]) -> Path:
        scene_dir, *lists = downloads
        for name, path in zip(reader.SPLIT_FILES.values(), lists, strict=True):
            copy_file(path, scene_dir / name)
        return scene_dir
