"""Converts GoogLeNet's weights from Caffe to Keras and back; Caffe is not needed.

python weights/convert_places_caffe.py --input=FILE.caffemodel --output=FILE.weights.h5
python weights/convert_places_caffe.py --input=FILE.caffemodel --name=places205
python weights/convert_places_caffe.py --input=FILE.weights.h5 --output=FILE.caffemodel
python weights/convert_places_caffe.py --run_dir=runs/scenes --output=FILE.caffemodel
"""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from absl import flags as absl_flags

import flags
from errors import UserError, run_script

NAMES = ("places205", "places365", "imagenet")
ENDINGS = (".weights.h5", ".caffemodel")

absl_flags.DEFINE_string(
    "input", None, "Weights to convert: Caffe's .caffemodel or .caffemodel.h5 (of MIT, Princeton "
    "or BVLC; what it is, is seen from its content), or .weights.h5 as this script writes it."
)  # fmt: skip
absl_flags.DEFINE_string(
    "run_dir", None, "Convert the trained network of this run instead: of googlenet all, of other "
    "models the trunk."
)  # fmt: skip
absl_flags.DEFINE_string(
    "output", None, "File to write: .weights.h5 for --pretrained=FILE, or .caffemodel, which gets "
    "a .prototxt beside it."
)  # fmt: skip
absl_flags.DEFINE_enum(
    "name", None, NAMES, "Instead of --output: put the weights where --pretrained=NAME looks, "
    "$WHATWHERE_WEIGHTS or ~/.cache/whatwhere."
)  # fmt: skip
absl_flags.DEFINE_string(
    "mean", None, "Mean of the images that a Caffe model was trained on: its mean.binaryproto, or "
    "RED,GREEN,BLUE in 0..255. Default 123,117,104, and with 365 classes 116.68,112.51,104.05."
)  # fmt: skip
absl_flags.DEFINE_bool("trunk_only", False, "Leave out the classifiers of a Caffe model.")
absl_flags.DEFINE_enum(
    "caffe_format", "v2", ("v1", "v2"), "Layer format of a .caffemodel to write."
)


def main(arguments: list[str]) -> None:
    """Converts in the direction that input and output tell."""
    flags.reject_positional(arguments)
    values = absl_flags.FLAGS
    if bool(values.input) == bool(values.run_dir):
        raise UserError("give one of --input=FILE and --run_dir=RUN")
    if bool(values.output) == bool(values.name):
        raise UserError(f"give one of --output=FILE and --name={'|'.join(NAMES)}")
    from weights import conversion, store

    output = Path(values.output or store.named_path(values.name)).expanduser()
    if not output.name.endswith(ENDINGS):
        raise UserError(f"--output={output} must end in {' or '.join(ENDINGS)}")
    to_caffe = output.name.endswith(".caffemodel")
    if values.run_dir:
        if not to_caffe:
            raise UserError(f"--run_dir goes with --output=FILE.caffemodel, not {output.name}")
        run_dir = Path(values.run_dir).expanduser()
        conversion.run_to_caffe(run_dir, output, values.caffe_format == "v1")
    elif to_caffe:
        conversion.keras_to_caffe(
            Path(values.input).expanduser(), output, values.caffe_format == "v1"
        )
    else:
        conversion.caffe_to_keras(
            Path(values.input).expanduser(), output, _mean(values.mean), values.trunk_only
        )
        value = values.name or output
        print(f"use it with: python train.py --pretrained={value}")


def _mean(text: str | None) -> tuple[float, float, float] | None:
    if text is None:
        return None
    from weights.caffe_files import read_mean

    try:
        mean = tuple(float(word) for word in text.split(","))
    except ValueError:
        mean = read_mean(Path(text).expanduser())
    if len(mean) != 3 or not all(math.isfinite(value) and 0 <= value <= 255 for value in mean):
        raise UserError(f"--mean={text} must be three numbers in 0..255, red, green, blue")
    return mean


if __name__ == "__main__":
    run_script(main)
