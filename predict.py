"""Predicts photographs' poses or classes: python predict.py --run_dir=runs/kitchen IMAGE..."""

from absl import flags

from errors import UserError, import_tensorflow, run_script

flags.DEFINE_string("run_dir", None, "Folder of the run whose best network predicts.")
flags.DEFINE_string("model", None, "Exported model that predicts, in place of --run_dir.")
flags.DEFINE_string("output", None, "CSV file to write; without it the rows are printed.")
flags.DEFINE_string("overlays", None, "Folder for pictures of where the network looks.")
flags.DEFINE_bool("skip_bad", False, "Name images that do not decode, and go on without them.")


def main(arguments: list[str]) -> None:
    """Prints one row for each image, in the order of the command line."""
    values = flags.FLAGS
    images = arguments[1:]
    if (values.run_dir is None) == (values.model is None):
        raise UserError("give either --run_dir or --model, to say which network predicts")
    if not images:
        raise UserError("no images are given: name their files after the flags")
    import_tensorflow()
    from exported import open_exported
    from prediction import predict
    from serving import open_run

    predictor = open_exported(values.model) if values.run_dir is None else open_run(values.run_dir)
    predict(
        predictor,
        images,
        output=values.output,
        overlays=values.overlays,
        skip_bad=values.skip_bad,
    )


if __name__ == "__main__":
    run_script(main)
