"""TFDS builder of 15 Scenes."""

import tensorflow_datasets as tfds

from data.indoor_scenes.scene_label_builder import SceneLabelBuilder

SCENES = ("scenes15",)


class Builder(SceneLabelBuilder):
    """15 Scenes: 4485 small photographs, grey for the most part, of 15 kinds of places.

    The authors train on 100 random images of each category and test on the rest; they publish no
    lists. Nothing is downloaded: without lists, two copies would not be the same data set.
    """

    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name=scene, description="15 Scenes, all of it") for scene in SCENES
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "fetch the images of 15 Scenes from the authors' page "
        "http://www-cvr.ai.uiuc.edu/ponce_grp/data/ (scene_categories.zip) or from the copy at "
        "https://figshare.com/articles/dataset/15-Scene_Image_Dataset/7007177, put its 15 folders "
        "into DIR/scenes15/Images, list 100 images of each, one `category/file.jpg` a line, in "
        "DIR/scenes15/TrainImages.txt and the rest in DIR/scenes15/TestImages.txt, and pass "
        "--data_dir=DIR"
    )
    DESCRIPTION = "15 Scenes: photographs of 15 kinds of places, indoors and outdoors."
    HOMEPAGE = "http://www-cvr.ai.uiuc.edu/ponce_grp/data/"
    LICENSE = "none is known to us; ask the authors before any use but research."
    CITATION = """@inproceedings{lazebnik2006beyond,
  title={Beyond Bags of Features: Spatial Pyramid Matching for Recognizing Natural Scene
         Categories},
  author={Lazebnik, Svetlana and Schmid, Cordelia and Ponce, Jean},
  booktitle={CVPR}, year={2006}}"""

    @classmethod
    def url(cls, scene: str) -> str | None:
        return None
