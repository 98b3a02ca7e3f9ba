"""A place with the data of two scenes alone."""

import pytest

from reproduction.recipe import Recipe
from tests.data import writers
from tests.reproduction.runs import TINY


@pytest.fixture
def recipe(tmp_path):
    """Of a place with the data of Stairs and 15 Scenes alone."""
    writers.write_seven_scenes(tmp_path / "7scenes", "stairs")
    writers.write_indoor_scenes(tmp_path / "scenes15")
    return Recipe(TINY, 1, str(tmp_path), str(tmp_path / "runs"))
