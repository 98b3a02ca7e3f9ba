"""Which data are there, and how to get the others."""

from pathlib import Path

from data.catalog import require_dataset
from data.mnist.digits import downloaded
from data.preparation import tfds_dir
from reproduction.definitions import Place


def missing_data(place: Place, data_dir: str | None) -> str | None:
    """One sentence on how to get the data of a place; None if they are there or downloadable."""
    entry = require_dataset(place.dataset)
    builder = entry.builder
    if builder is None:
        folder = Path(data_dir or "") / entry.folder
        there = not data_dir or folder.is_dir()
        return None if there else f"{folder} is missing: put mnist.npz into it"
    if data_dir:
        root = Path(data_dir) / entry.folder
        folder = builder.scene_dir(root, place.scene)
        if not folder.is_dir():
            return f"{folder} is missing: {builder.how_to_obtain(place.scene)}"
    elif not builder.urls(place.scene):
        return builder.how_to_obtain(place.scene)
    return None


def describe(place: Place, data_dir: str | None) -> str:
    """`there`, `missing`, `on request` (not downloaded), or `to be downloaded`."""
    if data_dir:
        return "missing" if missing_data(place, data_dir) else "there"
    if missing_data(place, None):
        return "on request"
    builder = require_dataset(place.dataset).builder
    if builder is None:
        return "there" if downloaded() else "to be downloaded"
    prepared = tfds_dir() / builder.name / place.scene / str(builder.VERSION)
    return "there" if prepared.is_dir() else "to be downloaded"
