"""What the TFDS builders of scene categories share."""

from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from data import images
from data.indoor_scenes import reader
from data.records import SceneRecord
from data.scene_builder import SceneBuilder


class SceneLabelBuilder(SceneBuilder, skip_registration=True):
    """Prepares images of 256 x 256 pixels with the labels of their categories.

    The size is that of the thesis (5.1); the aspect is not kept. EXIF orientation is applied, see
    `images.decode_rgb`. The data set's own folder is its only scene, in the layout of
    `data.indoor_scenes.reader`; the training list says which categories there are.
    """

    TARGET = "label"

    @classmethod
    def scene_dir(cls, root: Path, scene: str) -> Path:
        return root

    def target_feature(self) -> tfds.features.FeatureConnector:
        return tfds.features.ClassLabel()  # `read_split` gives it the names

    @staticmethod
    def prepare_image(path: Path) -> np.ndarray:
        return images.prepare(path, "scene")

    def read_split(self, scene_dir: Path, split: str) -> list[SceneRecord]:
        self.info.features["label"].names = list(reader.read_classes(scene_dir))
        return reader.read_split(scene_dir, split, self.skip_bad)
