"""Reproduces the papers, a table or figure a command: python reproduce.py --table=5.7.

What is missing is trained and evaluated, a run at a time; what is there is used. Broken off, the
same command goes on; started twice, the two share the runs out. `--list` shows all there is.
"""

import shlex
import signal
import sys
from functools import partial

from absl import flags as absl_flags

import flags
from errors import UserError, import_tensorflow, run_script
from experiments import FIGURES, PAPERS, TABLES
from files import user_path
from reproduction.recipe import Recipe, define_flags, train_flag_names

COMMAND = shlex.join(["python", "reproduce.py", *sys.argv[1:]])

absl_flags.DEFINE_list("table", [], f"Tables: {', '.join(TABLES)}.")
absl_flags.DEFINE_list("paper", [], f"All tables of a paper: {', '.join(PAPERS)}.")
absl_flags.DEFINE_list("figure", [], f"Figures: {', '.join(FIGURES)}.")
absl_flags.DEFINE_bool("list", False, "Show every table and figure, its data and its runs.")
absl_flags.DEFINE_bool("dry_run", False, "Print the commands, run nothing.")
absl_flags.DEFINE_bool("train", True, "--notrain makes the tables of the runs that are done.")
absl_flags.DEFINE_list("scenes", [], "Only the rows of these scenes, as redkitchen,OldHospital.")
absl_flags.DEFINE_multi_string(
    "columns", [], "Run only the columns of the tables whose title has these words, as "
    '--columns="8 glimpses"; may be given again. What of the others is there is shown.',
)  # fmt: skip
absl_flags.DEFINE_integer("seeds", 1, "Number of seeds, from 0 on.")
absl_flags.DEFINE_string("runs_dir", "runs/reproduce", "Folder of the runs, shared by all tables.")
absl_flags.DEFINE_string(
    "output", None, "Folder of the tables and pictures; default tables/ in --runs_dir."
)
absl_flags.DEFINE_string(
    "train_flags", "", 'Flags of train.py for all runs: "--image_size=96 --learning_rate=2e-4".'
)
define_flags()
absl_flags.declare_key_flag("data_dir")
absl_flags.declare_key_flag("epochs")


def main(arguments: list[str]) -> None:
    """Lists, shows or runs what the flags name."""
    values = absl_flags.FLAGS
    flags.reject_positional(arguments)
    _check(values)
    import_tensorflow()
    epochs = values.epochs if values["epochs"].present else None
    recipe = Recipe.parse(values.train_flags, epochs, values.data_dir, values.runs_dir)
    from reproduction import listing
    from reproduction.request import Request, lookup

    wanted = values.table + [name for paper in values.paper for name in PAPERS[paper]]
    if values.list:
        every = not (wanted or values.figure)
        tables = [lookup("table", name) for name in (TABLES if every else wanted)]
        figures = [lookup("figure", name) for name in (FIGURES if every else values.figure)]
        print("\n".join(listing.listing(tables, figures, values.seeds, recipe)))
        return
    request = Request.make(
        wanted, values.figure, values.scenes, values.seeds, recipe, values.columns, values.train
    )
    if values.dry_run:
        print("\n".join(listing.dry_run(request)))
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if values.train:
        request.require_runnable()
    output = user_path(values.output or f"{values.runs_dir}/tables")
    write = partial(request.write, COMMAND, output)
    text = write()  # tells now, not after hours, if it cannot be
    failed = request.run(write) if values.train else {}
    print("\n" + (write() if values.train else text))
    if failed:
        print(
            f"{len(failed)} of {len(request.plan)} runs failed, as told above; the same command "
            "tries them again",
            file=sys.stderr,
        )
        sys.exit(1)


def _check(values: absl_flags.FlagValues) -> None:
    if unknown := [name for name in values.paper if name not in PAPERS]:
        raise UserError(f"--paper={unknown[0]} is unknown: choose {', '.join(PAPERS)}")
    if values.seeds < 1:
        raise UserError(f"--seeds={values.seeds} must be at least 1: it is the number of seeds")
    for name in ("scenes", "columns", "dry_run", "train", "output"):
        if values.list and values[name].present:
            raise UserError(f"--list takes no notice of --{name}: leave one of them out")
    for name in sorted(train_flag_names() - {"data_dir", "epochs"}):
        if values[name].present:
            raise UserError(
                f'--{name} is a flag of train.py: give it as --train_flags="--{name}=...", '
                "unless the table sets it"
            )


if __name__ == "__main__":
    run_script(main, f"stopped; this goes on from here: {COMMAND}")
