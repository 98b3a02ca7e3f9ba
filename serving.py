"""Networks as others call them: photographs of any size in, poses or classes out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from data.crops import PREPARED_SIDE, centre_crop, resize_short_side, to_crop_scale
from errors import UserError
from models.depth_on_demand import call_on_demand
from models.joint_attention import JointAttention
from run_folder import RunFolder, input_shape, load_network

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
        "meaning": "spread of the samples that the pose is the mean of, times a factor, such that "
        "half of the errors on images held out in training were smaller; 1 if there were none",
    },
    "logits": {"meaning": "[B, K]: a score of each of the `classes`, the largest is the answer"},
    "probabilities": {"meaning": "[B, K]: softmax of the logits; the classes sum to 1"},
    "layer_gates": {"meaning": "[B, T, L]: 1 at the layer that a step reads, 0 at the others"},
    "attention": {"meaning": "[B, T, H, W]: share of each place of the crop; a map sums to 1"},
    "locations": {"meaning": "[B, T, 2]: x and y of each glimpse, -1 (left, top) to 1"},
    "baselines": {"meaning": "[B, T]: the training's reward as expected before each glimpse"},
    "logits_by_glimpse": {"meaning": "[B, T, K]: the scores if the answer were due earlier"},
}


@dataclass(frozen=True)
class Predictor:
    """A trained network with the preparation of its images, from a run or from an export.

    Attributes:
        serve: uint8 RGB images [B, H, W, 3] of any size to the outputs that `description` names.
        description: What model.json holds, see `describe`.
    """

    serve: Callable[[tf.Tensor], dict]
    description: dict

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        return {name: np.asarray(value) for name, value in self.serve(tf.constant(images)).items()}


def crops(images: tf.Tensor, image_size: int, task: str = "pose") -> tf.Tensor:
    """RGB images [B, H, W, 3] in 0..255 to what evaluation shows a network, uint8 [B, S, S, 3].

    Step by step as data sets are prepared: short side to 256, for scenes both sides, then to what
    the crop asks for, each time rounded, then the centre. Digits are grey, [B, S, S, 1], and have
    one size.
    """
    if task == "digit":
        return _grey(_resize_square(images, image_size))
    if task == "scene":
        prepared = _resize_square(images, PREPARED_SIDE)
    else:
        prepared = resize_short_side(images, PREPARED_SIDE)
    return centre_crop(to_crop_scale(prepared, image_size), image_size)


def open_run(path: str | Path) -> Predictor:
    """The best network of the run in `path`.

    Raises:
        UserError: There is no run, or it has no usable checkpoint.
    """
    run, network = open_network(path)
    answer = photographs_to_answers(run, network)
    serve = tf.function(answer, input_signature=[photographs("uint8")])
    return Predictor(serve, describe(run, network))


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
    description = {"task": task_of(run), **{key: run.config.get(key) for key in COPIED}}
    if "logits" in symbolic:
        description["classes"] = run.config["class_names"]
    if description["task"] == "digit":
        description["images"] = (
            "white digits on black, as large in the image as in training; other sizes than "
            "image_size are resized"
        )
    layers = list(getattr(network, "candidates", ()))
    return {**description, "layers": layers, "outputs": outputs}


def open_network(path: str | Path) -> tuple[RunFolder, keras.Model]:
    """A run of images and its best network.

    Raises:
        UserError: There is no run of images, or it has no usable checkpoint.
    """
    run = RunFolder.open(path)
    if task_of(run) == "game":
        raise UserError(f"{path} is a player, not a model of images: eval.py lets it play")
    return run, load_network(run)


def photographs_to_answers(run: RunFolder, network: keras.Model) -> Callable[[tf.Tensor], dict]:
    """A function of RGB photographs [B, H, W, 3] of any size; the preparation is in it."""
    answer = crops_to_answers(network)
    return lambda images: answer(crops(images, run.config["image_size"], task_of(run)))


def crops_to_answers(network: keras.Model, on_demand: bool = True) -> Callable[[tf.Tensor], dict]:
    """A function of what evaluation shows the network, see `crops`, to its outputs.

    To them come `probabilities` where it has `logits`. On demand, an attention network's trunk runs
    no deeper than its gate asks.
    """
    if on_demand and isinstance(network, JointAttention):
        return lambda images: _answers(call_on_demand(network, images))
    return lambda images: _answers(network(images, training=False))


def _answers(outputs: dict) -> dict:
    """The network's outputs, with `probabilities` where it has `logits`."""
    if "logits" not in outputs:
        return outputs
    return {**outputs, "probabilities": ops.softmax(outputs["logits"])}


def task_of(run: RunFolder) -> str:
    """`pose`, `scene`, `digit` or `game`."""
    return run.config["task"]


def _grey(images: tf.Tensor) -> tf.Tensor:
    """RGB [B, H, W, 3] to grey levels [B, H, W, 1], in uint8; grey stays what it is."""
    levels = tf.cast(images, tf.float32) * (0.299, 0.587, 0.114)
    return to_bytes(tf.reduce_sum(levels, axis=-1, keepdims=True))


def _resize_square(images: tf.Tensor, side: int) -> tf.Tensor:
    """[B, H, W, 3] to [B, side, side, 3], aspect not kept, antialiased, in uint8."""
    resized = tf.image.resize(tf.cast(images, tf.float32), (side, side), antialias=True)
    return to_bytes(resized)


def to_bytes(images: tf.Tensor) -> tf.Tensor:
    """Levels in 0..255, rounded, in uint8."""
    return tf.cast(tf.clip_by_value(tf.round(images), 0.0, 255.0), tf.uint8)


def photographs(dtype: str) -> tf.TensorSpec:
    """The signature of RGB images of any size."""
    return tf.TensorSpec((None, None, None, 3), dtype, "images")
