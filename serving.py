"""Networks as others call them: photographs of any size in, poses or classes out."""

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from data.crops import PREPARED_SIDE, centre_crop, resize_short_side, short_side
from errors import UserError
from models.depth_on_demand import call_on_demand
from models.joint_attention import JointAttention
from run_folder import RunFolder, input_shape, load_network

DESCRIPTION = "model.json"  # beside the SavedModel; says what its numbers mean
COPIED = (
    "model", "dataset", "scene", "image_size", "steps", "glimpses", "glimpse_size", "scales",
    "versions", "git_revision",
)  # fmt: skip
OUTPUTS = {
    "pose": {
        "columns": ["x", "y", "z", "qw", "qx", "qy", "qz"],
        "meaning": "camera centre in world coordinates, metres; camera-to-world rotation as a "
        "unit quaternion, qw >= 0",
    },
    "uncertainty": {
        "columns": ["metres", "degrees"],
        "meaning": "spread of the samples that the pose is the mean of, times a factor: half of "
        "the errors on images held out in training were smaller",
    },
    "logits": {"meaning": "[B, K]: a score of each of the `classes`, the largest is the answer"},
    "probabilities": {"meaning": "[B, K]: softmax of the logits; the classes sum to 1"},
    "layer_gates": {"meaning": "[B, T, L]: 1 at the layer that a step reads, 0 at the others"},
    "attention": {"meaning": "[B, T, H, W]: share of each place of the crop; a map sums to 1"},
    "locations": {"meaning": "[B, T, 2]: x and y of each glimpse, -1 (left, top) to 1"},
    "logits_by_glimpse": {"meaning": "[B, T, K]: the scores if the answer were due earlier"},
}


@dataclass(frozen=True)
class Predictor:
    """A trained network with the preparation of its images, from a run or from an export.

    Attributes:
        serve: uint8 RGB images [B, H, W, 3] of any size to the outputs that `description` names.
        description: What model.json holds, see `describe`.
    """

    serve: Callable[[np.ndarray], dict[str, tf.Tensor]]
    description: dict

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        return {name: value.numpy() for name, value in self.serve(tf.constant(images)).items()}


def crops(images: tf.Tensor, image_size: int, task: str = "pose") -> tf.Tensor:
    """RGB images [B, H, W, 3] in 0..255 to what evaluation shows a network, uint8 [B, S, S, 3].

    Step by step as data sets are prepared: short side to 256, for scenes both sides, then to what
    the crop asks for, each time rounded, then the centre. Digits are grey, [B, S, S, 1], and have
    one size.
    """
    if task == "digit":
        return _grey(_resize_square(images, image_size))
    side = short_side(image_size)
    if task == "scene":
        prepared = _resize_square(images, PREPARED_SIDE)
    else:
        prepared = resize_short_side(images, PREPARED_SIDE)
    if side != PREPARED_SIDE:
        prepared = resize_short_side(prepared, side)
    return centre_crop(prepared, image_size)


def open_run(path: str | Path) -> Predictor:
    """The best network of the run in `path`, in float32 whatever precision it trained in.

    Raises:
        UserError: There is no run, or it has no usable checkpoint.
    """
    run, network = load_float32(path)
    serve = tf.function(_serving(run, network), input_signature=[_images("uint8")])
    return Predictor(serve, describe(run, network))


def open_exported(path: str | Path) -> Predictor:
    """What `export_saved_model` wrote to `path`.

    Raises:
        UserError: The folder is missing, incomplete or of something else.
    """
    path = Path(path)
    advice = "give the folder that python export.py --output wrote"
    if not (path / DESCRIPTION).is_file() or not (path / "saved_model.pb").is_file():
        raise UserError(f"{path} holds no exported model: {advice}")
    try:
        description = json.loads((path / DESCRIPTION).read_text())
        needed = {"layers", "outputs", "image_size"}
        if "logits" in description.get("outputs", ()):
            needed.add("classes")
        missing = needed - description.keys()
        model = tf.saved_model.load(str(path))
        model.serving_default  # noqa: B018, some other SavedModel has none
    # TensorFlow reports a damaged file with any of these.
    except (OSError, ValueError, AttributeError, KeyError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} cannot be loaded ({reason}): {advice}") from error
    if missing:
        raise UserError(f"{path / DESCRIPTION} lacks {', '.join(sorted(missing))}: {advice}")
    # Through `model`, which must live as long: the function alone does not keep its variables.
    return Predictor(lambda images: model.serving_default(images), description)


def export_saved_model(run_dir: str | Path, output: str | Path) -> None:
    """Writes the best network of a run as a SavedModel, with `model.json` beside it.

    Signatures `serving_default` (uint8) and `float` (float32 0..255, rounded) take RGB
    images [B, H, W, 3] of any size; the preparation is in the graph. The folder appears under its
    name when all of it is written.

    Raises:
        UserError: The run cannot be used, or `output` is not empty or cannot be written.
    """
    output = Path(output).expanduser().absolute()
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise UserError(f"--output={output} exists and is no empty folder: give another one")
    run, network = load_float32(run_dir)
    unfinished = output.with_name(f"{output.name}.unfinished-{os.getpid()}")
    try:
        unfinished.mkdir(parents=True)
        archive = keras.export.ExportArchive()
        serve = archive.add_endpoint("serving_default", _serving(run, network), [_images("uint8")])
        archive.add_endpoint("float", lambda images: serve(_bytes(images)), [_images("float32")])
        archive.write_out(unfinished, verbose=False)
        description = json.dumps(describe(run, network), indent=2)
        (unfinished / DESCRIPTION).write_text(description + "\n")
        unfinished.rename(output)
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise UserError(f"--output={output} cannot be written: {reason}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def describe(run: RunFolder, network: keras.Model) -> dict:
    """What one must know to read the network's outputs.

    Returns:
        `task`, `outputs` (shape and meaning of each), `layers` (the names behind the gates'
        columns), for scenes `classes` (the names behind the logits' columns), and what model of
        what scene it is.
    """
    symbolic = _answers(network(keras.KerasTensor(input_shape(run.config), "uint8")))
    outputs = {
        name: {"shape": list(symbolic[name].shape), **meaning}
        for name, meaning in OUTPUTS.items()
        if name in symbolic
    }
    description = {"task": _task(run), **{key: run.config.get(key) for key in COPIED}}
    if "logits" in symbolic:
        description["classes"] = run.config["class_names"]
    layers = list(getattr(network, "candidates", ()))
    return {**description, "layers": layers, "outputs": outputs}


def load_float32(path: str | Path) -> tuple[RunFolder, keras.Model]:
    """A run and its best network, in float32 whatever precision it trained in.

    Raises:
        UserError: There is no run of images, or it has no usable checkpoint.
    """
    run = RunFolder.open(path)
    if _task(run) == "game":
        raise UserError(f"{path} is a player, not a model of images: eval.py lets it play")
    run = dataclasses.replace(run, config=run.config | {"mixed_precision": "none"})
    return run, load_network(run)


def _serving(run: RunFolder, network: keras.Model) -> Callable[[tf.Tensor], dict]:
    size, task = run.config["image_size"], _task(run)
    if isinstance(network, JointAttention):
        return lambda images: _answers(call_on_demand(network, crops(images, size, task)))
    return lambda images: _answers(network(crops(images, size, task), training=False))


def _answers(outputs: dict) -> dict:
    """The network's outputs, with `probabilities` where it has `logits`."""
    if "logits" not in outputs:
        return outputs
    return {**outputs, "probabilities": ops.softmax(outputs["logits"])}


def _task(run: RunFolder) -> str:
    return run.config.get("task", "pose")


def _grey(images: tf.Tensor) -> tf.Tensor:
    """RGB [B, H, W, 3] to grey levels [B, H, W, 1], in uint8; grey stays what it is."""
    levels = tf.cast(images, tf.float32) * (0.299, 0.587, 0.114)
    return _bytes(tf.reduce_sum(levels, axis=-1, keepdims=True))


def _resize_square(images: tf.Tensor, side: int) -> tf.Tensor:
    """[B, H, W, 3] to [B, side, side, 3], aspect not kept, antialiased, in uint8."""
    resized = tf.image.resize(tf.cast(images, tf.float32), (side, side), antialias=True)
    return _bytes(resized)


def _bytes(images: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.clip_by_value(tf.round(images), 0.0, 255.0), tf.uint8)


def _images(dtype: str) -> tf.TensorSpec:
    return tf.TensorSpec((None, None, None, 3), dtype, "images")
