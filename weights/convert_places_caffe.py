"""Converts GoogLeNet's weights from Caffe to Keras and back; Caffe is not needed.

python weights/convert_places_caffe.py --input=FILE.caffemodel --output=FILE.weights.h5
python weights/convert_places_caffe.py --input=FILE.caffemodel --name=places205
python weights/convert_places_caffe.py --input=FILE.weights.h5 --output=FILE.caffemodel
python weights/convert_places_caffe.py --run_dir=runs/scenes --output=FILE.weights.h5
"""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from absl import flags as absl_flags

import flags
from errors import UserError, import_tensorflow, run_script
from files import user_path

NAMES = ("places205", "places365", "imagenet")


def define_flags() -> None:
    """Flags of this script."""
    absl_flags.DEFINE_string(
        "input", None, "Weights to convert: Caffe's .caffemodel or .caffemodel.h5 (of MIT, "
        "Princeton or BVLC; which, is seen from the content), or a .weights.h5 of this script."
    )  # fmt: skip
    absl_flags.DEFINE_string(
        "run_dir", None, "Convert the trained network of this run instead: of googlenet all, of "
        "other models the trunk."
    )  # fmt: skip
    absl_flags.DEFINE_string(
        "output", None, "File to write: .weights.h5 for --pretrained=FILE, or .caffemodel, which "
        "gets a .prototxt and a .mean.binaryproto beside it."
    )  # fmt: skip
    absl_flags.DEFINE_enum(
        "name", None, NAMES, "Instead of --output: put the weights where --pretrained=NAME looks, "
        "$WHATWHERE_WEIGHTS or ~/.cache/whatwhere."
    )  # fmt: skip
    absl_flags.DEFINE_string(
        "mean", None, "Mean of the images that a Caffe model was trained on: its "
        "mean.binaryproto, or RED,GREEN,BLUE in 0..255. Default FILE.mean.binaryproto beside it, "
        "else 123,117,104, and with 365 classes 116.68,112.51,104.05."
    )  # fmt: skip
    absl_flags.DEFINE_bool("trunk_only", False, "Leave out the classifiers of a Caffe model.")
    absl_flags.DEFINE_enum(
        "caffe_format", "v2", ("v1", "v2"), "Layer format of a .caffemodel to write."
    )


def main(arguments: list[str]) -> None:
    """Converts what the flags name."""
    flags.reject_positional(arguments)
    values = absl_flags.FLAGS
    convert(
        values.input, values.run_dir, values.output, values.name, values.mean,
        values.trunk_only, values.caffe_format,
    )  # fmt: skip


def convert(
    input: str | None = None,
    run_dir: str | None = None,
    output: str | None = None,
    name: str | None = None,
    mean: str | None = None,
    trunk_only: bool = False,
    caffe_format: str = "v2",
) -> None:
    """Converts in the direction that the output's ending tells; arguments are the flags.

    Raises:
        UserError: Flags that do not go together, or what the conversion raises.
    """
    if bool(input) == bool(run_dir):
        raise UserError("give one of --input=FILE and --run_dir=RUN")
    if bool(output) == bool(name):
        raise UserError(f"give one of --output=FILE and --name={'|'.join(NAMES)}")
    import_tensorflow()
    from weights import conversion, store

    target = user_path(output) if output else store.named_path(name)
    v1 = caffe_format == "v1"
    to_caffe = target.name.endswith(".caffemodel")
    if (mean or trunk_only) and (to_caffe or run_dir):
        raise UserError("--mean and --trunk_only are for Caffe's files: leave them out here")
    if v1 and not to_caffe:
        raise UserError("--caffe_format=v1 is for --output=FILE.caffemodel: leave it out here")
    if to_caffe:
        if run_dir:
            conversion.run_to_caffe(user_path(run_dir), target, v1)
        else:
            conversion.keras_to_caffe(user_path(input), target, v1)
    elif not target.name.endswith(store.ENDING):
        raise UserError(f"--output={output} must end in {store.ENDING} or .caffemodel")
    else:
        if run_dir:
            conversion.run_to_keras(user_path(run_dir), target)
        else:
            source = user_path(input)
            conversion.caffe_to_keras(source, target, parse_mean(mean), trunk_only)
        print(f"use it with: python train.py --pretrained={name or target}")


def parse_mean(text: str | None) -> tuple[float, float, float] | None:
    """Red, green, blue from `--mean`; None for None.

    Raises:
        UserError: It is neither three numbers in 0..255 nor a mean image.
    """
    if text is None:
        return None
    from weights.caffe_files import read_mean

    try:
        mean = tuple(float(word) for word in text.split(","))
    except ValueError:
        mean = read_mean(user_path(text))
    if len(mean) != 3 or not all(math.isfinite(value) and 0 <= value <= 255 for value in mean):
        raise UserError(f"--mean={text} must be three numbers in 0..255, red, green, blue")
    return mean


if __name__ == "__main__":
    define_flags()
    run_script(main)
