"""Every flag of training, once: its default, its unit, and where in the thesis it comes from.

What a flag is that is not given and whose default depends on others: `configuration`.
"""

from absl import flags

from errors import UserError

FLAGS = flags.FLAGS
PRECISIONS = ("auto", "none", "bfloat16", "float16")
SCHEDULES = ("constant", "cosine")

# Flags that say where things are or how to show them; a run may go on under other values.
NOT_IN_CONFIG = ("run_dir", "data_dir", "verbose", "posenet_run")


def define_data() -> None:
    """Flags that name images and poses."""
    flags.DEFINE_string(
        "dataset",
        "synthetic",
        "Camera poses: synthetic, 7scenes, cambridge, tum_lsi, colmap. Indoor scenes: mit67, "
        "scenes15. Digits: mnist, mnist_translated_60, mnist_cluttered_60, mnist_translated_100 or "
        "mnist_cluttered_100. A game: catch.",
    )
    flags.DEFINE_string("scene", None, "Scene of the data set, such as redkitchen.")
    flags.DEFINE_string(
        "data_dir",
        None,
        "Root with one folder per data set in its original layout (7scenes/, cambridge/, "
        "tum_lsi/, colmap/, mit67/, scenes15/, mnist/); without it, data are downloaded where the "
        "licence allows.",
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
    flags.DEFINE_list(
        "validation_sequences", None, "Training sequences to hold out for validation, by name, "
        "instead of a fraction: for cross-validation.",
    )  # fmt: skip


def define_network() -> None:
    """Flags that shape the network."""
    flags.DEFINE_string(
        "model", "joint_attention", "joint_attention; its ablations spatial_attention (with one of "
        "--layers) and layer_attention (5.5); posenet, bayesian_posenet, lstm_posenet for poses, "
        "googlenet for scenes; for digits ram (the default there), fully_connected and "
        "convolutional; for catch catch_player.",
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


def define_glimpses() -> None:
    """Flags of the recurrent attention model (Mnih et al. 2014); defaults go by the data set."""
    flags.DEFINE_integer(
        "glimpses", None, "Glimpses of an image; default 6, at 60 or 100 pixels 8."
    )
    flags.DEFINE_integer(
        "glimpse_size",
        None,
        "Side of a glimpse, pixels; default 8, at 60 or 100 pixels 12, catch 6.",
    )
    flags.DEFINE_integer(
        "scales", None, "Patches in a glimpse, each twice as wide as the one before; default 1, at "
        "60 pixels and for catch 3, at 100 pixels 4.",
    )  # fmt: skip
    flags.DEFINE_string(
        "core", None, "Of the recurrence: relu (default for digits) or lstm (catch)."
    )
    flags.DEFINE_string("fusion", "add", "Of what was seen and where: add or concatenate.")
    flags.DEFINE_string("location", "learned", "Where to look: learned or, the ablation, random.")
    flags.DEFINE_float(
        "location_std", 0.1, "Standard deviation of a location in training, half sides of the "
        "image.",
    )  # fmt: skip
    flags.DEFINE_string(
        "location_activation", None, "Of the location network's mean: linear (default for digits, "
        "as in the paper) or tanh (for catch).",
    )  # fmt: skip
    flags.DEFINE_integer(
        "location_hidden", 0, "Units of a hidden layer of the location network; 0, as in the "
        "paper: none; default 0, at 60 or 100 pixels 128.",
    )  # fmt: skip
    flags.DEFINE_bool(
        "reinforce_core", False, "Train the core and the glimpse network too by the gradient that "
        "locations have, not the location network alone; default at 60 or 100 pixels.",
    )  # fmt: skip
    flags.DEFINE_integer("samples", 1, "Rollouts of each image in training (Monte Carlo samples).")
    flags.DEFINE_list("units", ["256", "256"], "Layers of --model=fully_connected.")
    flags.DEFINE_float("baseline_weight", 1.0, "Of the baselines' squared error.")
    flags.DEFINE_float(
        "reinforce_weight", 1.0, "Of the log-probabilities of locations and actions; default 1, "
        "at 60 or 100 pixels 0.2.",
    )  # fmt: skip
    flags.DEFINE_float(
        "glimpse_weight", 0.0, "Of the cross-entropy after each glimpse, averaged, beside that "
        "after the last; 0, as in the paper, is none; default 0, at 60 or 100 pixels 1.",
    )  # fmt: skip
    flags.DEFINE_string(
        "reward", "right", "Of a location: right (1 if the last answer is right, else 0; the "
        "paper's) or probability (the right class's, mean of this and all later glimpses; default "
        "at 60 or 100 pixels).",
    )  # fmt: skip
    flags.DEFINE_float("entropy_weight", 0.01, "Of the entropy of actions; catch.")
    flags.DEFINE_integer("games", 20000, "Games in an epoch; catch.")


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
        "posenet_run", None, "Of bayesian_posenet: a finished run of posenet with the same flags, "
        "whose weights it takes: the two are trained alike.",
    )  # fmt: skip
    flags.DEFINE_string(
        "freeze", None, "Block of the trunk, 3a ... 5b: it and all below keep their weights."
    )
    flags.DEFINE_integer(
        "cached_crops", 4, "Where --freeze leaves an attention network nothing of its trunk to "
        "train: crops of each training image whose features are computed before the first epoch "
        "and kept under the run folder until the training is finished; epochs take them in turn. "
        "0: the trunk sees new crops in every epoch.",
    )  # fmt: skip
    flags.DEFINE_bool(
        "mirror", None, "Show each training image as its mirror image half of the time; default "
        "for scenes alone: a mirrored image has another pose.",
    )  # fmt: skip
    flags.DEFINE_float(
        "focal_length", None, "Of the camera, in units of the images' short side: a training crop "
        "then has the pose of a camera turned towards its centre. Default: the data set's, if it "
        "has one; 0: every crop has its image's pose, as in the thesis.",
    )  # fmt: skip
    flags.DEFINE_integer(
        "epochs", 100, "Passes over the training images; default for digits 200, for catch 20."
    )
    flags.DEFINE_integer(
        "batch_size", 40, "Images a step (5.1); default for digits 128, at 60 or 100 pixels 512, "
        "for catch 64.",
    )  # fmt: skip
    flags.DEFINE_float(
        "learning_rate", 1e-4, "Of Adam, at the start (5.1); default for digits and catch 1e-3."
    )
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
    flags.DEFINE_float(
        "l2", 2e-4, "Penalty on squared kernels (5.1: lambda); default for digits 0."
    )
    flags.DEFINE_string("pose_loss", "l2", "l2 (equation 4.5) or learned (its weights are).")
    flags.DEFINE_float("beta", None, "Weight of orientation (5.1); the default is the scene's.")
    flags.DEFINE_float(
        "auxiliary_weight", 0.3, "Of the losses of GoogLeNet's auxiliary heads, in training."
    )
    flags.DEFINE_float(
        "step_weight", None, "Of the loss of what each step of an attention network answers by "
        "itself, in training; default 1 for poses, 0.3 for scenes (the thesis has none).",
    )  # fmt: skip
    flags.DEFINE_float(
        "layer_auxiliary_weight", None, "Of the mean of the losses of what each of an "
        "attention network's --layers predicts by itself, as often as it is selected; default "
        "auxiliary_weight.",
    )  # fmt: skip
    flags.DEFINE_float(
        "attention_weight",
        0.03,
        "Of the attention penalty (4.2: alpha; the thesis gives no value).",
    )
    flags.DEFINE_float(
        "balance_weight", 0.0, "Of the penalty on layers that the gate selects more often than "
        "others, over a batch and all steps (the thesis has none).",
    )  # fmt: skip
    flags.DEFINE_float(
        "compute_penalty", 0.0, "Of the share of the trunk, 0 to 1, that the deepest of an image's "
        "layers needs: a network runs no deeper, unless exported to ONNX.",
    )  # fmt: skip
    flags.DEFINE_float("temperature_start", 2.0, "Of the layer gate, first epoch (4.3: tau).")
    flags.DEFINE_float("temperature_end", 0.5, "Of the layer gate, last epoch.")
    flags.DEFINE_float(
        "soft_fraction", 0.5, "Part of the epochs in which the gate passes from a mixture of all "
        "layers to one sampled layer; 0 samples from the start.",
    )  # fmt: skip
    flags.DEFINE_float(
        "quiet_fraction", 0.0, "Last part of the epochs in which the gate chooses without noise; "
        "before it the noise fades. 0 keeps it, as the thesis does: noise holds choices apart.",
    )  # fmt: skip
    flags.DEFINE_float(
        "settle_fraction", 0.0, "Part of the epochs after which each step keeps to one layer for "
        "all images; steps are shared among layers as the gate selected them in the last epoch of "
        "it, the first at least; soft_fraction is no larger, and the best epoch is one after it. 0 "
        "never settles, as in the thesis.",
    )  # fmt: skip
    flags.DEFINE_integer("early_stopping", 0, "Epochs without a better validation; 0 never stops.")
    flags.DEFINE_enum(
        "mixed_precision", "auto", PRECISIONS, "Precision of the layers' work; gate, losses and "
        "weights are float32. auto is bfloat16 for photographs where the processor has it, else "
        "none; a run goes on in what it began with.",
    )  # fmt: skip
    flags.DEFINE_integer("seed", 0, "Of weights, order, crops, noise and the synthetic scene.")
    flags.DEFINE_integer("verbose", 1, "1: progress bar, 2: a line an epoch, 0: silent.")


def reject_positional(arguments: list[str]) -> None:
    """Ends on words that belong to no flag: mostly a flag without its dashes.

    Raises:
        UserError: There are any.
    """
    if len(arguments) > 1:
        raise UserError(f"{arguments[1]} is no flag: flags are written --name=value, see --help")
