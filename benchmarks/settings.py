"""What all cases have in common."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Of a run of the benchmarks.

    Attributes:
        side: Of the images, pixels.
        batch: Images in a training step.
        steps: Attention steps, T.
        grid: Side of the layers' common grid; None for train.py's default.
        threads: Of each framework; None for as many as it takes.
        run_dir: A trained run that the group `depth` needs.
    """

    side: int = 224
    batch: int = 40
    steps: int = 3
    grid: int | None = None
    threads: int | None = None
    run_dir: str | None = None


@dataclass(frozen=True)
class Work:
    """Something to be timed.

    Attributes:
        call: Does it once, to its end.
        amount: How much of it a call does: images, or 10^9 floating point operations.
    """

    call: Callable[[], object]
    amount: float
