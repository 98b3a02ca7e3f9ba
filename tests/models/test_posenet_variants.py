"""LSTM-PoseNet and Bayesian PoseNet: what each adds to PoseNet."""

import keras
import numpy as np
import pytest
from keras import ops

from models.bayesian_posenet import BayesianPoseNet, summarize
from models.lstm_posenet import LSTMPoseNet
from models.posenet import PoseNet
from tests.models.checks import check_layer, numpy_outputs, randomize

MEAN_POSE = (4.0, -2.0, 1.5, 0.8, 0.0, 0.6, 0.0)
ARGUMENTS = {
    "dropout": 0.3, "initial_pose": MEAN_POSE, "mean_rgb": (1.0, 2.0, 3.0), "l2": 0.1, "seed": 1,
}  # fmt: skip


def images(count=2, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), np.uint8)


def arrays(outputs):
    return {name: ops.convert_to_numpy(value) for name, value in outputs.items()}


def turned(degrees):
    half = np.radians(degrees) / 2
    return [np.cos(half), 0.0, np.sin(half), 0.0]


def test_lstms_read_the_table_in_four_directions():
    network = LSTMPoseNet(units=3, l2=0.1)
    network.build((None, 32, 32, 3))
    randomize(network)
    # Of each the kernels of the inputs and of the state.
    assert [len(reader.losses) for reader in network.readers] == [2, 2, 2, 2]
    table = np.zeros((1, 32, 64), np.float32)
    plain = numpy_outputs(_readings(network, table))
    # A change in the last row is the last thing that the reader going down sees, and the first
    # that the one going up sees: the gates forget most of it on the way.
    table[0, -1, :] = 1.0
    down, up, _, _ = _changes(network, table, plain)
    assert down > 2 * up > 0
    table[:] = 0.0
    table[0, :, 0] = 1.0  # the first column: the last that the reader going left sees
    _, _, right, left = _changes(network, table, plain)
    assert left > 2 * right > 0


def _readings(network, table):
    """What PoseNet's dropout and head are given, a part for each LSTM."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PoseNet, "regress", lambda self, described, training: described)
        return ops.split(network.regress(table.reshape(-1, 2048), training=False), 4, axis=-1)


def _changes(network, table, plain):
    readings = numpy_outputs(_readings(network, table))
    return [np.abs(now - was).max() for now, was in zip(readings, plain, strict=True)]


def test_checks_of_lstm_posenet():
    check_layer(LSTMPoseNet, ARGUMENTS | {"units": 5}, images(), float32_outputs=True, policies=())


def test_lstms_are_trained_for_the_pose():
    network = LSTMPoseNet(units=4)
    assert set(network(images())) == {"pose"}
    assert network.head.regress.kernel.shape == (16, 7)
    assert len(network(images(), training=True)["auxiliary"]) == 2


def bayesian(**arguments):
    network = BayesianPoseNet(seed=1, initial_pose=MEAN_POSE, **arguments)
    network(images())
    randomize(network)
    network.calibrate([1.0, 1.0])
    return network


def test_bayesian_spread_differs_by_image_and_each_image_has_one_answer():
    network = bayesian(dropout=0.5)
    both = arrays(network(images()))
    assert both["uncertainty"].shape == (2, 2)
    assert (both["uncertainty"] > 0).all()
    np.testing.assert_allclose(np.linalg.norm(both["pose"][:, 3:], axis=1), 1, atol=1e-5)
    swapped = arrays(network(images()[::-1]))
    alone = arrays(network(images()[1:]))
    for name, value in both.items():
        np.testing.assert_allclose(swapped[name], value[::-1], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(alone[name], value[1:], rtol=1e-4, atol=1e-5)


def test_bayesian_samples_are_those_of_dropout():
    """Mean and variance of the position by hand: x = b + sum of w f m / (1 - p), m = 0 or 1.

    The mean is that over all m.
    """
    network = bayesian(dropout=0.4, samples=4000)
    rng = np.random.default_rng(0)
    features = rng.uniform(0, 1, (1, 2048)).astype(np.float32)
    kernel = np.zeros((2048, 7), np.float32)
    kernel[:50, :3] = rng.normal(size=(50, 3))
    network.head.regress.set_weights([kernel, np.array(MEAN_POSE, np.float32)])
    found = arrays(network.regress(features, training=False))
    parts = features[0, :, None] * kernel[:, :3]
    variance = 0.4 / 0.6 * np.square(parts).sum(0)
    expected = np.array(MEAN_POSE[:3]) + parts.sum(0)
    np.testing.assert_allclose(found["pose"][0, :3], expected, atol=1e-4)
    assert found["uncertainty"][0, 0] == pytest.approx(np.sqrt(variance.sum()), rel=0.03)


def test_calibration_scales_the_uncertainty_and_nothing_else():
    network = bayesian(dropout=0.5)
    before = arrays(network(images()))
    network.calibrate([2.0, 0.5])
    after = arrays(network(images()))
    np.testing.assert_array_equal(after["pose"], before["pose"])
    np.testing.assert_allclose(after["uncertainty"], before["uncertainty"] * [2, 0.5], rtol=1e-5)


def test_without_dropout_there_is_no_spread_and_training_is_posenets():
    network = BayesianPoseNet(dropout=0.0, seed=1)
    outputs = arrays(network(images()))
    np.testing.assert_allclose(outputs["uncertainty"], 0, atol=1e-3)
    assert set(network(images(), training=True)) == {"pose", "auxiliary"}


def test_summary_by_hand():
    drawn = [
        [[1, 0, 0, *turned(10)], [3, 0, 0, *turned(30)]],
        # The second quaternion is the first's opposite: the same orientation.
        [[0, 0, 0, *turned(40)], [0, 4, 0, *(-np.array(turned(40)))]],
    ]
    mean, spread = numpy_outputs(summarize(ops.convert_to_tensor(drawn, "float32")))
    expected = [[2, 0, 0, *turned(20)], [0, 2, 0, *turned(40)]]
    np.testing.assert_allclose(mean, expected, atol=1e-5)
    np.testing.assert_allclose(spread, [[1, 10], [2, 0]], atol=1e-3)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="compiles nine blocks anew")
def test_checks_of_bayesian_posenet():
    still = ARGUMENTS | {"dropout": 0.0, "samples": 3}
    check_layer(BayesianPoseNet, still, images(), policies=())
