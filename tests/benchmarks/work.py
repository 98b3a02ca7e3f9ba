"""Work that takes a known time, for the tests of the rounds."""

import time

from benchmarks.settings import Settings, Work


def sleep(settings: Settings, seconds: float) -> Work:
    """As many images as a batch has, after some seconds."""
    print("this is no answer")
    return Work(lambda: time.sleep(seconds), settings.batch)


def fail(settings: Settings) -> Work:
    """No work at all."""
    raise ValueError("no such thing here")


def tire(settings: Settings) -> Work:
    """Work that can be done a few times only."""
    times = iter(range(2))

    def work() -> None:
        if next(times, None) is None:
            raise MemoryError("no more of it")

    return Work(work, settings.batch)
