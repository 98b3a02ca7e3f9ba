"""A second opinion: the same Caffe model in OpenCV 4's DNN module, map by map."""

from collections.abc import Collection, Mapping
from pathlib import Path

import keras
import numpy as np
from keras import ops

from models.auxiliary_head import AUXILIARY_TAPS
from models.googlenet import TAPS
from weights.layer_names import LAYER_NAMES, tap_name

Maps = dict[str, np.ndarray]


class NoOpenCV(Exception):  # noqa: N818
    """OpenCV 4 is not installed, or cannot run the model: why, in a clause."""


def opencv_maps(
    prototxt: str,
    caffemodel: str | Path,
    images: np.ndarray,
    mean_rgb: tuple[float, float, float],
    naming: str = "bvlc",
    parts: Collection[str] = ("trunk",),
) -> Maps:
    """Runs a Caffe model in OpenCV.

    Args:
        prototxt: Its definition, as `deploy_prototxt` writes it with these arguments.
        caffemodel: File of its weights.
        images: [B, S, S, 3], RGB, 0..255.
        mean_rgb: Subtracted from the images.
        naming: `bvlc` or `princeton`.
        parts: Of `PARTS`, which classifiers it has.

    Returns:
        Maps [B, H, W, C] `3a` ... `5b`; `logits`, `auxiliary_1` and `auxiliary_2` [B, K] where
        there are classifiers.

    Raises:
        NoOpenCV: OpenCV 4 is not installed, or refuses the model.
    """
    try:
        import cv2
    except ImportError as error:
        raise NoOpenCV("OpenCV is not installed (opencv-python-headless<5)") from error
    if not hasattr(cv2.dnn, "readNetFromCaffe"):
        raise NoOpenCV(f"OpenCV {cv2.__version__} does not read Caffe models (version 4 does)")
    names = {tap: tap_name(tap, naming) for tap in TAPS}
    scores = [layer.named(naming) for layer in LAYER_NAMES if layer.path.endswith("score")]
    if "classifier" in parts:
        names["logits"] = scores[-1]
    if "auxiliary" in parts:
        names |= {"auxiliary_1": scores[0], "auxiliary_2": scores[1]}
    inputs = (images.astype(np.float32) - np.float32(mean_rgb))[..., ::-1].transpose(0, 3, 1, 2)
    try:
        net = cv2.dnn.readNetFromCaffe(
            np.frombuffer(prototxt.encode(), np.uint8), np.fromfile(caffemodel, np.uint8)
        )
        net.setInput(np.ascontiguousarray(inputs), "data")
        outputs = net.forward(list(names.values()))
    except cv2.error as error:
        raise NoOpenCV(f"OpenCV cannot run it ({' '.join(str(error).split())[:200]})") from error
    return {
        name: output.transpose(0, 2, 3, 1) if output.ndim == 4 else output
        for name, output in zip(names, outputs, strict=True)
    }


def keras_maps(
    network: keras.Model, images: np.ndarray, parts: Collection[str] = ("trunk",)
) -> Maps:
    """The same of a `GoogLeNetClassifier`, or of the trunk of any other network."""
    maps = network.trunk(images)
    found = dict(maps)
    if "classifier" in parts:
        found["logits"] = network(images)["logits"]
    if "auxiliary" in parts:
        for index, tap in enumerate(AUXILIARY_TAPS):
            found[f"auxiliary_{index + 1}"] = network.auxiliary_heads[index](maps[tap])
    return {name: ops.convert_to_numpy(values) for name, values in found.items()}


def differences(found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> dict:
    """For each map in `expected`, the largest difference as a part of its largest value.

    It is infinite where shapes differ or a value is no number.
    """
    return {name: _difference(found[name], wanted) for name, wanted in expected.items()}


def _difference(found: np.ndarray, expected: np.ndarray) -> float:
    if found.shape != expected.shape:
        return np.inf
    largest = np.abs(expected).max()
    difference = np.abs(found - expected).max() / max(largest, np.finfo(np.float32).tiny)
    return float(difference) if np.isfinite(difference) else np.inf
