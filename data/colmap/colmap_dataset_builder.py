"""TFDS builder of one's own photographs."""

from pathlib import Path

from data.colmap import reader
from data.records import PoseRecord
from data.scene_builder import ScenePoseBuilder


class Builder(ScenePoseBuilder):
    """Photographs whose poses COLMAP has found: no scene comes with it, any folder can be one."""

    DESCRIPTION = "Photographs of a place, with camera poses by COLMAP."
    HOMEPAGE = "https://colmap.github.io/format.html"
    LICENSE = "The photographs' own."
    CITATION = """@inproceedings{schoenberger2016sfm,
  title={Structure-from-Motion Revisited},
  author={Sch{\\"o}nberger, Johannes Lutz and Frahm, Jan-Michael},
  booktitle={CVPR}, year={2016}}"""

    @classmethod
    def url(cls, scene: str) -> str | None:
        return None

    def read_split(self, scene_dir: Path, split: str) -> list[PoseRecord]:
        return reader.read_split(scene_dir, split, self.skip_bad)
