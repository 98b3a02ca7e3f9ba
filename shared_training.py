"""Bayesian PoseNet from a trained PoseNet: they learn alike, and differ in how they answer.

Where sequences are held out the epoch is the one that was best for PoseNet.
"""

from errors import UserError
from files import copy_file, whole_file
from run_folder import RunFolder, build_task, load_weights


def open_posenet(config: dict) -> RunFolder:
    """The run that `--posenet_run` names, as far as the flags tell trained as `config` says.

    Raises:
        UserError: There is none, it is another's, or has not come to its end.
    """
    told = f"--posenet_run={config['posenet_run']}"
    run = RunFolder.open(config["posenet_run"])
    if run.config["model"] != "posenet":
        raise UserError(f"{told} holds a run of {run.config['model']}: name one of posenet")
    if not run.finished:
        raise UserError(f"{told} has not come to its end: train it first")
    run.require_weights("best")
    if config["mixed_precision"] == "auto":
        config = config | {"mixed_precision": run.config["mixed_precision"]}
    _require_alike(run, config)
    return run


def take_over(run: RunFolder, posenet: RunFolder) -> None:
    """Gives a run of `bayesian_posenet` the checkpoint `best` of `posenet`, and its history.

    Raises:
        UserError: They are not to be trained on the same data, or the folder cannot be written.
    """
    _require_alike(posenet, run.config)
    trained, task = build_task(posenet.config), build_task(run.config)
    load_weights(trained, posenet.weights("best"))
    values = {weight.path: weight for weight in trained.weights}
    for weight in task.weights:
        if weight.path in values:  # all but the scale of the uncertainty
            weight.assign(values[weight.path])
    copy_file(posenet.history, run.history)
    with whole_file(run.weights("best")) as temporary:
        task.save_weights(temporary)


def _require_alike(posenet: RunFolder, config: dict) -> None:
    alike = RunFolder(posenet.path, posenet.config | {"model": config["model"]})
    if found := alike.difference(config):
        raise UserError(
            f"--posenet_run={posenet.path} {found[1]}: give the same flags and data, or leave it "
            "out"
        )
