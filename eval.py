"""Evaluates a run: python eval.py --run_dir=runs/kitchen."""

from absl import flags as absl_flags

import flags
from errors import import_tensorflow, run_script

absl_flags.DEFINE_string("run_dir", None, "Folder of the run.", required=True)
absl_flags.DEFINE_enum("split", "test", ("test", "validation"), "Images to evaluate on.")
absl_flags.DEFINE_string("data_dir", None, "Where the data lie now, if they have moved.")


def main(arguments: list[str]) -> None:
    """Evaluates, and prints the model's row beside the baselines'."""
    flags.reject_positional(arguments)
    values = absl_flags.FLAGS
    import_tensorflow()
    from evaluation.evaluate import comparison, evaluate
    from run_folder import RunFolder

    run = RunFolder.open(values.run_dir)
    metrics = evaluate(run, values.split, values.data_dir)
    print("", *comparison(run.config, metrics), "", sep="\n")
    print(run.path / values.split / "report.html")


if __name__ == "__main__":
    run_script(main)
