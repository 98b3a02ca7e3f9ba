"""Trains a network on a scene: python train.py --dataset=7scenes --scene=redkitchen --steps=3."""

from absl import flags as absl_flags

import flags
from configuration import resolve, unused_flags
from errors import import_tensorflow, run_script

flags.define_data()
flags.define_network()
flags.define_glimpses()
flags.define_training()
absl_flags.adopt_module_key_flags(flags)  # so that --help lists them


def main(arguments: list[str]) -> None:
    """Resolves the flags and trains."""
    flags.reject_positional(arguments)
    import_tensorflow()
    config = resolve()
    if unused := unused_flags(config):
        told = ", ".join(f"--{name}" for name in unused)
        print(f"{told}: no effect with --dataset={config['dataset']} --model={config['model']}")
    from training import train

    train(config)


if __name__ == "__main__":
    run_script(main, "stopped: the same command goes on after the last whole epoch")
