"""The pose head: starts at the mean pose, always answers with a unit quaternion."""

import keras
import numpy as np
import pytest

from models.pose_head import MeanPose, PoseHead, unit
from tests.models.checks import check_layer, gradients, numpy_outputs

MEAN = (4.0, -2.0, 1.5, 0.8, 0.0, 0.6, 0.0)


def features(seed=0):
    return np.random.default_rng(seed).normal(size=(4, 16)).astype(np.float32)


def test_starts_at_the_mean_pose():
    head = PoseHead(MEAN)
    at_zero, near = numpy_outputs([head(0 * features()), head(features())])
    np.testing.assert_allclose(at_zero, [MEAN] * 4, atol=1e-6)
    np.testing.assert_allclose(near, [MEAN] * 4, atol=0.5)
    assert np.abs(near - MEAN).max() > 1e-3


def test_mean_quaternion_need_not_have_unit_norm():
    (pose,) = numpy_outputs(PoseHead((0, 0, 0, 2.0, 0, 0, 0))(0 * features()))
    np.testing.assert_allclose(pose[0], [0, 0, 0, 1, 0, 0, 0], atol=1e-6)


@pytest.mark.parametrize(("training", "sign"), [(False, 1), (True, -1)])
def test_quaternion_is_flipped_to_positive_w_outside_training_only(training, sign):
    backwards = (4.0, -2.0, 1.5, -0.8, 0.0, 0.6, 0.0)
    (pose,) = numpy_outputs(PoseHead(backwards)(0 * features(), training=training))
    np.testing.assert_allclose(pose[0], [4.0, -2.0, 1.5, sign * 0.8, 0, -sign * 0.6, 0], atol=1e-6)


@pytest.mark.parametrize("training", [False, True])
def test_quaternion_has_unit_norm(training):
    head = PoseHead(MEAN)
    head(features())
    kernel, bias = head.get_weights()
    head.set_weights([100 * kernel, bias])
    (pose,) = numpy_outputs(head(features(), training=training))
    np.testing.assert_allclose(np.linalg.norm(pose[:, 3:], axis=1), 1.0, rtol=1e-5)


def test_gradient_of_the_zero_quaternion_is_finite():
    quaternion = keras.Variable(np.zeros((1, 4)), dtype="float32")
    weights = np.array([[1.0, 2.0, 3.0, 4.0]], np.float32)
    value, (found,) = gradients(
        lambda: keras.ops.sum(weights * unit(quaternion + 0.0)), [quaternion]
    )
    assert value == 0.0
    assert np.isfinite(found).all()


def test_half_precision_does_not_round_the_features():
    """What is float32 going in must not pass through half precision on its way to a pose."""
    head = PoseHead()
    keras.config.set_dtype_policy("mixed_bfloat16")
    rounded = PoseHead()
    (first, second) = numpy_outputs([head(features()), rounded(features())])
    rounded.set_weights(head.get_weights())
    (second,) = numpy_outputs(rounded(features()))
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)


def test_checks_of_the_layer():
    arguments = {"initial_pose": MEAN, "kernel_regularizer": "l2"}
    check_layer(PoseHead, arguments, features(), float32_outputs=True)
    assert MeanPose.from_config(MeanPose(MEAN).get_config()).pose == MEAN
