"""PoseNet: its size, its auxiliary heads, its start."""

import keras
import numpy as np

from models.posenet import PoseNet
from tests.models.checks import MIXED_POLICIES, check_layer, numpy_outputs

MEAN_POSE = (4.0, -2.0, 1.5, 0.8, 0.0, 0.6, 0.0)


def images(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (2, 32, 32, 3), np.uint8)


def test_parameters_at_224():
    network = PoseNet()
    network.build((None, 224, 224, 3))
    # 14 x 14 maps of 512 and 528 channels pool to 4 x 4, as in Caffe.
    auxiliary = [
        channels * 128 + 128 + 4 * 4 * 128 * 1024 + 1024 + 1024 * 7 + 7 for channels in (512, 528)
    ]
    assert [head.count_params() for head in network.auxiliary_heads] == auxiliary
    last = 1024 * 2048 + 2048 + 2048 * 7 + 7
    assert network.count_params() == 5_973_552 + last + sum(auxiliary) == 12_431_173


def test_auxiliary_poses_in_training_only():
    network = PoseNet(initial_pose=MEAN_POSE)
    assert set(network(images())) == {"pose"}
    outputs = network(images(), training=True)
    assert [tuple(pose.shape) for pose in outputs["auxiliary"]] == [(2, 7), (2, 7)]


def test_starts_near_the_mean_pose_and_sees_the_image():
    network = PoseNet(initial_pose=MEAN_POSE)
    first, second = numpy_outputs([network(images(seed))["pose"] for seed in (0, 1)])
    np.testing.assert_allclose(first, [MEAN_POSE] * 2, atol=0.5)
    assert np.abs(first - second).max() > 1e-6


def test_dropout_is_off_outside_training():
    network = PoseNet(dropout=0.5, seed=1)
    still = numpy_outputs([network(images())["pose"] for _ in range(2)])
    moving = numpy_outputs([network(images(), training=True)["pose"] for _ in range(2)])
    np.testing.assert_array_equal(*still)
    assert np.abs(moving[0] - moving[1]).max() > 0


def test_checks_of_the_network():
    arguments = {
        "dropout": 0.3,
        "initial_pose": MEAN_POSE,
        "mean_rgb": (1.0, 2.0, 3.0),
        "l2": 0.1,
        "seed": 1,
    }
    # JAX compiles nine blocks anew for each precision; those of the trunk's start are tested.
    policies = () if keras.backend.backend() == "jax" else MIXED_POLICIES
    check_layer(PoseNet, arguments, images(), float32_outputs=True, policies=policies)
