"""Converted weights on disk: where they lie, what is in the file, how it is read.

The file is Keras's own `.weights.h5` of a `GoogLeNetClassifier`, and a JSON text in one attribute.
"""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py

from errors import UserError
from files import BROKEN_WEIGHTS, require_space, user_path, whole_file
from models.googlenet_classifier import GoogLeNetClassifier
from weights.file_checks import is_hdf5
from weights.googlenet_blobs import IMAGE_SIZE
from weights.values import first_not_finite, values_sha256

ENDING = ".weights.h5"
ATTRIBUTE = "whatwhere_pretrained"
CONVERT = "python weights/convert_places_caffe.py"
FACTS = {
    "classes": int,
    "mean_rgb": list,
    "has_classifier": bool,
    "has_auxiliary": bool,
    "source": str,
    "source_sha256": str,
}


@dataclass(frozen=True)
class Download:
    """A public model: where it is said to be (by projects that use it), and the file to convert."""

    url: str
    file: str


NAMED = {
    "places205": Download(
        "http://places.csail.mit.edu/model/googlenet_places205.tar.gz",
        "googlelet_places205_train_iter_2400000.caffemodel",
    ),
    "places365": Download(
        "http://places2.csail.mit.edu/models_places365/googlenet_places365.caffemodel",
        "googlenet_places365.caffemodel",
    ),
    "imagenet": Download(
        "http://dl.caffe.berkeleyvision.org/bvlc_googlenet.caffemodel",
        "bvlc_googlenet.caffemodel",
    ),
}


def named_path(name: str) -> Path:
    """Where the converted model `name` belongs: $WHATWHERE_WEIGHTS or ~/.cache/whatwhere."""
    folder = os.environ.get("WHATWHERE_WEIGHTS") or "~/.cache/whatwhere"
    return user_path(folder) / f"{name}{ENDING}"


def resolve(name_or_path: str) -> Path:
    """The file that `--pretrained` means: a key of `NAMED`, or a path.

    Raises:
        UserError: It is not there: what to download and which command to run.
    """
    if name_or_path in NAMED:
        path = named_path(name_or_path)
        if not path.is_file():
            download = NAMED[name_or_path]
            packed = "" if download.url.endswith(download.file) else f" (it holds {download.file})"
            raise UserError(
                f"{path} is missing: download {download.url}{packed} and run "
                f"{CONVERT} --input={download.file} --name={name_or_path}"
            )
        return path
    path = user_path(name_or_path)
    if not path.exists():
        raise UserError(
            f"{path} does not exist: give a file that {CONVERT} wrote, or one of {', '.join(NAMED)}"
        )
    return path


def write_store(path: str | Path, network: GoogLeNetClassifier, facts: Mapping) -> None:
    """Writes the weights of `network`, built for 224 x 224 pixels, and `facts` beside them.

    Args:
        path: File to write; ends in `.weights.h5`.
        network: Parts that `facts` says it has not are written as they are.
        facts: `classes`, `mean_rgb` (0..255), `has_classifier`, `has_auxiliary`, `source` (a
            file's name), `source_sha256`.

    Raises:
        UserError: The place cannot be written, or a weight is not finite.
    """
    path = Path(path)
    if not path.name.endswith(ENDING):
        raise UserError(f"{path} must end in {ENDING}")
    facts = {name: kind(facts[name]) for name, kind in FACTS.items()}
    if broken := first_not_finite(network):
        raise UserError(f"{path} is not written: {broken} is not finite")
    facts["weights_sha256"] = values_sha256(network)
    with whole_file(path) as temporary:
        require_space(path, sum(weight.numpy().nbytes for weight in network.weights))
        network.save_weights(temporary)
        with h5py.File(temporary, "a") as file:
            file.attrs[ATTRIBUTE] = json.dumps(facts)


def read_store(path: str | Path) -> tuple[GoogLeNetClassifier, dict]:
    """The network in a file that `write_store` wrote, and its facts.

    Raises:
        UserError: The file is missing, another one, or damaged.
    """
    path = Path(path)
    facts = read_facts(path)
    network = GoogLeNetClassifier(facts["classes"], mean_rgb=facts["mean_rgb"])
    network.build((None, IMAGE_SIZE, IMAGE_SIZE, 3))
    try:
        network.load_weights(path)
        # HDF5 reads damaged numbers as others. Old files have no digest.
        found = values_sha256(network)
        if first_not_finite(network) or facts.pop("weights_sha256", found) != found:
            raise ValueError("other weights than were written")
    except BROKEN_WEIGHTS as error:
        raise _damaged(path) from error
    return network, facts


def read_facts(path: str | Path) -> dict:
    """What `write_store` recorded, without the weights.

    Raises:
        UserError: The file is missing, another one, or damaged.
    """
    path = Path(path)
    output = f"--output={path.name.split('.')[0]}{ENDING}"
    conversion = f"convert it first with {CONVERT} --input={path} {output}"
    if path.name.endswith(".caffemodel") or not is_hdf5(path):
        is_hdf5(path)  # a file that is not there comes before one that has another ending
        raise UserError(f"{path} holds no converted weights: if it is a Caffe model, {conversion}")
    try:
        with h5py.File(path, "r") as file:
            if ATTRIBUTE not in file.attrs:
                if "data" in file:
                    raise UserError(f"{path} is a Caffe model: {conversion}")
                raise UserError(
                    f"{path} is no converted model, perhaps a checkpoint: give a file that "
                    f"{CONVERT} wrote"
                )
            facts = json.loads(file.attrs[ATTRIBUTE])
        facts = _checked(facts)
    except BROKEN_WEIGHTS as error:
        raise _damaged(path) from error
    if not path.name.endswith(ENDING):
        raise UserError(f"{path} must be renamed to end in {ENDING}, as Keras wants it")
    return facts


def _checked(facts: dict) -> dict:
    for name, kind in FACTS.items():
        if type(facts[name]) is not kind:
            raise TypeError(name)
    mean = facts["mean_rgb"]
    if facts["classes"] < 1 or len(mean) != 3 or not all(math.isfinite(value) for value in mean):
        raise ValueError(facts)
    return facts


def _damaged(path: Path) -> UserError:
    return UserError(f"{path} is damaged: run {CONVERT} again on the model that it came from")
