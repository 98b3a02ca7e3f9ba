"""What the list says of the data of a place."""

import pytest

from experiments import PLACES
from reproduction.availability import describe


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (None, "to be downloaded"),
        ("incomplete.ABC_1.0.0", "to be downloaded"),  # of a preparation that was broken off
        ("1.0.0", "there"),
    ],
)
def test_prepared_data_are_there_once_they_are_whole(left, told, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    if left:
        (tmp_path / "seven_scenes/stairs" / left).mkdir(parents=True)
    assert describe(PLACES["Stairs"], None) == told


def test_data_that_are_not_downloaded_and_those_of_a_folder(tmp_path):
    assert describe(PLACES["TUM-LSI"], None) == "on request"
    assert describe(PLACES["Stairs"], str(tmp_path)) == "missing"
    (tmp_path / "7scenes/stairs").mkdir(parents=True)
    assert describe(PLACES["Stairs"], str(tmp_path)) == "there"
