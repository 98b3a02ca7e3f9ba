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
