"""One case in a process of its own: python -m benchmarks.worker CASE SETTINGS.

It prepares the case, writes `ready`, and for every line that it reads does a round of calls and
writes how much it did in a second. It ends with its input.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable

from benchmarks.cases import Case
from benchmarks.settings import Settings, Work

WARM_UP = 2  # calls before the first round: tracing, allocations


def prepare(case: Case, settings: Settings) -> Work:
    """Makes the work of a case, in this process."""
    module, function = case.work.rsplit(".", 1)
    make: Callable[..., Work] = getattr(importlib.import_module(module), function)
    return make(settings, **case.arguments)


def one_round(work: Work, calls: int) -> float:
    """Amount of work in a second, over some calls."""
    start = time.perf_counter()
    for _ in range(calls):
        work.call()
    return calls * work.amount / (time.perf_counter() - start)


def limit_threads(framework: str, threads: int) -> None:
    """To be called before the framework does anything."""
    if framework == "torch":
        import torch

        torch.set_num_threads(threads)
        return
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def main() -> None:
    """Serves rounds until the input ends."""
    case, settings = Case(**json.loads(sys.argv[1])), Settings(**json.loads(sys.argv[2]))
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    if settings.threads:
        limit_threads(case.framework, settings.threads)
    work = prepare(case, settings)
    one_round(work, WARM_UP)
    print("ready", file=answers)
    for _ in sys.stdin:
        print(one_round(work, case.calls), file=answers)


if __name__ == "__main__":
    main()
