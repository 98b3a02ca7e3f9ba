"""Networks as files that run without this project, and read back: SavedModel, LiteRT, ONNX."""

import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from errors import UserError
from exported_onnx import INPUT, open_onnx, write_onnx
from files import user_path
from run_folder import RunFolder, input_shape
from serving import (
    Predictor,
    crops,
    crops_to_answers,
    describe,
    open_network,
    photographs,
    photographs_to_answers,
    to_bytes,
)

DESCRIPTION = "model.json"  # beside the network; says what its numbers mean
SAVED_MODEL = "saved_model.pb"
LITERT = "model.tflite"
ONNX = "model.onnx"
SIGNATURE = "serving_default"
ADVICE = "give the folder that python export.py --output wrote"


def export_saved_model(run_dir: str | Path, output: str | Path) -> None:
    """Writes the best network of a run as a SavedModel, with `model.json` beside it.

    Signatures `serving_default` (uint8) and `float` (float32 0..255, rounded) take RGB
    images [B, H, W, 3] of any size; the preparation is in the graph. The folder appears under its
    name when all of it is written.

    Raises:
        UserError: The run cannot be used, or `output` is not empty or cannot be written.
    """
    run, network = open_network(run_dir)
    with _new_folder(output) as folder:
        archive = keras.export.ExportArchive()
        answer = photographs_to_answers(run, network)
        serve = archive.add_endpoint(SIGNATURE, answer, [photographs("uint8")])
        floats = [photographs("float32")]
        archive.add_endpoint("float", lambda images: serve(to_bytes(images)), floats)
        archive.write_out(folder, verbose=False)
        _write_description(folder, run, network)


def export_litert(run_dir: str | Path, output: str | Path) -> None:
    """Writes the best network of a run as `model.tflite`, with `model.json` beside it.

    Its signature `serving_default` takes one prepared image, uint8 [1, S, S, 3] (digits
    [1, S, S, 1]), and needs LiteRT's own operations only. The preparation, which LiteRT has no
    operation for, is the caller's: see `serving.crops`. Weights and sums are float32.

    Raises:
        UserError: The run cannot be used, its network needs operations that LiteRT does not have,
            or `output` is not empty or cannot be written.
    """
    run, network = _load_without_draws(run_dir)
    image = tf.TensorSpec((1, *input_shape(run.config)[1:]), "uint8", INPUT)
    with _new_folder(output) as folder:
        with tempfile.TemporaryDirectory() as whole:
            archive = keras.export.ExportArchive()
            archive.add_endpoint(SIGNATURE, crops_to_answers(network), [image])
            archive.write_out(whole, verbose=False)
            converter = tf.lite.TFLiteConverter.from_saved_model(whole, [SIGNATURE])
            # Weights become constants, which LiteRT's fast convolutions want.
            converter.experimental_enable_resource_variables = False
            (folder / LITERT).write_bytes(converter.convert())
        _write_description(folder, run, network, input=list(image.shape))


def export_onnx(run_dir: str | Path, output: str | Path) -> None:
    """Writes the best network of a run as `model.onnx`, with `model.json` beside it.

    It takes prepared images, uint8 [B, S, S, 3] (digits [B, S, S, 1]), see `serving.crops`. The
    trunk runs as a whole: the converter loses the shapes of what only some images need.

    Raises:
        UserError: As `export_litert`; or a package is missing, see requirements-onnx.txt.
    """
    run, network = _load_without_draws(run_dir)
    images = tf.TensorSpec((None, *input_shape(run.config)[1:]), "uint8", INPUT)
    with _new_folder(output) as folder:
        write_onnx(crops_to_answers(network, on_demand=False), images, folder / ONNX)
        _write_description(folder, run, network, input=list(images.shape))


def open_exported(path: str | Path) -> Predictor:
    """What one of the functions above wrote to `path`.

    Raises:
        UserError: The folder is missing, incomplete or of something else.
    """
    path = user_path(path)
    openers = {SAVED_MODEL: _open_saved_model, LITERT: _open_one_by_one, ONNX: open_onnx}
    form = next((name for name in openers if (path / name).is_file()), None)
    if not (path / DESCRIPTION).is_file() or not form:
        raise UserError(f"{path} holds no exported model: {ADVICE}")
    try:
        description = json.loads((path / DESCRIPTION).read_text())
        _require_whole(description)
        answer = openers[form](path / form)
    # TensorFlow reports a damaged file with any of these.
    except (
        OSError,
        ValueError,
        AttributeError,
        LookupError,
        TypeError,
        tf.errors.OpError,
    ) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} cannot be loaded ({reason}): {ADVICE}") from error
    if form == SAVED_MODEL:
        return Predictor(answer, description)
    size, task = description["image_size"], description["task"]
    return Predictor(lambda images: answer(crops(images, size, task)), description)


def _require_whole(description: object) -> None:
    """Raises a `ValueError` if a description lacks what predictions are read by."""
    if not isinstance(description, dict):
        raise ValueError(f"{DESCRIPTION} describes nothing")
    outputs = description.get("outputs")
    if not isinstance(outputs, dict):
        raise ValueError(f"{DESCRIPTION} names no outputs")
    names = {"layer_gates": "layers", "logits": "classes"}
    needed = {"task", "layers", "image_size"} | {
        names[key] for key in names.keys() & outputs.keys()
    }
    if missing := needed - description.keys():
        raise ValueError(f"{DESCRIPTION} lacks {', '.join(sorted(missing))}")
    if description["task"] not in ("pose", "scene", "digit"):
        raise ValueError(f"{DESCRIPTION} has the task {description['task']}")
    if not isinstance(description["image_size"], int):
        raise ValueError(f"{DESCRIPTION} has the image_size {description['image_size']}")
    for key in names.keys() & outputs.keys():
        if len(description[names[key]]) != outputs[key]["shape"][-1]:
            raise ValueError(f"{DESCRIPTION} names other {names[key]} than {key} has")


def open_litert(path: str | Path, threads: int | None = None) -> Callable[..., dict]:
    """The network in a file of LiteRT, as a function of `images`: see `export_litert`.

    Args:
        path: The file.
        threads: It uses; None for as many as there are processors.

    Raises:
        ValueError: The file is damaged.
    """
    with warnings.catch_warnings():
        # It asks for another package, whose kernels took 1.3 times as long.
        warnings.simplefilter("ignore", UserWarning)
        interpreter = tf.lite.Interpreter(str(path), num_threads=threads or os.cpu_count())
    return interpreter.get_signature_runner(SIGNATURE)


def _load_without_draws(run_dir: str | Path) -> tuple[RunFolder, keras.Model]:
    run, network = open_network(run_dir)
    if run.config["model"] == "ram" and run.config["location"] == "random":
        raise UserError(
            f"{run_dir} draws random numbers for its answers: only --format=saved_model can"
        )
    return run, network


def _open_saved_model(path: Path) -> Callable[[tf.Tensor], dict]:
    model = tf.saved_model.load(str(path.parent))
    model.serving_default  # noqa: B018, some other SavedModel has none
    # Through `model`, which must live as long: the function alone does not keep its variables.
    return lambda images: model.serving_default(images)


def _open_one_by_one(path: Path) -> Callable[[tf.Tensor], dict]:
    answer = open_litert(path)

    def answer_all(images: tf.Tensor) -> dict[str, np.ndarray]:
        answers = [answer(images=image[None]) for image in images.numpy()]
        return {name: np.concatenate([one[name] for one in answers]) for name in answers[0]}

    return answer_all


@contextmanager
def _new_folder(output: str | Path) -> Iterator[Path]:
    """A folder to write to; it gets its name when all is written, and else is deleted."""
    output = user_path(output).absolute()
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise UserError(f"--output={output} exists and is no empty folder: give another one")
    unfinished = output.with_name(f"{output.name}.unfinished-{os.getpid()}")
    try:
        unfinished.mkdir(parents=True)
        yield unfinished
        unfinished.rename(output)
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise UserError(f"--output={output} cannot be written: {reason}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write_description(folder: Path, run: RunFolder, network: keras.Model, **facts: object) -> None:
    description = json.dumps(describe(run, network) | facts, indent=2)
    (folder / DESCRIPTION).write_text(description + "\n")
