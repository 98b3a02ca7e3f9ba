"""Rounds in turn: every case of a group once, then again, so that all see the same minutes."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks.cases import Case, Group, Ratio
from benchmarks.settings import Settings

ROOT = Path(__file__).parents[1]


class Worker:
    """A case's process, see `benchmarks.worker`.

    Raises:
        RuntimeError: It ended before it was ready, or in a round.
    """

    def __init__(self, case: Case, settings: Settings, log: Path):
        self.case, self.log = case, log
        arguments = [json.dumps(dataclasses.asdict(value)) for value in (case, settings)]
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.worker", *arguments],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT,
                env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
            )  # fmt: skip
        try:
            self._answer()
        except RuntimeError:
            self.close()
            raise

    def rate(self) -> float:
        """Of one more round: units a second."""
        with contextlib.suppress(BrokenPipeError):  # of a process that has ended: it has no answer
            print(file=self.process.stdin, flush=True)
        return float(self._answer())

    def _answer(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            last = [text for text in self.log.read_text().splitlines() if text.strip()][-1:]
            raise RuntimeError(f"{self.case.name} ended: {''.join(last) or 'without a word'}")
        return line

    def close(self) -> None:
        """Ends the process."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def measure(
    group: Group, settings: Settings, rounds: int, logs: Path
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Units a second of every case in every round, by name; and why cases could not be measured.

    Cases are called in one order in every other round and backwards in the rest.
    """
    workers, failures = [], {}
    rates: dict[str, list[float]] = {}
    try:
        for number, case in enumerate(group.cases):
            print(f"  {case.name}: preparing", flush=True)
            try:
                workers.append(Worker(case, settings, logs / f"{number:02d}.log"))
            except RuntimeError as error:
                failures[case.name] = str(error)
        for turn in range(rounds):
            for worker in workers[:: -1 if turn % 2 else 1]:
                name = worker.case.name
                try:
                    rates.setdefault(name, []).append(worker.rate())
                except RuntimeError as error:
                    failures[name] = str(error)
            for worker in [worker for worker in workers if worker.case.name in failures]:
                workers.remove(worker)
                worker.close()
                del rates[worker.case.name]
            print(f"  round {turn + 1} of {rounds}", flush=True)
    finally:
        for worker in workers:
            worker.close()
    return {case.name: rates[case.name] for case in group.cases if case.name in rates}, failures


def ratio(wanted: Ratio, rates: dict[str, list[float]]) -> tuple[float, str] | None:
    """The median over rounds of fast / slow, and the name of the slow case: the one whose median
    is the highest. None if none was measured."""
    slow = [name for name in wanted.slow if name in rates]
    if not slow or wanted.fast not in rates:
        return None
    best = max(slow, key=lambda name: median(rates[name]))
    pairs = zip(rates[wanted.fast], rates[best], strict=True)
    return median(fast / other for fast, other in pairs), best
