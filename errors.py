"""The one exception that a user's own input can cause, and how a script ends on it."""

import os
import sys
from collections.abc import Callable

from absl import app

# Read when TensorFlow is imported, which every script does after this module. Its log speaks of
# absent GPUs and instruction sets; what concerns the user comes as an exception.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


class UserError(Exception):
    """Input that cannot be used: one sentence that names it and says what to do."""


def run_script(main: Callable[[list[str]], None]) -> None:
    """Runs a script's `main` under absl; a `UserError` becomes one line on stderr and status 2."""

    def guarded(arguments: list[str]) -> None:
        try:
            main(arguments)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)

    app.run(guarded)
