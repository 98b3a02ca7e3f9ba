"""Which data are there, and how to get the others."""

from pathlib import Path

from data.catalog import require_dataset
from data.mnist.digits import downloaded, how_to_obtain
from data.preparation import tfds_dir
from files import reading
from reproduction.definitions import Place


def missing_data(place: Place, data_dir: str | None) -> str | None:
    """One sentence on how to get the data of a place; None if they are there or downloadable.

    Raises:
        UserError: A folder cannot be looked into.
    """
    entry = require_dataset(place.dataset)
    builder = entry.builder
    if builder is None:
        folder = Path(data_dir or "") / entry.folder
        there = not data_dir or _is_dir(folder)
        return None if there else f"{folder} is missing: {how_to_obtain(folder)}"
    if data_dir:
        root = Path(data_dir) / entry.folder
        folder = builder.scene_dir(root, place.scene)
        if not _is_dir(folder):
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
    return "there" if _is_dir(prepared) else "to be downloaded"


def _is_dir(path: Path) -> bool:
    with reading(path):
        return path.is_dir()
