"""What the list says of the data of a place."""

import pytest

from experiments import PLACES
from reproduction.availability import describe, missing_data
from reproduction.definitions import Place
from tests.sentences import sentence


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


def test_a_folder_that_cannot_be_looked_into_is_named():
    name = "x" * 300  # longer than a file's may be
    assert f"{name}/7scenes/stairs cannot be read" in sentence(
        missing_data, PLACES["Stairs"], f"/{name}"
    )
    digits = Place("Digits", "mnist", "mnist")
    assert "cannot be read" in sentence(missing_data, digits, f"/{name}")


def test_where_digits_come_from_is_told(tmp_path):
    told = missing_data(Place("Digits", "mnist", "mnist"), str(tmp_path))
    assert f"{tmp_path / 'mnist'} is missing: put Keras's mnist.npz" in told
    assert "https://" in told
    assert "leave out --data_dir" in told
