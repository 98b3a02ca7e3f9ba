"""The scripts as a user calls them, on tiny images."""

import csv
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TINY = [
    "--image_size=64", "--grid=2", "--depth=8", "--hidden=8", "--gate_embedding=4",
    "--batch_size=4", "--mixed_precision=none", "--verbose=0",
]  # fmt: skip
# The trunk goes no deeper than the deepest layer: what does not depend on it is tried without.
SHALLOW = "--layers=3a,3b"


def command(script, data, run_dir, *flags):
    base = [sys.executable, script, f"--run_dir={run_dir}"]
    if script == "train.py":
        base += ["--dataset=7scenes", "--scene=chess", f"--data_dir={data}", *TINY]
    return [*base, *flags]


def run(script, environment, data, run_dir, *flags):
    return finished(command(script, data, run_dir, *flags), environment)


def script(*words):
    """A script with its arguments, as a user calls it from the project's root."""
    return finished([sys.executable, *words])


def finished(words, environment=None):
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)


def history(run_dir):
    """Rows of the history without the wall time."""
    with (run_dir / "history.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
