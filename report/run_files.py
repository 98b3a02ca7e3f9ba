"""Reads the files that a finished run left for one split."""

import json
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from errors import UserError
from tasks import pose_results, scene_results
from tasks.results import image_file_name

# What NumPy raises on a damaged .npz file, by where the damage is.
BROKEN_ARRAYS = (
    OSError, ValueError, EOFError, NotImplementedError, SyntaxError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class SplitResults:
    """What `eval.py` wrote about one split of a run.

    Attributes:
        path: The run folder.
        split: The split's name, which is also its folder under `path`.
        config: The run's resolved configuration.
        metrics: The split's metrics.json.
        predictions: N rows, of the run's task; None for games, which have no such rows.
        chosen: The rows that the figures show, by group.
        layers: [L] names of the candidate layers; empty without gates.
        layer_gates: [N, T, L] gate rows, or None for a network without gates.
        attention: [N, T, H, W] maps that sum to 1, or None for a network without attention.
    """

    path: Path
    split: str
    config: dict
    metrics: dict
    predictions: pose_results.Predictions | scene_results.Predictions | None
    chosen: dict[str, list[int]]
    layers: list[str]
    layer_gates: np.ndarray | None
    attention: np.ndarray | None

    @property
    def folder(self) -> Path:
        """The split's folder."""
        return self.path / self.split

    @property
    def figures(self) -> Path:
        """The folder that the split's figures go to."""
        return self.folder / "figures"

    def image(self, index: int) -> np.ndarray | None:
        """The picture of row `index`, uint8 [S, S, 3]; None where the run kept none.

        Raises:
            UserError: The file is broken.
        """
        path = self.folder / "images" / image_file_name(index)
        if not path.is_file():
            return None
        try:
            with Image.open(path) as image:
                return np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError) as error:
            raise UserError(f"{path} is no image ({error}); run eval.py again") from None

    def chosen_images(self) -> dict[str, dict[int, np.ndarray]]:
        """The pictures of the `chosen` rows that the run kept: by group, then by row."""
        return {
            group: {row: image for row in rows if (image := self.image(row)) is not None}
            for group, rows in self.chosen.items()
        }


def read_split(path: Path, split: str) -> SplitResults:
    """Reads the results of one split.

    Args:
        path: The run folder.
        split: Name of the split, e.g. `test`.

    Raises:
        UserError: If a file is missing or broken, or the files disagree on the number of images.
    """
    folder = path / split
    evaluate = f"run eval.py --run_dir={path} --split={split}"
    config = read_json(path / "config.json", "name the folder of a run of train.py")
    metrics = read_json(folder / "metrics.json", evaluate)
    if config.get("task") not in _TASKS:
        raise UserError(f"{path / 'config.json'} names no task whose predictions are kept")
    read, choose = _TASKS[config["task"]]
    predictions = read(folder / "predictions.csv", config)
    if not predictions.names:
        raise UserError(f"{folder / 'predictions.csv'} holds no image; {evaluate} again")
    arrays = read_arrays(folder / "attention.npz", evaluate)
    for name in ("layer_gates", "attention"):
        rows = len(arrays[name]) if name in arrays else len(predictions.names)
        if rows != len(predictions.names):
            raise UserError(
                f"{folder / 'attention.npz'} has {rows} rows of {name} for "
                f"{len(predictions.names)} predictions; {evaluate} again"
            )
    return SplitResults(
        path=path,
        split=split,
        config=config,
        metrics=metrics,
        predictions=predictions,
        chosen=choose(predictions),
        layers=[str(layer) for layer in arrays.get("layers", ())],
        layer_gates=arrays.get("layer_gates"),
        attention=arrays.get("attention"),
    )


def _read_poses(path: Path, config: dict) -> pose_results.Predictions:
    return pose_results.read_predictions_csv(path)


def _choose_poses(predictions: pose_results.Predictions) -> dict[str, list[int]]:
    return pose_results.choose_images(
        predictions.position_error_m, predictions.orientation_error_deg
    )


def _read_scenes(path: Path, config: dict) -> scene_results.Predictions:
    return scene_results.read_predictions_csv(path, config.get("class_names", ()))


# By task: how its predictions are read, and which of them the figures show.
_TASKS: dict[str, tuple[Callable, Callable]] = {
    "pose": (_read_poses, _choose_poses),
    "scene": (_read_scenes, scene_results.choose_images),
    "digit": (_read_scenes, scene_results.choose_images),
}


def read_json(path: Path, remedy: str) -> dict:
    """The content of a JSON file.

    Args:
        path: The file.
        remedy: What to do if it is missing or broken, for the error message.

    Raises:
        UserError: If it is.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; {remedy} first") from None
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}); {remedy} again") from None
    if not isinstance(found, dict):
        raise UserError(f"{path} names no values; {remedy} again")
    return found


def read_arrays(path: Path, remedy: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz file; none when the file does not exist.

    Args:
        path: The file.
        remedy: What to do if it is broken, for the error message.

    Raises:
        UserError: If it is.
    """
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except BROKEN_ARRAYS as error:
        raise UserError(f"{path} cannot be read ({error}); {remedy} again") from None
