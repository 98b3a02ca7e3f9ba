"""Every flag, once: its default, its unit, and where in the thesis it comes from."""

import os

from absl import flags

from errors import UserError

FLAGS = flags.FLAGS
PRECISIONS = ("none", "bfloat16", "float16")
SCHEDULES = ("constant", "cosine")
DEFAULT_SCENES = {
    "synthetic": "room", "tum_lsi": "tum_lsi", "mit67": "mit67", "scenes15": "scenes15",
}  # fmt: skip
DEFAULT_STEPS = {"pose": 3, "scene": 2}  # the best of tables 5.2 and 5.3

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

# Flags that say where things are or how to show them; a run may go on under other values.
NOT_IN_CONFIG = ("run_dir", "data_dir", "verbose")


def define_data() -> None:
    """Flags that name images and poses."""
    flags.DEFINE_string(
        "dataset",
        "synthetic",
        "Camera poses: synthetic, 7scenes, cambridge or tum_lsi. Indoor scenes: mit67 or scenes15.",
    )
    flags.DEFINE_string("scene", None, "Scene of the data set, such as redkitchen.")
    flags.DEFINE_string(
        "data_dir",
        None,
        "Root with one folder per data set in its original layout (7scenes/, cambridge/, "
        "tum_lsi/, mit67/, scenes15/); without it, data are downloaded where the licence allows.",
    )
    flags.DEFINE_bool("skip_bad", False, "Count and skip bad frames instead of stopping.")
    flags.DEFINE_integer(
        "image_size", 224, "Side of the crop, pixels, a multiple of 32 (5.1); the short side of "
        "the image before cropping is 256/224 of it.",
    )  # fmt: skip
    flags.DEFINE_float(
        "validation_fraction", 0.1, "Part of the training sequences held out for validation, at "
        "least one sequence; 0 trains on all and keeps the last epoch as the best.",
    )  # fmt: skip


def define_network() -> None:
    """Flags that shape the network."""
    flags.DEFINE_string(
        "model", "joint_attention", "joint_attention; its ablations spatial_attention (with one of "
        "--layers) and layer_attention (5.5); posenet for poses, googlenet for scenes.",
    )  # fmt: skip
    flags.DEFINE_integer(
        "steps", None, "Recurrent attention steps, T; default 3 for poses, 2 for scenes (5.3)."
    )
    flags.DEFINE_list("layers", ["3b", "4e", "5b"], "Layers to choose from (5.5).")
    flags.DEFINE_string(
        "attention", "multi_convolutional", "Form of the spatial attention (5.4): "
        "multi_convolutional, convolutional or fully_connected.",
    )  # fmt: skip
    flags.DEFINE_string("activation", "leaky_relu", "Of it: leaky_relu (4.2.1) or relu (eq. 4.1).")
    flags.DEFINE_integer(
        "grid", None, "Side of the common grid of all layers; default image_size / 32: 5b's own."
    )
    flags.DEFINE_integer("depth", 256, "Channels of the common grid.")
    flags.DEFINE_integer("hidden", 96, "Channels of the ConvLSTM (5.1).")
    flags.DEFINE_list("lstm_kernels", ["1", "3", "5", "7"], "Kernel sizes of the ConvLSTM (5.4).")
    flags.DEFINE_integer(
        "reduction", 24, "Channels that a 1x1 convolution leaves each kernel larger than 1 in the "
        "ConvLSTM and the attention, as in an inception block; 0: full kernels, as in the thesis.",
    )  # fmt: skip
    flags.DEFINE_integer("gate_embedding", 16, "Dimension E of the layer gate (4.3.1).")
    flags.DEFINE_float("dropout", 0.5, "Rate before the last layer (5.1).")


def define_training() -> None:
    """Flags of the training itself."""
    flags.DEFINE_string(
        "run_dir", None, "Folder of the run; default runs/<dataset>-<scene>-<model>. A run that "
        "was broken off goes on when the same command is given again.",
    )  # fmt: skip
    flags.DEFINE_string(
        "pretrained", None, "Weights to start the trunk from: a file that "
        "weights/convert_places_caffe.py wrote, or places205, places365 or imagenet (5.1: Places).",
    )  # fmt: skip
    flags.DEFINE_string(
        "freeze", None, "Block of the trunk, 3a ... 5b: it and all below keep their weights."
    )
    flags.DEFINE_bool(
        "mirror", None, "Show each training image as its mirror image half of the time; default "
        "for scenes alone: a mirrored image has another pose.",
    )  # fmt: skip
    flags.DEFINE_float(
        "focal_length", None, "Of the camera, in units of the images' short side: a training crop "
        "then has the pose of a camera turned towards its centre. Default: the data set's, if it "
        "has one; 0: every crop has its image's pose, as in the thesis.",
    )  # fmt: skip
    flags.DEFINE_integer("epochs", 100, "Passes over the training images.")
    flags.DEFINE_integer("batch_size", 40, "Images a step (5.1).")
    flags.DEFINE_float("learning_rate", 1e-4, "Of Adam, at the start (5.1).")
    flags.DEFINE_enum(
        "learning_rate_schedule", "cosine", SCHEDULES, "Cosine falls to 1/100 at the last step."
    )
    flags.DEFINE_float(
        "trunk_learning_rate_scale", 1.0, "Factor of the learning rate in the trunk."
    )
    flags.DEFINE_float(
        "head_learning_rate_scale", 5.0, "Factor of the learning rate outside the trunk."
    )
    flags.DEFINE_float(
        "mask_learning_rate_scale", 0.5, "Further factor for the layer that makes the attention "
        "maps: at 3 they collapse to two or three cells within an epoch.",
    )  # fmt: skip
    flags.DEFINE_float("l2", 2e-4, "Penalty on squared kernels (5.1: lambda).")
    flags.DEFINE_string("pose_loss", "l2", "l2 (equation 4.5) or learned (its weights are).")
    flags.DEFINE_float("beta", None, "Weight of orientation (5.1); the default is the scene's.")
    flags.DEFINE_float("auxiliary_weight", 0.3, "Of the auxiliary predictions' losses in training.")
    flags.DEFINE_float(
        "attention_weight",
        0.03,
        "Of the attention penalty (4.2: alpha; the thesis gives no value).",
    )
    flags.DEFINE_float(
        "balance_weight", 0.1, "Of the penalty on layers that the gate selects more often than "
        "others, over a batch and all steps; 0: none, as in the thesis.",
    )  # fmt: skip
    flags.DEFINE_float("temperature_start", 2.0, "Of the layer gate, first epoch (4.3: tau).")
    flags.DEFINE_float("temperature_end", 0.5, "Of the layer gate, last epoch.")
    flags.DEFINE_float(
        "soft_fraction", 0.5, "Part of the epochs in which the gate passes from a mixture of all "
        "layers to one sampled layer; 0 samples from the start.",
    )  # fmt: skip
    flags.DEFINE_float(
        "quiet_fraction", 0.2, "Last part of the epochs in which the gate chooses without noise, "
        "as in testing; before it the noise fades. 0 keeps it, as the thesis does.",
    )  # fmt: skip
    flags.DEFINE_integer("early_stopping", 0, "Epochs without a better validation; 0 never stops.")
    flags.DEFINE_enum("mixed_precision", "none", PRECISIONS, "Precision of the layers' work.")
    flags.DEFINE_integer("seed", 0, "Of weights, order, crops, noise and the synthetic scene.")
    flags.DEFINE_integer("verbose", 1, "1: progress bar, 2: a line an epoch, 0: silent.")


def resolve() -> dict:
    """Returns every flag's value, defaults that depend on others filled in, ready for JSON.

    Raises:
        UserError: A value that cannot be used, or two that do not go together.
    """
    config = {flag.name: flag.value for flag in FLAGS.flags_by_module_dict()["flags"]}
    from data.catalog import require_dataset

    dataset = require_dataset(config["dataset"])
    config["task"] = dataset.task
    config["scene"] = config["scene"] or DEFAULT_SCENES.get(config["dataset"])
    if config["scene"] is None:
        raise UserError(f"--scene is missing: name the scene of {config['dataset']} to use")
    if config["beta"] is None:
        scene = (config["dataset"], config["scene"])
        config["beta"] = DEFAULT_BETAS.get(scene, SEVEN_SCENES_BETA)
    if config["steps"] is None:
        config["steps"] = DEFAULT_STEPS[config["task"]]
    if config["focal_length"] is None:
        known = config["scene"] in dataset.scenes
        config["focal_length"] = dataset.focal_length if known else 0.0
    if config["mirror"] is None:
        config["mirror"] = config["task"] == "scene"
    if config["pretrained"]:
        from weights.store import resolve as find_weights

        config["pretrained"] = os.path.abspath(find_weights(config["pretrained"]))
    if config["grid"] is None:
        config["grid"] = max(1, config["image_size"] // 32)
    run_dir = config["run_dir"] or "runs/{dataset}-{scene}-{model}".format(**config)
    config["run_dir"] = os.path.expanduser(run_dir)
    if config["data_dir"]:  # where eval.py looks, from whatever folder it is called
        config["data_dir"] = os.path.abspath(os.path.expanduser(config["data_dir"]))
    _check(config)
    config["lstm_kernels"] = [int(size) for size in config["lstm_kernels"]]
    return config


def reject_positional(arguments: list[str]) -> None:
    """Ends on words that belong to no flag: mostly a flag without its dashes.

    Raises:
        UserError: There are any.
    """
    if len(arguments) > 1:
        raise UserError(f"{arguments[1]} is no flag: flags are written --name=value, see --help")


def _check(config: dict) -> None:
    least = {
        "steps": 1, "grid": 1, "depth": 3, "hidden": 1, "gate_embedding": 1, "epochs": 1,
        "batch_size": 1, "image_size": 32, "early_stopping": 0,
        "seed": 0, "reduction": 0, "focal_length": 0, "l2": 0, "auxiliary_weight": 0, "attention_weight": 0, "balance_weight": 0,
        "head_learning_rate_scale": 0, "mask_learning_rate_scale": 0,
        "trunk_learning_rate_scale": 0,
    }  # fmt: skip
    for name, minimum in least.items():
        if config[name] < minimum:
            raise UserError(f"--{name}={config[name]} is too small: it must be at least {minimum}")
    for name in ("learning_rate", "beta", "temperature_start", "temperature_end"):
        if not config[name] > 0:
            raise UserError(f"--{name}={config[name]} must be greater than 0")
    for name in ("validation_fraction", "dropout", "soft_fraction", "quiet_fraction"):
        if not 0 <= config[name] < 1 + (name == "soft_fraction"):
            raise UserError(f"--{name}={config[name]} must lie between 0 and 1")
    if config["image_size"] % 32:
        raise UserError(f"--image_size={config['image_size']} must be a multiple of 32")
    _check_names(config)
    kernels = config["lstm_kernels"]
    if not kernels or not all(size.isdigit() and int(size) % 2 for size in kernels):
        raise UserError(f"--lstm_kernels={','.join(kernels)} must be odd numbers, as 1,3,5,7")
    if config["hidden"] % len(kernels):
        raise UserError(
            f"--hidden={config['hidden']} must be a multiple of the {len(kernels)} --lstm_kernels"
        )


def _check_names(config: dict) -> None:
    # Imported here: Keras takes seconds, and a misspelt flag should be told at once.
    from models.googlenet import TAPS, check_taps
    from models.networks import ATTENTION_NETWORKS, NETWORKS
    from models.spatial_attention import ACTIVATIONS, FORMS
    from tasks.pose import POSE_LOSSES

    choices = {
        "model": NETWORKS, "attention": FORMS, "activation": ACTIVATIONS, "pose_loss": POSE_LOSSES,
    }  # fmt: skip
    for name, allowed in choices.items():
        if config[name] not in allowed:
            raise UserError(f"--{name}={config[name]} is unknown: choose {', '.join(allowed)}")
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
    fitting = [name for name, network in NETWORKS.items() if config["task"] in network.tasks]
    if config["model"] not in fitting:
        raise UserError(
            f"--model={config['model']} is not for --dataset={config['dataset']}: "
            f"choose {', '.join(fitting)}"
        )
    if config["mirror"] and config["task"] == "pose":
        raise UserError("--mirror is for scenes: a mirrored image has another pose")
    if config["model"] == "spatial_attention" and len(config["layers"]) > 1:
        raise UserError("--model=spatial_attention looks at one layer: name it, as --layers=5b")


def network_arguments(config: dict) -> dict:
    """The network's constructor arguments in a resolved configuration (without data's own)."""
    from models.networks import ATTENTION_NETWORKS

    arguments = {"dropout": config["dropout"], "l2": config["l2"], "seed": config["seed"]}
    if config["model"] in ATTENTION_NETWORKS:
        arguments |= {
            "steps": config["steps"],
            "candidates": config["layers"],
            "attention": config["attention"],
            "activation": config["activation"],
            "grid": config["grid"],
            "depth": config["depth"],
            "hidden": config["hidden"],
            "kernel_sizes": config["lstm_kernels"],
            "reduction": config["reduction"] or None,
            "gate_embedding": config["gate_embedding"],
        }
    return arguments
