"""Exports a run's best network: python export.py --run_dir=runs/kitchen --output=DIR."""

from absl import flags as absl_flags
from absl import logging

import flags
from errors import import_tensorflow, run_script

absl_flags.DEFINE_string("run_dir", None, "Folder of the run.", required=True)
absl_flags.DEFINE_string("output", None, "Folder to write; must not exist.", required=True)
absl_flags.DEFINE_enum(
    "format", "saved_model", ("saved_model", "litert", "onnx"),
    "What to write: a SavedModel, which takes photographs of any size, a file for LiteRT, which "
    "takes one prepared image, or for ONNX, which takes a batch of them.",
)  # fmt: skip


def main(arguments: list[str]) -> None:
    """Exports, and says how to use what was written."""
    flags.reject_positional(arguments)
    values = absl_flags.FLAGS
    import_tensorflow()
    import exported

    logging.set_verbosity(logging.WARNING)  # TensorFlow tells of every file that it writes
    write = {
        "saved_model": exported.export_saved_model,
        "litert": exported.export_litert,
        "onnx": exported.export_onnx,
    }
    write[values.format](values.run_dir, values.output)
    print(f"{values.output} is written: python predict.py --model={values.output} IMAGE...")


if __name__ == "__main__":
    run_script(main)
