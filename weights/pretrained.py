"""Starts a network from converted weights: the trunk, and of the heads what fits."""

from dataclasses import dataclass
from pathlib import Path

import keras

from files import sha256
from models.auxiliary_head import AuxiliaryHead
from models.googlenet import GoogLeNet
from models.googlenet_classifier import GoogLeNetClassifier
from weights.store import read_store


@dataclass(frozen=True)
class Pretrained:
    """Weights to start from.

    Attributes:
        network: The classifier that they belong to.
        facts: What is recorded beside them, see `weights.store`.
        sha256: Of the file.
    """

    network: GoogLeNetClassifier
    facts: dict
    sha256: str


def open_pretrained(path: str | Path) -> Pretrained:
    """Reads a file of `weights/convert_places_caffe.py`.

    Raises:
        UserError: It is missing, or something else.
    """
    network, facts = read_store(Path(path))
    return Pretrained(network, facts, sha256(Path(path)))


def start_from(network: keras.Model, start: Pretrained) -> list[str]:
    """Copies weights into a built network; returns the names of the parts that received any.

    The trunk always does, as deep as the network has it. Auxiliary heads do where both have them:
    their convolution, and their dense layer where images of one size give it one shape. The class
    scores do when both tell equally many classes apart.
    """
    source = start.network
    _copy_trunk(source.trunk, network.trunk)
    parts = ["trunk"]
    if start.facts["has_auxiliary"] and _copy_auxiliary(source, network):
        parts.append("auxiliary heads")
    classifies = start.facts["has_classifier"] and isinstance(network, GoogLeNetClassifier)
    if classifies and _copy_if_same_shape(source.head, network.head):
        parts.append("class scores")
    return parts


def _copy_trunk(source: GoogLeNet, target: GoogLeNet) -> None:
    values = {_below(weight.path): weight for weight in source.weights}
    for weight in target.weights:
        weight.assign(values[_below(weight.path)])


def _below(path: str) -> str:
    return path[path.index("trunk/") :]


def _copy_auxiliary(source: GoogLeNetClassifier, network: keras.Model) -> bool:
    heads = getattr(network, "auxiliary_heads", ())
    if not heads or not all(isinstance(head, AuxiliaryHead) for head in heads):
        return False
    for old, new in zip(source.auxiliary_heads, heads, strict=True):
        _copy_if_same_shape(old.project, new.project)
        _copy_if_same_shape(old.dense, new.dense)
        if type(old.head) is type(new.head):
            _copy_if_same_shape(old.head, new.head)
    return True


def _copy_if_same_shape(source: keras.layers.Layer, target: keras.layers.Layer) -> bool:
    if [weight.shape for weight in source.weights] != [weight.shape for weight in target.weights]:
        return False
    target.set_weights(source.get_weights())
    return True
