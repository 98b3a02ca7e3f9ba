"""Averages, improvements and spread: what tables derive from other numbers, here always computed.

A value is a tuple: (position in metres, orientation in degrees), or (accuracy in percent,).
"""

from collections.abc import Sequence

import numpy as np

Value = tuple[float, ...]


def average(values: Sequence[Value]) -> Value:
    """The mean of several values, measure by measure."""
    return tuple(float(mean) for mean in np.mean(values, axis=0))


def spread(values: Sequence[Value]) -> Value | None:
    """The standard deviation (n - 1) over seeds, measure by measure; None of a single value."""
    if len(values) < 2:
        return None
    return tuple(float(deviation) for deviation in np.std(values, axis=0, ddof=1))


def improvement(ours: Value, theirs: Value) -> Value:
    """How much better `ours` is: errors in percent of `theirs`, an accuracy in points."""
    if len(ours) == 1:
        return (ours[0] - theirs[0],)
    return tuple(
        100 * (before - now) / before if before else float("nan")
        for now, before in zip(ours, theirs, strict=True)
    )


def differs(printed: float, computed: float, tolerance: float) -> bool:
    """Whether a printed number does not follow from the others, rounded or cut off."""
    return abs(printed - computed) > tolerance + 1e-9
