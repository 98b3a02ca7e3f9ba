"""Whether the flags of a training can be used, and go together."""

import math

from errors import UserError

LEAST = {
    "steps": 1, "grid": 1, "depth": 3, "hidden": 1, "gate_embedding": 1, "epochs": 1,
    "batch_size": 1, "image_size": 1, "early_stopping": 0, "seed": 0, "reduction": 0,
    "focal_length": 0, "cached_crops": 0, "l2": 0, "auxiliary_weight": 0,
    "step_weight": 0, "layer_auxiliary_weight": 0, "attention_weight": 0, "balance_weight": 0,
    "compute_penalty": 0, "head_learning_rate_scale": 0, "mask_learning_rate_scale": 0,
    "trunk_learning_rate_scale": 0,
    "glimpses": 1, "glimpse_size": 1, "scales": 1, "location_hidden": 0, "samples": 1, "games": 1,
    "baseline_weight": 0, "reinforce_weight": 0, "glimpse_weight": 0,
    "entropy_weight": 0,
}  # fmt: skip
POSITIVE = ("learning_rate", "beta", "temperature_start", "temperature_end", "location_std")
SEEDS = 2**32  # NumPy takes no others
SHARES = ("validation_fraction", "dropout", "quiet_fraction", "settle_fraction")


def check(config: dict) -> None:
    """Refuses a resolved configuration that cannot be trained.

    Raises:
        UserError: A value that cannot be used, or two that do not go together.
    """
    for name, minimum in LEAST.items():
        if config[name] is not None and not minimum <= config[name] < math.inf:
            raise UserError(
                f"--{name}={config[name]} must be at least {minimum}, and finite"
                if isinstance(config[name], float)
                else f"--{name}={config[name]} is too small: it must be at least {minimum}"
            )
    if config["seed"] >= SEEDS:
        raise UserError(f"--seed={config['seed']} is too large: it must be less than {SEEDS}")
    for name in POSITIVE:
        if config[name] is not None and not 0 < config[name] < math.inf:
            raise UserError(f"--{name}={config[name]} must be greater than 0, and finite")
    for name in SHARES:
        if not 0 <= config[name] < 1:
            raise UserError(f"--{name}={config[name]} must be at least 0 and less than 1")
    if not 0 <= config["soft_fraction"] <= 1:
        raise UserError(f"--soft_fraction={config['soft_fraction']} must lie between 0 and 1")
    _check_model(config)
    if config["task"] in ("pose", "scene"):
        _check_trunk(config)
        _check_attention(config)
    else:
        _check_glimpses(config)


def _check_model(config: dict) -> None:
    # Imported here: Keras takes seconds, and a misspelt flag should be told at once.
    from models.networks import NETWORKS

    _check_choices(config, {"model": NETWORKS})
    fitting = [name for name, network in NETWORKS.items() if config["task"] in network.tasks]
    if config["model"] not in fitting:
        raise UserError(
            f"--model={config['model']} is not for --dataset={config['dataset']}: "
            f"choose {', '.join(fitting)}"
        )


def _check_trunk(config: dict) -> None:
    from models.googlenet import TAPS, check_taps
    from models.networks import ATTENTION_NETWORKS

    size = config["image_size"]
    if size < 32:
        raise UserError(f"--image_size={size} is too small: it must be at least 32")
    if size % 32:
        raise UserError(f"--image_size={size} must be a multiple of 32")
    try:
        check_taps(config["layers"])
    except ValueError as error:
        raise UserError(f"--layers={','.join(config['layers'])}: {error}") from error
    tapped = config["layers"] if config["model"] in ATTENTION_NETWORKS else TAPS
    trunk = TAPS[: max(TAPS.index(tap) for tap in tapped) + 1]
    if config["freeze"] is not None and config["freeze"] not in trunk:
        raise UserError(
            f"--freeze={config['freeze']} is no block of this trunk: {', '.join(trunk)}"
        )
    if config["freeze"] and not config["pretrained"]:
        raise UserError(f"--freeze={config['freeze']} would keep random weights: add --pretrained")


def _check_attention(config: dict) -> None:
    from models.spatial_attention import ACTIVATIONS, FORMS
    from tasks.pose import POSE_LOSSES

    _check_choices(
        config, {"attention": FORMS, "activation": ACTIVATIONS, "pose_loss": POSE_LOSSES}
    )
    if config["mirror"] and config["task"] == "pose":
        raise UserError("--mirror is for scenes: a mirrored image has another pose")
    if config["model"] == "spatial_attention" and len(config["layers"]) > 1:
        raise UserError("--model=spatial_attention looks at one layer: name it, as --layers=5b")
    if config["compute_penalty"] and config["model"] not in ("joint_attention", "layer_attention"):
        raise UserError(
            f"--compute_penalty={config['compute_penalty']} is for networks that choose layers, "
            f"not for --model={config['model']}"
        )
    kernels = config["lstm_kernels"]
    if not kernels or not all(size.isdecimal() and int(size) % 2 for size in kernels):
        raise UserError(f"--lstm_kernels={','.join(kernels)} must be odd numbers, as 1,3,5,7")
    if config["grid"] > config["image_size"]:
        raise UserError(
            f"--grid={config['grid']} is too large: images have {config['image_size']} pixels"
        )
    if config["hidden"] % len(kernels):
        raise UserError(
            f"--hidden={config['hidden']} must be a multiple of the {len(kernels)} --lstm_kernels"
        )


def _check_glimpses(config: dict) -> None:
    if config["validation_sequences"] and config["task"] == "game":
        raise UserError("--validation_sequences: games have none, those to validate on are drawn")
    from data.catch import SIDE
    from models.glimpse_network import FUSIONS
    from models.location_network import ACTIVATIONS
    from models.ram import LOCATIONS
    from models.ram_core import CORES
    from tasks.ram import REWARDS

    choices = {"core": CORES, "fusion": FUSIONS, "location": LOCATIONS, "reward": REWARDS}
    _check_choices(config, choices | {"location_activation": ACTIVATIONS})
    side = SIDE if config["task"] == "game" else config["image_size"]
    if config["glimpse_size"] > side:
        raise UserError(
            f"--glimpse_size={config['glimpse_size']} is too large: images have {side} pixels"
        )
    if 2 ** (config["scales"] - 1) > side:
        raise UserError(
            f"--scales={config['scales']} is too large: a pixel of the widest patch would cover "
            f"more than the image, of {side} pixels"
        )
    units = config["units"]
    if not units or not all(number.isdecimal() and int(number) for number in units):
        raise UserError(f"--units={','.join(units)} must be numbers, as 256,256")


def _check_choices(config: dict, choices: dict) -> None:
    for name, allowed in choices.items():
        if config[name] not in allowed:
            raise UserError(f"--{name}={config[name]} is unknown: choose {', '.join(allowed)}")
