"""Measures side by side, in turns, and writes a table: python -m benchmarks.run.

Cases of a group are processes that wait for each other's rounds; PyTorch's need
`pip install -r requirements-benchmarks.txt` and are left out without it. Nothing else should run.
"""

import importlib.util
import tempfile
from pathlib import Path

from absl import flags

from benchmarks.cases import GROUPS, choose_groups
from benchmarks.document import write_results
from benchmarks.rounds import measure
from benchmarks.settings import Settings
from errors import UserError, run_script
from files import user_path, writing
from flags import reject_positional

flags.DEFINE_list("only", [], f"Groups to measure, of {', '.join(GROUPS)}. Default: all.")
flags.DEFINE_integer("rounds", 5, "Of each group.", lower_bound=1)
flags.DEFINE_integer("image_size", 224, "Side of the images, pixels, a multiple of 32.")
flags.DEFINE_integer("batch_size", 40, "Images of a training step.", lower_bound=1)
flags.DEFINE_integer("steps", 3, "Attention steps, T.", lower_bound=1)
flags.DEFINE_integer("grid", None, "Side of the layers' common grid; default image_size / 32.")
flags.DEFINE_integer("threads", None, "Of each framework; default as many as it takes.")
flags.DEFINE_string("run_dir", None, "A run of joint_attention, for the group depth.")
flags.DEFINE_string("output", "runs/benchmarks", "Folder for benchmarks.csv and benchmarks.md.")


def main(arguments: list[str]) -> None:
    """Measures the groups one after the other, and writes what there is after each."""
    reject_positional(arguments)
    values = flags.FLAGS
    settings = Settings(
        values.image_size, values.batch_size, values.steps, values.grid, values.threads,
        values.run_dir,
    )  # fmt: skip
    if values.run_dir and not (user_path(values.run_dir) / "config.json").is_file():
        raise UserError(f"--run_dir={values.run_dir} holds no run")
    output = user_path(values.output)
    with writing(f"--output={output}"):
        output.mkdir(parents=True, exist_ok=True)
    measured = []
    groups = choose_groups(values.only, values.run_dir)
    if not importlib.util.find_spec("torch"):
        print("PyTorch is not installed: its cases are left out (requirements-benchmarks.txt)")
        groups = [group.without("torch") for group in groups]
    for group in groups:
        print(f"{group.name}:", flush=True)
        with tempfile.TemporaryDirectory() as logs:
            measured.append((group, *measure(group, settings, values.rounds, Path(logs))))
        path = write_results(output, settings, measured)
    print(path.read_text())


if __name__ == "__main__":
    run_script(main)
