"""All data sets by name, and their preparation.

Prepared copies lie under the TFDS directory (the environment variable TFDS_DATA_DIR, else
`~/tensorflow_datasets`):

```
<TFDS dir>/<builder>/<scene>/<version>/                          downloaded scenes
<TFDS dir>/whatwhere/skip_bad/<builder>/...                       downloaded with --skip_bad
<TFDS dir>/whatwhere/<fingerprint>/<builder>/<scene>/<version>/  scenes of --data_dir
<TFDS dir>/whatwhere/synthetic/<version>-seed<seed>/room/        the rendered room
```

A copy can be deleted at any time; the next run makes it again.
"""

import hashlib
import json
import os
import re
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import tensorflow_datasets as tfds

from data import ray_caster, room, synthetic
from data.cambridge_landmarks import cambridge_landmarks_dataset_builder as cambridge_landmarks
from data.cambridge_landmarks import reader as cambridge_landmarks_reader
from data.colmap import colmap_dataset_builder as colmap
from data.colmap import reader as colmap_reader
from data.indoor_scenes import reader as indoor_scenes_reader
from data.mit67 import mit67_dataset_builder as mit67
from data.mnist.variants import VARIANTS
from data.preparation import PreparedScene, prepare_scene, tfds_dir
from data.scene_builder import SceneBuilder
from data.scenes15 import scenes15_dataset_builder as scenes15
from data.seven_scenes import reader as seven_scenes_reader
from data.seven_scenes import seven_scenes_dataset_builder as seven_scenes
from data.tum_lsi import reader as tum_lsi_reader
from data.tum_lsi import tum_lsi_dataset_builder as tum_lsi
from errors import UserError
from files import reading, user_path

SYNTHETIC = "synthetic"
SYNTHETIC_SCENE = "room"


@dataclass(frozen=True)
class Dataset:
    """A data set.

    Attributes:
        folder: Its folder under --data_dir; empty for the synthetic data set.
        scenes: The scenes that it comes with.
        reader: Module with `read_split` and `source_files` for its layout, and `focal_length` where
            its files tell.
        builder: Its TFDS builder.
        own_scenes: Whether --data_dir may hold scenes of the user's own in the same layout.
        task: What its images are for: `pose`, where the camera stood, or `scene`, what kind of
            place they show. Such a data set is one scene, of the data set's own name; so are
            `digit` and `game`, which are not prepared and have neither reader nor builder.
        focal_length: Of the camera of its own `scenes`, in units of the images' short side; 0
            where the data set does not say.
        image_size: Side of its images where they have one, pixels.
    """

    folder: str
    scenes: tuple[str, ...]
    reader: ModuleType | None = None
    builder: type[SceneBuilder] | None = None
    own_scenes: bool = False
    task: str = "pose"
    focal_length: float = 0.0
    image_size: int | None = None


DATASETS = {
    SYNTHETIC: Dataset(
        "",
        (SYNTHETIC_SCENE,),
        seven_scenes_reader,
        seven_scenes.Builder,
        focal_length=ray_caster.FOCAL_LENGTH,
    ),
    "7scenes": Dataset(
        "7scenes",
        seven_scenes.SCENES,
        seven_scenes_reader,
        seven_scenes.Builder,
        own_scenes=True,
        # The Kinect's colour camera, 640 x 480. The 585 pixels that the data set's page tells are
        # those of its depth camera.
        focal_length=525 / 480,
    ),
    "cambridge": Dataset(
        "cambridge",
        cambridge_landmarks.SCENES,
        cambridge_landmarks_reader,
        cambridge_landmarks.Builder,
    ),
    "tum_lsi": Dataset("tum_lsi", tum_lsi.SCENES, tum_lsi_reader, tum_lsi.Builder),
    "colmap": Dataset("colmap", (), colmap_reader, colmap.Builder, own_scenes=True),
    "mit67": Dataset("mit67", mit67.SCENES, indoor_scenes_reader, mit67.Builder, task="scene"),
    "scenes15": Dataset(
        "scenes15", scenes15.SCENES, indoor_scenes_reader, scenes15.Builder, task="scene"
    ),
    **{
        name: Dataset("mnist", (name,), task="digit", image_size=variant.side)
        for name, variant in VARIANTS.items()
    },
    "catch": Dataset("", ("catch",), task="game"),
}


def prepare(
    dataset: str, scene: str, data_dir: str | None, *, skip_bad: bool = False, seed: int = 0
) -> PreparedScene:
    """Returns a scene, prepared now unless the same files have been prepared before.

    Args:
        dataset: A name in `DATASETS`.
        scene: A scene of the data set; for 7-Scenes and COLMAP also any folder in its layout under
            `<data_dir>/7scenes` and `<data_dir>/colmap`.
        data_dir: Root that holds one folder per data set, each in its original layout; it is only
            read. None downloads the scene. The synthetic data set takes no notice of it.
        skip_bad: Whether bad entries are counted and logged instead of ending the preparation.
        seed: What the synthetic room is rendered from.

    Raises:
        UserError: The data set or scene is unknown, missing or bad, or cannot be downloaded.
    """
    entry = require_dataset(dataset)
    if dataset == SYNTHETIC:
        _require_scene(dataset, scene)
        return _prepare_local(entry, scene, _synthetic_root(seed), skip_bad)
    if data_dir is None:
        _require_scene(dataset, scene)
        return _prepare_download(entry, scene, skip_bad)
    with reading(user_path(data_dir)):
        return _prepare_local(entry, scene, _local_root(dataset, scene, data_dir), skip_bad)


def fingerprint(entry: Dataset, scene_dir: Path, skip_bad: bool) -> str:
    """Returns a short hash that changes whenever a file of the scene or the builder does.

    It covers the resolved folder, the builder's version, `skip_bad` and of every file used the
    relative path, size and time of change. Reading the contents would take as long as preparing.

    Raises:
        UserError: The scene's lists are missing or bad.
    """
    files = []
    for path in entry.reader.source_files(scene_dir):
        try:
            status = path.stat()
            state = (status.st_size, status.st_mtime_ns)
        except (OSError, ValueError):  # For the reader to complain of, or to skip.
            state = None
        files.append((os.path.relpath(path, scene_dir), state))
    content = [str(scene_dir.resolve()), str(entry.builder.VERSION), skip_bad, files]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def focal_length(dataset: str, scene: str, data_dir: str | None) -> float:
    """Of a scene's camera, in units of the images' short side; 0 where nothing tells.

    Raises:
        UserError: The files that tell are bad.
    """
    entry = require_dataset(dataset)
    if scene in entry.scenes:
        return entry.focal_length
    if data_dir and hasattr(entry.reader, "focal_length"):
        with reading(user_path(data_dir)):
            root = _local_root(dataset, scene, data_dir)
            return entry.reader.focal_length(entry.builder.scene_dir(root, scene))
    return 0.0


def require_dataset(name: str) -> Dataset:
    """Returns the data set `name`.

    Raises:
        UserError: There is none of that name.
    """
    if name not in DATASETS:
        raise UserError(f"--dataset={name} is unknown: choose one of {', '.join(DATASETS)}")
    return DATASETS[name]


def _require_scene(dataset: str, scene: str) -> None:
    entry = DATASETS[dataset]
    if scene not in entry.scenes:
        choices = [f"choose one of {', '.join(entry.scenes)}"] if entry.scenes else []
        if entry.own_scenes:
            choices.append(f"put your own in <data_dir>/{entry.folder}/{scene}")
        raise UserError(f"--scene={scene} is not in {dataset}: {', or '.join(choices)}")


def _local_root(dataset: str, scene: str, data_dir: str) -> Path:
    """Returns the data set's folder under `data_dir`, after checking that the scene is in it."""
    entry = DATASETS[dataset]
    root = user_path(data_dir) / entry.folder
    if user_path(data_dir).is_file():
        raise UserError(
            f"--data_dir={data_dir} is a file: name the folder that holds {entry.folder}"
        )
    scene_dir = entry.builder.scene_dir(root, scene)
    own = entry.own_scenes and re.fullmatch(r"[^./\\][^/\\]*", scene) and scene_dir.is_dir()
    if not own:
        _require_scene(dataset, scene)
    if not scene_dir.is_dir():
        raise UserError(f"{scene_dir} is missing: {entry.builder.how_to_obtain(scene)}")
    return root


def _prepare_local(entry: Dataset, scene: str, root: Path, skip_bad: bool) -> PreparedScene:
    scene_dir = entry.builder.scene_dir(root, scene)
    copy = tfds_dir() / "whatwhere" / fingerprint(entry, scene_dir, skip_bad)
    config = scene
    if scene not in entry.builder.builder_configs:
        config = tfds.core.BuilderConfig(name=scene, description=f"{scene_dir}")
    return prepare_scene(entry.builder, config, copy, skip_bad=skip_bad, manual_dir=root)


def _prepare_download(entry: Dataset, scene: str, skip_bad: bool) -> PreparedScene:
    # With and without skip_bad the records differ, so that they may not share a folder.
    copy = tfds_dir() / "whatwhere" / "skip_bad" if skip_bad else tfds_dir()
    return prepare_scene(entry.builder, scene, copy, skip_bad=skip_bad, manual_dir=None)


def _synthetic_root(seed: int) -> Path:
    """Returns a folder with the rendered room, rendered now unless it has been before."""
    root = tfds_dir() / "whatwhere" / SYNTHETIC / f"{_synthetic_version()}-seed{seed}"
    if root.is_dir():
        return root
    try:
        incomplete = root.with_name(f".{root.name}.{uuid.uuid4().hex}")
        try:
            synthetic.write_room(incomplete, seed=seed)
            incomplete.rename(root)
        finally:
            shutil.rmtree(incomplete, ignore_errors=True)
    except OSError as error:
        # Another process may have rendered the same room in the meantime.
        if not root.is_dir():
            raise UserError(
                f"{root} cannot be written ({error}): set TFDS_DATA_DIR to another folder"
            ) from error
    return root


def _synthetic_version() -> str:
    """Returns a short hash of the code that renders the room."""
    code = b"".join(Path(module.__file__).read_bytes() for module in (synthetic, room, ray_caster))
    return hashlib.sha256(code).hexdigest()[:8]
