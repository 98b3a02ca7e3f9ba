"""Networks as ONNX files, for other runtimes, and read back; needs requirements-onnx.txt."""

import importlib
import logging
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import tensorflow as tf

from errors import UserError

OPSET = 18
INPUT = "images"


def write_onnx(answer: Callable[[tf.Tensor], dict], images: tf.TensorSpec, path: Path) -> None:
    """Writes a function of images to its outputs as an ONNX file, its weights in float32.

    Raises:
        UserError: A package is missing, or ONNX cannot say what the function does.
    """
    convert = _require("tf2onnx.convert", "writes")
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    function = tf.function(answer, input_signature=[images])
    convert.from_function(function, [images], opset=OPSET, output_path=str(path))
    try:
        open_onnx(path)
    except ValueError as error:  # the converter writes what it cannot convert as it is
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"this network has no ONNX form ({reason})") from error


def open_onnx(path: Path) -> Callable[[tf.Tensor], dict]:
    """The network in an ONNX file, as a function of a batch of prepared images.

    Raises:
        UserError: A package is missing.
        ValueError: The file is damaged.
    """
    runtime = _require("onnxruntime", "reads")
    try:
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # those of its own, without a common base
        raise ValueError(error) from error
    names = [output.name for output in session.get_outputs()]
    return lambda images: dict(
        zip(names, session.run(names, {INPUT: np.asarray(images)}), strict=True)
    )


def _require(package: str, does: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise UserError(
            f"the package that {does} ONNX files is missing ({error}): "
            "pip install -r requirements-onnx.txt"
        ) from error
