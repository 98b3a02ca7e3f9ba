"""Trains a network on a scene: python train.py --dataset=7scenes --scene=redkitchen --steps=3."""

import flags
from errors import run_script

flags.define_data()
flags.define_network()
flags.define_training()


def main(arguments: list[str]) -> None:
    """Resolves the flags and trains."""
    flags.reject_positional(arguments)
    config = flags.resolve()
    from training import train  # TensorFlow takes seconds; a wrong flag should not

    train(config)


if __name__ == "__main__":
    run_script(main)
