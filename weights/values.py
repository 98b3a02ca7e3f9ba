"""What the values of a network's weights tell: whether they are numbers, and which."""

import hashlib

import keras
import numpy as np


def first_not_finite(layer: keras.Layer) -> str | None:
    """The path of the first weight that holds what is no finite number; None if all are finite."""
    for weight in layer.weights:
        if not np.isfinite(keras.ops.convert_to_numpy(weight)).all():
            return weight.path
    return None


def values_sha256(layer: keras.Layer) -> str:
    """SHA-256 of all weights' values, in their order."""
    digest = hashlib.sha256()
    for weight in layer.weights:
        digest.update(keras.ops.convert_to_numpy(weight).tobytes())
    return digest.hexdigest()
