"""Caffe's blobs to GoogLeNet's weights, and back."""

from collections.abc import Collection, Mapping, Sequence

import keras
import numpy as np
from keras import ops

from errors import UserError
from models.googlenet_classifier import GoogLeNetClassifier
from weights.file_checks import printable
from weights.layer_names import LAYER_NAMES, PARTS, LayerName, layers_of, recognise

IMAGE_SIZE = 224  # pixels; the auxiliary classifiers fit no other
MAP_CHANNELS = 128  # of the map under an auxiliary classifier's dense layer


def network_from_blobs(
    source: object,
    blobs: Mapping[str, Sequence[np.ndarray]],
    mean_rgb: Sequence[float] | None = None,
    trunk_only: bool = False,
) -> tuple[GoogLeNetClassifier, str, tuple[str, ...]]:
    """Makes the classifier that a Caffe file holds, for images [B, 224, 224, 3] in RGB.

    Layers of a part that the file does not hold are zero; without any classifier there is one
    class.

    Args:
        source: The file, for messages.
        blobs: Layer name -> weights and bias, as `read_caffe` gives them.
        mean_rgb: Mean of the training images; by default the one of `default_mean_rgb`.
        trunk_only: Leave out every layer that is not the trunk's.

    Returns:
        The network, the naming (`bvlc` or `princeton`) and the parts found.

    Raises:
        UserError: It is another network; or a layer is missing, unknown, or of another shape.
    """
    naming = recognise(blobs.keys())
    if naming is None:
        few = ", ".join(printable(name) for name in list(blobs)[:3])
        raise UserError(
            f"{source} is no GoogLeNet with the names of BVLC, MIT or Princeton: its "
            f"{len(blobs)} layers with weights are called {few} ..."
        )
    parts = _parts(source, blobs, naming, trunk_only)
    classes = _classes(source, blobs, naming, parts)
    mean_rgb = mean_rgb or default_mean_rgb(_outputs(blobs, naming))
    network = GoogLeNetClassifier(classes, mean_rgb=mean_rgb)
    network.build((None, IMAGE_SIZE, IMAGE_SIZE, 3))
    for layer in LAYER_NAMES:
        target = find_layer(network, layer)
        if layer.part in parts:
            target.set_weights(_weights(source, blobs, layer, naming, target))
        else:
            empty_layer(target)
    return network, naming, parts


def blobs_from_network(
    network: keras.Model, parts: Collection[str] = PARTS, naming: str = "bvlc"
) -> dict[str, list[np.ndarray]]:
    """Layer name -> [weights, bias] as Caffe has them, from the image on.

    Args:
        network: A `GoogLeNetClassifier`, or for the trunk alone any network that has one.
        parts: Of `PARTS`, what to take.
        naming: `bvlc` or `princeton`.
    """
    blobs = {}
    for layer in LAYER_NAMES:
        if layer.part in parts:
            kernel, bias = map(ops.convert_to_numpy, find_layer(network, layer).weights)
            blobs[layer.named(naming)] = [_to_caffe(kernel, layer), bias]
    return blobs


def default_mean_rgb(classes: int) -> tuple[float, float, float]:
    """The mean image's average that goes with a public model, told by its number of classes."""
    return (116.68, 112.51, 104.05) if classes == 365 else (123.0, 117.0, 104.0)


def find_layer(network: keras.Model, layer: LayerName) -> keras.layers.Layer:
    """The layer of `network` that has this name."""
    found = network
    for step in layer.path.split("."):
        found = found[int(step)] if step.isdigit() else getattr(found, step)
    return found


def empty_layer(layer: keras.layers.Layer) -> None:
    """Sets the weights of a layer that a file does not hold to zero."""
    layer.set_weights([np.zeros(weight.shape, np.float32) for weight in layer.weights])


def _outputs(blobs: Mapping, naming: str) -> int:
    """Number of classes that the file's last classifier tells apart, used or not; 0 without any."""
    blob = blobs.get(layers_of("classifier")[-1].named(naming))
    return blob[0].shape[-2] if blob and blob[0].ndim > 1 else 0


def _parts(source: object, blobs: Mapping, naming: str, trunk_only: bool) -> tuple[str, ...]:
    parts = []
    known = set()
    for part in PARTS:
        names = [layer.named(naming) for layer in layers_of(part)]
        known.update(names)
        missing = [name for name in names if name not in blobs]
        if part != "trunk" and (trunk_only or len(missing) == len(names)):
            continue
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise UserError(
                f"{source} lacks the layer {missing[0]}{more}: it may be cut short or another "
                f"network, download it again{_way_out(part)}"
            )
        parts.append(part)
    extra = [name for name in blobs if name not in known]
    if extra and not trunk_only:
        raise UserError(
            f"{source} has a layer {printable(extra[0])} that GoogLeNet has not: give the "
            f"original file{_way_out()}"
        )
    return tuple(parts)


def _classes(source: object, blobs: Mapping, naming: str, parts: Sequence[str]) -> int:
    """Number of outputs of the last classifier that there is; 1 without any."""
    if len(parts) == 1:
        return 1
    last = layers_of(parts[-1])[-1]
    blob = blobs[last.named(naming)][0]
    shape = _squeezed(blob, 2).shape
    if len(shape) != 2 or shape[1] != 1024:
        raise _wrong_shape(source, last, naming, blob, "(classes, 1024)")
    return shape[0]


def _weights(
    source: object, blobs: Mapping, layer: LayerName, naming: str, target: keras.layers.Layer
) -> list[np.ndarray]:
    name = layer.named(naming)
    if len(blobs[name]) != 2:
        raise UserError(
            f"{source} has {len(blobs[name])} blobs in layer {name} where GoogLeNet has 2, "
            f"weights and bias: give the original file{_way_out(layer.part)}"
        )
    kernel, bias = target.weights
    expected = _to_caffe(np.empty(kernel.shape, np.float32), layer).shape
    found = []
    for blob, shape in zip(blobs[name], (expected, tuple(bias.shape)), strict=True):
        found.append(_squeezed(blob, len(shape)))
        if found[-1].shape != shape:
            raise _wrong_shape(source, layer, naming, blob, shape)
    return [_to_keras(found[0], layer), found[1]]


def _wrong_shape(
    source: object, layer: LayerName, naming: str, blob: np.ndarray, expected: object
) -> UserError:
    return UserError(
        f"{source} has a blob of shape {blob.shape} in layer {layer.named(naming)} where GoogLeNet "
        f"has {expected}: give the original file{_way_out(layer.part)}"
    )


def _way_out(part: str | None = None) -> str:
    return "" if part == "trunk" else ", or take the trunk alone with --trunk_only"


def _squeezed(blob: np.ndarray, axes: int) -> np.ndarray:
    """Without the leading axes of length 1 that the older format fills up to four with."""
    while blob.ndim > axes and blob.shape[0] == 1:
        blob = blob[0]
    return blob


def _to_caffe(kernel: np.ndarray, layer: LayerName) -> np.ndarray:
    """(kh, kw, in, out) to (out, in, kh, kw), and (in, out) to (out, in)."""
    if layer.reads_image:
        kernel = kernel[:, :, ::-1]
    if layer.reads_map:
        side = round((kernel.shape[0] / MAP_CHANNELS) ** 0.5)
        kernel = kernel.reshape(side, side, MAP_CHANNELS, -1).transpose(2, 0, 1, 3)
        kernel = kernel.reshape(side * side * MAP_CHANNELS, -1)
    return np.ascontiguousarray(kernel.transpose((3, 2, 0, 1) if kernel.ndim == 4 else (1, 0)))


def _to_keras(blob: np.ndarray, layer: LayerName) -> np.ndarray:
    """The inverse of `_to_caffe`."""
    kernel = blob.transpose((2, 3, 1, 0) if blob.ndim == 4 else (1, 0))
    if layer.reads_image:
        kernel = kernel[:, :, ::-1]
    if layer.reads_map:
        side = round((kernel.shape[0] / MAP_CHANNELS) ** 0.5)
        kernel = kernel.reshape(MAP_CHANNELS, side, side, -1).transpose(1, 2, 0, 3)
        kernel = kernel.reshape(side * side * MAP_CHANNELS, -1)
    return kernel
