"""The conversions themselves, with a report of what was found."""

import contextlib
import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import keras
import numpy as np

from errors import UserError
from files import sha256, whole_file
from models.googlenet import TAPS
from models.googlenet_classifier import GoogLeNetClassifier
from weights.caffe_files import (
    Blobs,
    encode_caffemodel,
    encode_mean,
    read_caffe_as,
    read_mean,
)
from weights.caffe_prototxt import deploy_prototxt
from weights.googlenet_blobs import (
    IMAGE_SIZE,
    blobs_from_network,
    empty_layer,
    find_layer,
    network_from_blobs,
)
from weights.layer_names import LAYER_NAMES, PARTS, layers_of
from weights.opencv_check import NoOpenCV, differences, keras_maps, opencv_maps
from weights.store import read_store, write_store

# Two runtimes agree to 1e-5 or better; a wrong padding, pooling or channel order is off by 1e-2.
DISAGREEMENT = 1e-3

Log = Callable[[str], None]


def caffe_to_keras(
    source: Path,
    output: Path,
    mean_rgb: tuple[float, float, float] | None = None,
    trunk_only: bool = False,
    log: Log = print,
) -> None:
    """Converts a `.caffemodel` or `.caffemodel.h5` to a file that `read_store` reads.

    Args:
        source: Caffe's file.
        output: File to write, ending in `.weights.h5`.
        mean_rgb: Of the images that it was trained on, 0..255; None takes the one in the file
            beside it that `mean_path` names, else the usual one.
        trunk_only: Leave its classifiers out.
        log: Gets each line of the report.

    Raises:
        UserError: The file is damaged or no GoogLeNet, OpenCV gets other activations, or the
            output cannot be written.
    """
    log(f"reading {source}")
    encoding, blobs = read_caffe_as(source)
    digest = sha256(source)
    beside = mean_path(source)
    if mean_rgb is None and beside.is_file():
        mean_rgb = read_mean(beside)
        log(f"  mean of {beside}")
    network, naming, parts = network_from_blobs(source, blobs, mean_rgb, trunk_only)
    log(f"  {encoding} encoding, {naming} names, SHA-256 {digest}")
    _log_layers(blobs, naming, parts, log)
    usual = "" if mean_rgb else ", the usual one: --mean gives another"
    mean = ", ".join(f"{value:g}" for value in network.trunk.mean_rgb)
    log(f"  mean (red, green, blue) {mean}{usual}")
    with _for_opencv(source, encoding, blobs) as caffemodel:
        _compare_with_opencv(caffemodel, network, naming, parts, log)
    _write_store(output, network, parts, source, digest, log)


def keras_to_caffe(source: Path, output: Path, v1: bool = False, log: Log = print) -> None:
    """Converts a file that `write_store` wrote to a `.caffemodel`, and writes a prototxt for it.

    Args:
        source: The converted weights.
        output: File to write; the prototxt has the same name but for its ending.
        v1: Write the older layer format.
        log: Gets each line of the report.

    Raises:
        UserError: The file is damaged or another one, or the output cannot be written.
    """
    log(f"reading {source}")
    network, facts = read_store(source)
    log(f"  SHA-256 {sha256(source)}, once {facts['source']}")
    parts = [part for part in PARTS if part == "trunk" or facts[f"has_{part}"]]
    _write_caffe(output, network, parts, facts["classes"], IMAGE_SIZE, v1, log)


def run_to_caffe(run_dir: Path, output: Path, v1: bool = False, log: Log = print) -> None:
    """Writes the trained network of a run as a `.caffemodel`, with a prototxt and its mean.

    Of other networks than `googlenet` it is the trunk. Auxiliary classifiers go along if the run
    had images of 224 pixels, for which Caffe's are made.

    Args:
        run_dir: Folder of the run.
        output: File to write; the other two have the same name but for its ending.
        v1: Write the older layer format.
        log: Gets each line of the report.

    Raises:
        UserError: There is no such run, its trunk ends before 5b, or the output cannot be written.
    """
    trained, parts, classes, side = _open_run(run_dir, log)
    network = _in_float32(trained, parts, classes, side)
    _write_caffe(output, network, parts, classes, side, v1, log)


def run_to_keras(run_dir: Path, output: Path, log: Log = print) -> None:
    """Writes the trained network of a run as a file that `read_store` reads; see `run_to_caffe`."""
    trained, parts, classes, _ = _open_run(run_dir, log)
    network = _in_float32(trained, parts, classes, IMAGE_SIZE)
    for part in PARTS:
        for layer in layers_of(part) if part not in parts else ():
            empty_layer(find_layer(network, layer))
    source = run_dir / "checkpoints" / "best.weights.h5"
    _write_store(output, network, parts, source, sha256(source), log)


def _open_run(run_dir: Path, log: Log) -> tuple[keras.Model, list[str], int, int]:
    """A run's network, the parts of it that can go along, its classes and its images' side."""
    from run_folder import RunFolder, load_network

    run = RunFolder.open(run_dir)
    network = load_network(run)
    log(f"{run_dir} holds a trained {run.config['model']}")
    if not hasattr(network, "trunk"):
        raise UserError(f"{run_dir} holds a {run.config['model']}, which has no GoogLeNet in it")
    if network.trunk.taps != TAPS:
        raise UserError(
            f"the trunk of {run_dir} ends at {network.trunk.taps[-1]}: only one that was trained "
            "down to 5b (with 5b among --layers) is a whole GoogLeNet"
        )
    side = run.config["image_size"]
    if not isinstance(network, GoogLeNetClassifier):
        return network, ["trunk"], 1, side
    parts = [part for part in PARTS if part != "auxiliary" or side == IMAGE_SIZE]
    return network, parts, network.get_config()["classes"], side


def _in_float32(
    trained: keras.Model, parts: list[str], classes: int, side: int
) -> GoogLeNetClassifier:
    """A classifier with `parts` of a network that may have been trained in mixed precision."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        network = GoogLeNetClassifier(classes, mean_rgb=trained.trunk.mean_rgb)
        network.build((None, side, side, 3))
    finally:
        keras.config.set_dtype_policy(before)
    for part in parts:
        for layer in layers_of(part):
            find_layer(network, layer).set_weights(find_layer(trained, layer).get_weights())
    return network


def mean_path(caffemodel: Path) -> Path:
    """The file beside a `.caffemodel` that holds its mean, where this converter wrote both."""
    return caffemodel.with_suffix(".mean.binaryproto")


def _write_store(
    output: Path,
    network: GoogLeNetClassifier,
    parts: Collection[str],
    source: Path,
    digest: str,
    log: Log,
) -> None:
    facts = {
        "classes": network.get_config()["classes"],
        "mean_rgb": network.trunk.mean_rgb,
        "has_classifier": "classifier" in parts,
        "has_auxiliary": "auxiliary" in parts,
        "source": source.name,
        "source_sha256": digest,
    }
    write_store(output, network, facts)
    log(f"{output} is written, SHA-256 {sha256(output)}")


def _write_caffe(
    output: Path,
    network: GoogLeNetClassifier,
    parts: list[str],
    classes: int,
    side: int,
    v1: bool,
    log: Log,
) -> None:
    blobs = blobs_from_network(network, parts)
    _log_layers(blobs, "bvlc", parts, log)
    data = encode_caffemodel(blobs, v1)
    definition, mean = output.with_suffix(".prototxt"), mean_path(output)
    with (
        whole_file(definition) as prototxt,
        whole_file(mean) as mean_file,
        whole_file(output) as caffemodel,
    ):
        prototxt.write_text(deploy_prototxt("bvlc", side, parts, classes, network.trunk.mean_rgb))
        mean_file.write_bytes(encode_mean(network.trunk.mean_rgb))
        caffemodel.write_bytes(data)
        _compare_with_opencv(caffemodel, network, "bvlc", parts, log, side)
    log(f"{output} is written, SHA-256 {sha256(output)}")
    log(f"{definition} is its definition, {mean} the mean of its images")


def _log_layers(blobs: Blobs, naming: str, parts: Collection[str], log: Log) -> None:
    values = 0
    for layer in LAYER_NAMES:
        if layer.part in parts:
            name = layer.named(naming)
            values += sum(blob.size for blob in blobs[name])
            shapes = " ".join("x".join(map(str, blob.shape)) for blob in blobs[name])
            log(f"  {name:28s}{shapes}")
    layers = sum(len(layers_of(part)) for part in parts)
    absent = [part for part in PARTS if part not in parts]
    log(
        f"  {layers} layers, {2 * layers} blobs, {values:,} parameters: {', '.join(parts)}"
        + (f"; without {', '.join(absent)}" if absent else "")
    )


@contextlib.contextmanager
def _for_opencv(source: Path, encoding: str, blobs: Blobs) -> Iterator[Path]:
    """The file as OpenCV reads it: what came from HDF5 is written anew."""
    if encoding != "HDF5":
        yield source
        return
    with tempfile.TemporaryDirectory() as folder:
        caffemodel = Path(folder) / "from_hdf5.caffemodel"
        caffemodel.write_bytes(encode_caffemodel(blobs))
        yield caffemodel


def _compare_with_opencv(
    caffemodel: Path,
    network: GoogLeNetClassifier,
    naming: str,
    parts: Collection[str],
    log: Log,
    side: int = IMAGE_SIZE,
) -> None:
    """Runs both on one random image; a clear disagreement is an error."""
    log("  comparing with OpenCV")
    images = np.random.default_rng(0).integers(0, 256, (1, side, side, 3)).astype(np.float32)
    found = keras_maps(network, images, parts)
    prototxt = deploy_prototxt(naming, side, parts, network.get_config()["classes"])
    try:
        expected = opencv_maps(prototxt, caffemodel, images, network.trunk.mean_rgb, naming, parts)
    except NoOpenCV as reason:
        log(f"  not compared: {reason}")
        return
    largest = differences(found, expected)
    log("  largest difference, as a part of each map's largest value:")
    log("  " + ", ".join(f"{name} {value:.1e}" for name, value in largest.items()))
    worst = max(largest, key=largest.get)
    if not largest[worst] < DISAGREEMENT:
        raise UserError(
            f"Keras and OpenCV disagree on {worst} by {largest[worst]:.1e} of its largest value: "
            f"nothing was written, for this may be an altered GoogLeNet"
        )
