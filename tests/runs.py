"""What training starts from and leaves: configurations, pretrained weights, run folders."""

from pathlib import Path

import h5py
import numpy as np
from absl import flags as absl_flags

import train as train_script
from configuration import resolve
from models.googlenet_classifier import GoogLeNetClassifier
from run_folder import RunFolder, build_task
from weights.store import write_store

assert train_script  # has defined the flags
LAYERS = ["3a", "3b", "4a"]  # early ones: the trunk ends there
CLASSES = ["bar", "church inside", "kitchen", "office", "stairs", "store", "winecellar"]
INITIAL_POSE = [1.0, -2.0, 1.5, 0.8, 0.0, 0.6, 0.0]


def resolved(*flags: str) -> dict:
    """The configuration of train.py's command line."""
    for flag in absl_flags.FLAGS.flags_by_module_dict()["flags"]:
        flag.unparse()
    absl_flags.FLAGS(["train.py", *flags])
    return resolve()


def write_pretrained(path: Path, mean_rgb: tuple[float, ...] = (90.0, 100.0, 110.0)) -> Path:
    """Writes a converted classifier of three classes with weights that let images through."""
    network = GoogLeNetClassifier(3, mean_rgb=mean_rgb)
    network.build((None, 224, 224, 3))
    randomize(network, seed=3)
    facts = {
        "classes": 3, "mean_rgb": list(mean_rgb), "has_classifier": True, "has_auxiliary": True,
        "source": "tiny.caffemodel", "source_sha256": "0" * 64,
    }  # fmt: skip
    write_store(path, network, facts)
    return path


def weights_in(path: Path) -> dict[str, np.ndarray]:
    """Every array in a weight file, by its path."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]}) if hasattr(item, "dtype") else None
        )
    return found


def spoil(path: Path) -> None:
    """Makes all numbers of a checkpoint no numbers."""

    def no_number(_: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
            item[...] = np.nan

    with h5py.File(path, "a") as file:
        file.visititems(no_number)


def make_run(path: Path, **flags) -> RunFolder:
    """A run of a small network that never trained: random poses, gates and maps.

    Args:
        path: Folder of the run; must not hold another one.
        flags: Entries of config.json that differ from a small `joint_attention` of images 64 x 64.
    """
    config = {
        "task": "pose", "dataset": "synthetic", "scene": "room", "data_dir": None,
        "run_dir": str(path),
        "skip_bad": False, "image_size": 64, "validation_fraction": 0.1,
        "model": "joint_attention", "steps": 3, "layers": LAYERS, "grid": 2,
        "attention": "multi_convolutional", "activation": "leaky_relu", "depth": 8, "hidden": 8,
        "lstm_kernels": [1, 3], "reduction": 3, "gate_embedding": 4, "dropout": 0.5, "l2": 0.0,
        "seed": 5, "pose_loss": "l2", "beta": 10.0, "auxiliary_weight": 0.3,
        "attention_weight": 0.0, "balance_weight": 0.0, "mixed_precision": "none",
        "network": {"initial_pose": INITIAL_POSE, "mean_rgb": [120.0, 110.0, 100.0]},
        "validation_sequences": [], "train_images": 10,
    }  # fmt: skip
    run = RunFolder.create(config | flags)
    task = build_task(run.config)
    randomize(task.network, seed=run.config["seed"])
    run.weights("best").parent.mkdir()
    task.save_weights(run.weights("best"))
    return run


def make_scene_run(path: Path, **flags) -> RunFolder:
    """The same for scene recognition: random logits for seven `CLASSES`."""
    scenes = {
        "task": "scene", "dataset": "scenes15", "scene": "scenes15", "class_names": CLASSES,
        "network": {"classes": len(CLASSES), "mean_rgb": [120.0, 110.0, 100.0]},
    }  # fmt: skip
    return make_run(path, **scenes | flags)


def randomize(network, seed: int) -> None:
    """Draws the weights so that every output depends on the image.

    As built, GoogLeNet lets its input fade, attention is uniform and poses hardly move.
    """
    rng = np.random.default_rng(seed)
    for weight in network.trainable_variables:
        if weight.path.endswith("kernel"):
            scale = np.sqrt(2.0 / np.prod(weight.shape[:-1]))
            if "adapter" in weight.path or "/dense/" in weight.path:
                scale *= 0.03  # the trunk's maps are in the hundreds, what comes after saturates
            weight.assign(rng.normal(scale=scale, size=weight.shape))
        elif "conv_lstm" in weight.path:
            weight.assign(rng.normal(size=weight.shape))
