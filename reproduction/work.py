"""Runs what is missing, each command in a process of its own: memory is freed, and a kill is safe.

Every run has a lock that its process holds for as long as it lives, even if the one that started
it is killed: two commands, or a second start, never train in one folder at the same time. Several
commands that need the same runs share them out: each takes those that no other is at.
"""

import fcntl
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from errors import UserError
from reproduction.runs import Run, command_line

ROOT = Path(__file__).parents[1]
LONGEST = 400  # characters of a sentence in a table


def work(
    runs: Sequence[Run], after_each: Callable[[dict[Run, str]], None] = lambda problems: None
) -> dict[Run, str]:
    """Trains and evaluates what of `runs` is missing; returns what went wrong, by run.

    As long as no run of a scene has got to a configuration, its data have not been prepared: if
    the first fails the others are not tried.

    Args:
        runs: In the order in which they are tried; those that another process is at come last, and
            Bayesian PoseNet after the PoseNet whose weights it takes.
        after_each: Called after each run with what has gone wrong so far.
    """
    problems: dict[Run, str] = {}
    hopeless: dict[tuple[str, str], str] = {}
    queue = deque(run for run in runs if run.missing())
    total, begun, skipped = len(queue), time.monotonic(), 0
    while queue:
        run = queue.popleft()
        if run.posenet in queue:  # it needs no training of its own then
            queue.append(run)
            skipped += 1
            continue
        with locked(run, wait=skipped > len(queue)) as lock:
            if lock is None:
                queue.append(run)
                skipped += 1
                continue
            skipped = 0
            print(f"\nrun {total - len(queue)} of {total}: {run.path.name}", flush=True)
            scene = (run.experiment.place.dataset, run.experiment.place.scene)
            if run.posenet in problems:
                problem = f"not tried: PoseNet failed: {problems[run.posenet]}"
            else:
                problem = hopeless.get(scene) or _complete(run, lock)
        if problem:
            print(f"{run.path.name} failed: {problem}", flush=True)
            problems[run] = problem
            if not any(_begun(other) for other in runs if _same_scene(other, run)):
                hopeless.setdefault(scene, f"not tried: {problem}")
        after_each(problems)
        if queue:
            pace = (time.monotonic() - begun) / (total - len(queue))
            runs_left = "1 more run" if len(queue) == 1 else f"{len(queue)} more runs"
            print(f"{runs_left}, about {_duration(pace * len(queue))}", flush=True)
    return problems


def _begun(run: Run) -> bool:
    return (run.path / "config.json").exists()


def _same_scene(run: Run, other: Run) -> bool:
    return run.experiment.place == other.experiment.place


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _complete(run: Run, lock: TextIO) -> str | None:
    """Runs the commands of a run that are missing; returns the sentence of the one that fails."""
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
def locked(run: Run, wait: bool = True) -> Iterator[TextIO | None]:
    """Holds the lock of a run; if another process has it, waits for it, or yields None.

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
            if not wait:
                yield None
                return
            print(f"another process is at work on {run.path.name}: waiting", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
