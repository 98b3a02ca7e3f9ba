"""Runs what is missing, each command in a process of its own: memory is freed, and a kill is safe.

Every run has a lock that its process holds for as long as it lives, even if the one that started
it is killed: two commands, or a second start, never train in one folder at the same time.
"""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from errors import UserError
from reproduction.runs import Run, command_line

ROOT = Path(__file__).parents[1]
LONGEST = 400  # characters of a sentence in a table


def work(runs: Sequence[Run]) -> dict[Run, str]:
    """Trains and evaluates what of `runs` is missing; returns what went wrong, by run.

    A run whose data cannot be prepared leaves no configuration; the other runs of its scene are
    not tried then.
    """
    problems: dict[Run, str] = {}
    hopeless: dict[tuple[str, str], str] = {}
    pending = [run for run in runs if run.missing()]
    for number, run in enumerate(pending, start=1):
        print(f"\nrun {number} of {len(pending)}: {run.path.name}", flush=True)
        scene = (run.experiment.place.dataset, run.experiment.place.scene)
        problem = hopeless.get(scene) or _complete(run)
        if problem:
            print(f"{run.path.name} failed: {problem}", flush=True)
            problems[run] = problem
            if not (run.path / "config.json").exists():
                hopeless[scene] = problem
    return problems


def _complete(run: Run) -> str | None:
    """Runs the commands of a run that are missing; returns the sentence of the one that fails."""
    with locked(run) as lock:
        for name in run.missing():  # asked again: another process may have done it in the meantime
            words = run.commands()[name]
            print(command_line(words), flush=True)
            if problem := execute(words, lock):
                return problem
    return None


def execute(words: list[str], lock: TextIO | None = None) -> str | None:
    """Runs a command, its output streamed; returns why it failed, in one sentence, or None."""
    script = [str(ROOT / words[0])] if words[0].endswith(".py") else [words[0]]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, *script, *words[1:]],
        stderr=subprocess.PIPE, text=True, errors="replace",
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        pass_fds=(lock.fileno(),) if lock else (),
    )  # fmt: skip
    last = ""
    try:
        for line in process.stderr:
            sys.stderr.write(line)
            last = line.strip() or last
        status = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        process.stderr.close()
    if status == 0:
        return None
    if status < 0:
        return f"killed by signal {-status}"
    return last.removeprefix("error: ")[:LONGEST] or f"{words[0]} ended with status {status}"


@contextmanager
def locked(run: Run) -> Iterator[TextIO]:
    """Holds the lock of a run; waits for it if another process has it.

    Yields its file, which a process that is started inherits and by which it holds the lock.
    """
    folder = run.path.parent / ".locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / run.path.name).open("w")
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"--runs_dir={run.path.parent} cannot be written: {reason}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another process is at work on it: waiting", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
