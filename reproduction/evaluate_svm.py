"""A linear SVM on a run's features: python -m reproduction.evaluate_svm --run_dir=RUN."""

from absl import flags as absl_flags

import flags
from errors import import_tensorflow, run_script


def main(arguments: list[str]) -> None:
    """Writes `<run>/test/svm.json`, and prints both accuracies."""
    flags.reject_positional(arguments)
    values = absl_flags.FLAGS
    import_tensorflow()
    from reproduction.svm import evaluate_svm
    from run_folder import RunFolder

    found = evaluate_svm(RunFolder.open(values.run_dir), values.data_dir)
    print(f"{found['accuracy']:.1%} accuracy, {found['mean_class_accuracy']:.1%} by class")


if __name__ == "__main__":
    absl_flags.DEFINE_string("run_dir", None, "Folder of a googlenet run.", required=True)
    absl_flags.DEFINE_string("data_dir", None, "Where the data lie now, if they have moved.")
    run_script(main)
