"""What evaluation does for games of Catch; `poses` has the same functions for poses."""

from pathlib import Path

import keras
import numpy as np
from keras import ops

from data.catch import CatchGames
from report.catch_report import write_report

__all__ = ["BATCH", "baselines", "metrics", "table", "write", "write_report"]

BATCH = 250


def metrics(config: dict, tested: CatchGames, outputs: dict[str, np.ndarray]) -> dict:
    """What metrics.json says about the player: the share of the balls that it caught."""
    return {"caught": float(outputs["caught"].mean()), "games": len(tested)}


def baselines(
    config: dict,
    network: keras.Model,
    tested: CatchGames,
    reference: CatchGames,
    outputs: dict[str, np.ndarray],
) -> dict[str, dict]:
    """What metrics.json says about a paddle that is never moved, in the same games."""
    states = outputs["states"][:, -1].copy()
    states[:, 3] = outputs["states"][:, 0, 3]
    caught = ops.convert_to_numpy(network.game.caught(ops.convert_to_tensor(states)))
    return {"standing_still": {"caught": float(caught.mean()), "games": len(tested)}}


def write(folder: Path, config: dict, tested: CatchGames, outputs: dict[str, np.ndarray]) -> None:
    """Writes games.npz: every step of every game."""
    names = ("states", "locations", "actions", "caught")
    np.savez_compressed(
        folder / "games.npz",
        **{name: outputs[name] for name in names},
        glimpse_size=config["glimpse_size"],
        scales=config["scales"],
    )


def table(predictors: dict[str, dict]) -> list[str]:
    """Lines that compare the metrics of predictors, by name."""
    return [f"{'':<18}{'caught':>10}"] + [
        f"{name:<18}{row['caught']:>10.1%}" for name, row in predictors.items()
    ]
