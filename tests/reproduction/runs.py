"""Makes run folders as training and evaluation leave them, with numbers that the test chooses."""

import json

from experiments import TABLES
from reproduction.results import select_rows
from reproduction.runs import experiments_of, make_plan

TINY = (
    "--image_size=32", "--depth=8", "--hidden=8", "--gate_embedding=4", "--batch_size=40",
    "--mixed_precision=none", "--verbose=0",
)  # fmt: skip


def pose_metrics(position, orientation):
    def errors(metres, degrees):
        return {
            "median_position_m": metres, "median_orientation_deg": degrees,
            "mean_position_m": 2 * metres, "mean_orientation_deg": 2 * degrees,
            "recall": {"0.1m_5deg": 0.25}, "images": 4,
        }  # fmt: skip

    baselines = {"retrieval": errors(0.5, 9.0), "mean_pose": errors(2.0, 40.0)}
    return errors(position, orientation) | {"baselines": baselines}


def scene_metrics(accuracy):
    per_class = {"office": {"accuracy": accuracy / 2}}
    one = {"accuracy": accuracy, "mean_class_accuracy": accuracy, "per_class": per_class}
    return one | {"baselines": {"retrieval": one, "majority_class": one}}


def pretend(run, metrics=None, svm_metrics=None):
    """Writes what a finished run leaves; without metrics, one that is not evaluated."""
    (run.path / "checkpoints").mkdir(parents=True)
    versions = {"versions": {"python": "3.11"}, "git_revision": "abc"}
    (run.path / "config.json").write_text(json.dumps(run.config | versions))
    (run.path / "finished.json").write_text("{}")
    run.folder.weights("best").touch()
    run.folder.history.write_text("epoch,seconds\n0,90\n1,30\n")
    (run.path / "test").mkdir()
    for name, content in (("metrics.json", metrics), ("svm.json", svm_metrics)):
        if content:
            write_results(run, content, name)


def write_results(run, content, name="metrics.json"):
    """Writes what evaluation of the run's weights leaves."""
    content = content | {"weights_sha256": run.folder.digest()}
    (run.path / "test" / name).write_text(json.dumps(content))


def plan_of(name, recipe, seeds=1, scenes=None):
    rows = select_rows(TABLES[name], scenes)
    return rows, make_plan(experiments_of(TABLES[name], rows), seeds, recipe)
