"""Networks that train in a moment, for tests of what trains them."""

import keras
import numpy as np

from models.joint_attention import JointAttention
from models.pose_head import PoseHead

SIDE = 32
MEAN_POSE = (4.0, -2.0, 1.5, 0.8, 0.0, 0.6, 0.0)


def colour_network(initial_pose=MEAN_POSE, dropout=0.0) -> keras.Model:
    """The pose from the mean colour of an image [B, 32, 32, 3]."""
    images = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Rescaling(1 / 255)(keras.layers.GlobalAveragePooling2D()(images))
    x = keras.layers.Dense(6, "tanh", name="dense")(x)
    x = keras.layers.Dropout(dropout, seed=1, name="dropout")(x)
    pose = PoseHead(initial_pose, name="pose_head")(x)
    return keras.Model(images, {"pose": pose}, name="network")


def small_joint_attention(**arguments) -> JointAttention:
    """Two steps over two early layers, on a grid of 2 x 2."""
    small = {
        "candidates": ("3a", "3b"), "steps": 2, "grid": 2, "depth": 6, "hidden": 4,
        "kernel_sizes": (1, 3), "gate_embedding": 3, "seed": 1, "initial_pose": MEAN_POSE,
    }  # fmt: skip
    return JointAttention(**small | arguments, name="network")


def images_and_poses(count=6, seed=0) -> tuple[np.ndarray, np.ndarray]:
    """Random images float32 [N, 32, 32, 3] of different colours; poses [N, 7] about the mean."""
    rng = np.random.default_rng(seed)
    colours = rng.uniform(0, 255, (count, 1, 1, 3))
    images = np.clip(colours + rng.normal(0, 20, (count, SIDE, SIDE, 3)), 0, 255)
    poses = np.array(MEAN_POSE) + rng.normal(0, 0.3, (count, 7))
    poses[:, 3:] /= np.linalg.norm(poses[:, 3:], axis=1, keepdims=True)
    return images.astype(np.float32), poses.astype(np.float32)
