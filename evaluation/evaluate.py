"""Evaluates a run on a split: predictions, metrics beside the baselines', pictures and report."""

import json

from data.sources import AnySplit, Source, open_source
from errors import UserError
from evaluation import digits, games, poses, scenes
from files import absolute_path, writing
from run_folder import RunFolder, load_network
from tasks.results import require_numbers

TASKS = {"pose": poses, "scene": scenes, "digit": digits, "game": games}


def evaluate(run: RunFolder, split: str, data_dir: str | None = None) -> dict:
    """Writes `<run>/<split>/` and returns what metrics.json there holds.

    Args:
        run: A run with a checkpoint.
        split: "test", or "validation": the training sequences that were held out.
        data_dir: Where the data lie, if not where they lay in training.

    Raises:
        UserError: Checkpoint or data cannot be used, nothing was held out, or the network answers
            with what is no number.
    """
    task = _task(run.config)
    digest = run.digest()  # first: what replaces the weights meanwhile must not pass for these
    network = load_network(run)
    source = open_source(run.config, data_dir or run.config["data_dir"])
    trained_on = reference(run, source)
    tested = _load(run, source, split)
    folder = run.split_folder(split)

    print(f"evaluating {len(tested)} examples of {run.config['scene']} ({split})")
    outputs = network.predict(tested.test_batches(task.BATCH))
    require_numbers(outputs)
    metrics = task.metrics(run.config, tested, outputs)
    if hasattr(task, "gate_metrics"):
        metrics |= task.gate_metrics(network, run.config["image_size"], outputs)
    metrics["data_dir"] = source_folder(run.config, data_dir)
    metrics["baselines"] = task.baselines(run.config, network, tested, trained_on, outputs)
    path = folder / "metrics.json"
    with writing(folder):
        for name in ("metrics.json", "report.html"):  # of other weights, perhaps
            (folder / name).unlink(missing_ok=True)
        task.write(folder, run.config, tested, outputs)
        path.write_text(json.dumps(metrics, indent=2) + "\n")
        task.write_report(run.path, split)
        metrics["weights_sha256"] = digest  # says that the evaluation came to its end
        path.write_text(json.dumps(metrics, indent=2) + "\n")
    return metrics


def source_folder(config: dict, data_dir: str | None) -> str | None:
    """Where the data lie that a run is evaluated on; None where they are downloaded or made."""
    given = data_dir or config["data_dir"]
    return absolute_path(given) if given else None


def comparison(config: dict, metrics: dict) -> list[str]:
    """Lines with the model's main numbers and, below, the baselines'."""
    return _task(config).table({config["model"]: metrics, **metrics["baselines"]})


def _task(config: dict):
    return TASKS[config["task"]]


def reference(run: RunFolder, source: Source) -> AnySplit:
    """What the run was trained on.

    Raises:
        UserError: The source has other data.
    """
    aside = run.config["validation_sequences"]
    others = (
        f"the data are not those that {run.path} was trained on ({{}}): "
        "name with --data_dir where these lie"
    )
    if missing := set(aside) - set(source.sequences):
        raise UserError(others.format(f"they have no sequence {min(missing)}, which it held out"))
    found = source.load("train", [name for name in source.sequences if name not in aside])
    trained = run.config["train_images"]
    if len(found) != trained:
        raise UserError(others.format(f"{len(found)} training images, not {trained}"))
    listed = run.config.get("train_crc32")  # runs of old, and games, have none
    if listed is not None and found.crc32() != listed:
        raise UserError(others.format("as many training images, but others, or with other targets"))
    return found


def _load(run: RunFolder, source: Source, split: str) -> AnySplit:
    if split == "test":
        return source.load("test")
    if not run.config["validation_sequences"]:
        raise UserError(f"{run.path} held nothing out for validation: evaluate --split=test")
    return source.load("train", run.config["validation_sequences"])
