"""The one exception that a user's own input can cause, and how a script ends on it."""

import os
import re
import sys
from collections.abc import Callable
from typing import NoReturn

from absl import app, flags

# TensorFlow reads these when it is imported. Its log speaks of absent GPUs and instruction sets;
# what concerns the user comes as an exception. oneDNN is not the default on every processor, and
# without it the gradient of max pooling takes six times as long.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


class UserError(Exception):
    """Input that cannot be used: one sentence that names it and says what to do."""


def run_script(main: Callable[[list[str]], None], stopped: str = "stopped") -> None:
    """Runs a script's `main`; bad flags and a `UserError` become one line and status 2.

    An interruption by the keyboard becomes the line `stopped` and status 130.
    """

    def parse(arguments: list[str]) -> list[str]:
        try:
            return flags.FLAGS(arguments)
        except SystemExit:  # the help was asked for: absl ends with 1 after it
            sys.exit()
        except flags.Error as error:
            sentence = " ".join(str(error).split())
            missing = re.search(r"Flag (--\w+) must have a value other than None", sentence)
            _end(f"{missing[1]} is missing: give {missing[1]}=..." if missing else sentence)

    def guarded(arguments: list[str]) -> None:
        try:
            main(arguments)
        except UserError as error:
            _end(str(error))
        except KeyboardInterrupt:
            print(f"\n{stopped}", file=sys.stderr)
            sys.exit(130)
        except BrokenPipeError:  # who reads the output, such as `head`, has had enough
            close_stdout()
            sys.exit(1)

    app.run(guarded, flags_parser=parse)


def close_stdout() -> None:
    """Drops what is not yet printed and all that will be: nothing of it can be."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def import_tensorflow() -> None:
    """Imports TensorFlow without the lines that it writes before it reads its log level.

    A script calls it after what it can check without: the import takes seconds.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import tensorflow  # noqa: F401
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _end(sentence: str) -> NoReturn:
    print(f"error: {sentence}", file=sys.stderr)
    sys.exit(2)
