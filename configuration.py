"""From the flags as given to the configuration of a run, and from that to a network's arguments."""

import itertools

from errors import UserError
from files import absolute_path, user_path
from flags import FLAGS

DEFAULT_SCENES = {
    "synthetic": "room", "tum_lsi": "tum_lsi", "mit67": "mit67", "scenes15": "scenes15",
}  # fmt: skip
DEFAULT_STEPS = {"pose": 3, "scene": 2}  # the best of tables 5.2 and 5.3
DEFAULT_STEP_WEIGHTS = {"pose": 1.0, "scene": 0.3}

# What a flag that is not given is for the data of the recurrent attention model. Glimpses and
# their sizes are those of its tables (Mnih et al. 2014, tables 1 and 2).
_DIGITS = {
    "model": "ram", "core": "relu", "batch_size": 128, "learning_rate": 1e-3, "l2": 0.0,
    "epochs": 200, "location_activation": "linear",
}  # fmt: skip
# On large images where to look is harder to learn than what is seen: how this is taught differs
# from the paper.
_FAR = {
    "glimpses": 8, "glimpse_size": 12, "scales": 3, "batch_size": 512, "reward": "probability",
    "glimpse_weight": 1.0, "reinforce_core": True, "reinforce_weight": 0.2, "location_hidden": 128,
}  # fmt: skip
RAM_DEFAULTS = {
    "mnist": _DIGITS | {"glimpses": 6, "glimpse_size": 8, "scales": 1},
    "mnist_translated_60": _DIGITS | _FAR,
    "mnist_cluttered_60": _DIGITS | _FAR,
    "mnist_translated_100": _DIGITS | _FAR | {"scales": 4},
    "mnist_cluttered_100": _DIGITS | _FAR | {"scales": 4},
    "catch": _DIGITS | {
        "model": "catch_player", "core": "lstm", "glimpse_size": 6, "scales": 3,
        "location_activation": "tanh", "epochs": 20, "batch_size": 64,
    },
}  # fmt: skip

# Weight of the quaternion's distance (thesis, 5.1). Cambridge's values are the PoseNet authors';
# for 7-Scenes the thesis gives the range 120-750 and no value per scene: its lower end.
DEFAULT_BETAS = {
    ("cambridge", "KingsCollege"): 500.0,
    ("cambridge", "OldHospital"): 1500.0,
    ("cambridge", "ShopFacade"): 100.0,
    ("cambridge", "StMarysChurch"): 250.0,
    ("cambridge", "GreatCourt"): 500.0,
    ("cambridge", "Street"): 500.0,
    ("tum_lsi", "tum_lsi"): 1000.0,
    ("synthetic", "room"): 10.0,  # where both errors of a small room weigh about the same
}
SEVEN_SCENES_BETA = 120.0

# Who has a use for a flag: a run's configuration has only those that count for its network.
PHOTOGRAPHS = (
    "skip_bad", "dropout", "pretrained", "freeze", "mirror", "trunk_learning_rate_scale",
    "head_learning_rate_scale", "auxiliary_weight",
)  # fmt: skip
POSES = ("focal_length", "pose_loss", "beta")
ATTENTION = (
    "steps", "layers", "grid", "depth", "hidden", "lstm_kernels", "reduction", "cached_crops",
    "step_weight", "layer_auxiliary_weight",
)  # fmt: skip
MAPS = ("attention", "activation", "mask_learning_rate_scale", "attention_weight")
GATES = (
    "gate_embedding", "balance_weight", "compute_penalty", "temperature_start", "temperature_end",
    "soft_fraction", "quiet_fraction", "settle_fraction",
)  # fmt: skip
SENSORS = ("glimpse_size", "scales", "core", "fusion")
LOCATIONS = (
    "location_std", "location_activation", "location_hidden", "baseline_weight", "reinforce_weight",
)  # fmt: skip
GLIMPSES = ("glimpses", "location", "samples", "glimpse_weight")
REWARDS = ("reinforce_core", "reward")
UNITS = ("units",)
GAMES = ("entropy_weight", "games")
IMAGES = ("image_size", "l2")
# What flags are that change nothing, or what was so before there was the flag: a configuration
# does not have them then.
OFF = {
    "step_weight": 0.3, "layer_auxiliary_weight": None, "cached_crops": 0, "compute_penalty": 0.0,
    "settle_fraction": 0.0, "glimpse_weight": 0.0, "reinforce_core": False, "reward": "right",
    "posenet_run": None,
}  # fmt: skip


def resolve() -> dict:
    """Returns every flag's value, defaults that depend on others filled in, ready for JSON.

    Raises:
        UserError: A value that cannot be used, or two that do not go together.
    """
    config = {flag.name: flag.value for flag in FLAGS.flags_by_module_dict()["flags"]}
    from data.catalog import focal_length, require_dataset
    from flag_checks import check

    dataset = require_dataset(config["dataset"])
    config["task"] = dataset.task
    _take_defaults_of(config, dataset.image_size)
    if config["scene"] is None:
        raise UserError(f"--scene is missing: name the scene of {config['dataset']} to use")
    if config["beta"] is None:
        scene = (config["dataset"], config["scene"])
        config["beta"] = DEFAULT_BETAS.get(scene, SEVEN_SCENES_BETA)
    if config["step_weight"] is None:
        config["step_weight"] = DEFAULT_STEP_WEIGHTS.get(config["task"])
    if config["steps"] is None:
        config["steps"] = DEFAULT_STEPS.get(config["task"])
    if config["focal_length"] is None:
        config["focal_length"] = focal_length(
            config["dataset"], config["scene"], config["data_dir"]
        )
    if config["mixed_precision"] == "auto" and config["task"] not in ("pose", "scene"):
        config["mixed_precision"] = "none"
    if config["mirror"] is None:
        config["mirror"] = config["task"] == "scene"
    if config["pretrained"]:
        from weights.store import resolve as find_weights

        config["pretrained"] = absolute_path(find_weights(config["pretrained"]))
    if config["validation_sequences"]:  # a set, whose order is that of the run's record
        config["validation_sequences"] = sorted(set(config["validation_sequences"]))
    if config["grid"] is None:
        config["grid"] = max(1, config["image_size"] // 32)
    run_dir = config["run_dir"] or "runs/{dataset}-{scene}-{model}".format(**config)
    config["run_dir"] = str(user_path(run_dir))
    if config["data_dir"]:  # where eval.py looks, from whatever folder it is called
        config["data_dir"] = absolute_path(config["data_dir"])
    if config["posenet_run"]:
        config["posenet_run"] = absolute_path(config["posenet_run"])
    check(config)
    others = {
        "digit": (PHOTOGRAPHS, POSES, ATTENTION, MAPS, GATES, GAMES),
        "game": (PHOTOGRAPHS, POSES, ATTENTION, MAPS, GATES, GLIMPSES, REWARDS, UNITS, IMAGES),
    }
    photographs = (SENSORS, LOCATIONS, GLIMPSES, REWARDS, UNITS, GAMES)
    for name in itertools.chain(*others.get(config["task"], photographs)):
        if FLAGS[name].present:
            raise UserError(
                f"--{name} means nothing for --dataset={config['dataset']}: leave it out"
            )
    for name in _without_effect(config):
        config.pop(name, None)
    for name in {"lstm_kernels", "units"} & config.keys():
        config[name] = [int(value) for value in config[name]]
    return config


def unused_flags(config: dict) -> list[str]:
    """Flags that were given, but change nothing in this run."""
    given = [flag for flag in FLAGS.flags_by_module_dict()["flags"] if flag.present]
    unused = [
        flag.name for flag in given
        if flag.name not in config and flag.value != OFF.get(flag.name, flag.default)
    ]  # fmt: skip
    made = config["dataset"] in ("synthetic", "catch")
    return unused + (["data_dir"] if made and config["data_dir"] else [])


def _without_effect(config: dict) -> list[str]:
    """Flags that change nothing in this run: it is the same run whatever they say."""
    from models.networks import ATTENTION_NETWORKS

    model, task = config["model"], config["task"]
    attention = model in ATTENTION_NETWORKS
    chooses_places = model == "catch_player" or (model == "ram" and config["location"] != "random")
    uses = {
        PHOTOGRAPHS: task in ("pose", "scene"),
        POSES: task == "pose",
        ATTENTION: attention,
        MAPS: attention and model != "layer_attention",
        GATES: attention and model != "spatial_attention",
        SENSORS: model in ("ram", "catch_player"),
        LOCATIONS: chooses_places,
        GLIMPSES: model == "ram",
        REWARDS: model == "ram" and chooses_places,
        UNITS: model == "fully_connected",
        GAMES: task == "game",
        ("posenet_run",): model == "bayesian_posenet",
        IMAGES: task != "game",
        ("cached_crops",): attention and _trunk_is_frozen(config),
        ("step_weight",): attention and config["steps"] > 1,
        ("validation_sequences",): config["validation_sequences"],
        ("validation_fraction",): not config["validation_sequences"],
    }
    unused = [name for names, used in uses.items() if not used for name in names]
    return unused + [name for name, value in OFF.items() if config[name] == value]


def _trunk_is_frozen(config: dict) -> bool:
    """Whether nothing is trained of the trunk that an attention network has."""
    from models.googlenet import TAPS

    return config["freeze"] == max(config["layers"], key=TAPS.index)


def _take_defaults_of(config: dict, image_size: int | None) -> None:
    """Fills in what depends on the data set alone, wherever a flag is not given."""
    dataset = config["dataset"]
    for name, value in RAM_DEFAULTS.get(dataset, {}).items():
        if not FLAGS[name].present:
            config[name] = value
    own = dataset if dataset in RAM_DEFAULTS else None
    config["scene"] = config["scene"] or DEFAULT_SCENES.get(dataset, own)
    if own and config["scene"] != own:
        raise UserError(
            f"--scene={config['scene']} means nothing for --dataset={own}: leave it out"
        )
    if image_size is None:
        return
    if FLAGS["image_size"].present and config["image_size"] != image_size:
        raise UserError(
            f"--image_size={config['image_size']}: images of {dataset} have {image_size}"
        )
    config["image_size"] = image_size


def network_arguments(config: dict) -> dict:
    """The network's constructor arguments in a resolved configuration (without data's own)."""
    from models.networks import ATTENTION_NETWORKS

    if config["task"] in ("digit", "game"):
        return _glimpse_arguments(config)
    arguments = {"dropout": config["dropout"], "l2": config["l2"], "seed": config["seed"]}
    if config["model"] in ATTENTION_NETWORKS:
        arguments |= {
            "steps": config["steps"],
            "candidates": config["layers"],
            "grid": config["grid"],
            "depth": config["depth"],
            "hidden": config["hidden"],
            "kernel_sizes": config["lstm_kernels"],
            "reduction": config["reduction"] or None,
        }
        arguments |= _those_in(config, "attention", "activation", "gate_embedding")
    return arguments


def _glimpse_arguments(config: dict) -> dict:
    if config["model"] == "convolutional":
        return {"l2": config["l2"]}
    if config["model"] == "fully_connected":
        return {"l2": config["l2"], "units": config["units"]}
    arguments = _those_in(
        config, "glimpse_size", "scales", "core", "fusion", "location_activation", "seed"
    )
    if "location_std" in config:
        arguments["deviation"] = config["location_std"]
    arguments["location_hidden"] = config.get("location_hidden") or None
    if config["model"] == "ram":
        names = ("glimpses", "location", "samples", "l2", "reinforce_core")
        arguments |= _those_in(config, *names)
    return arguments


def _those_in(config: dict, *names: str) -> dict:
    """The arguments that a configuration has: others have no effect on its network."""
    return {name: config[name] for name in names if name in config}
