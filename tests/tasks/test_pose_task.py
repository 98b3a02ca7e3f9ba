"""What `fit` does with a network for poses."""

import keras
import numpy as np
import pytest

from models.multiply_adds import depth_shares
from tasks.optimizer import ScaledAdam
from tasks.pose import PoseTask
from tasks.task import expected_depth
from tests.models.checks import FAST, gradients, numpy_outputs
from tests.tasks.small_networks import (
    MEAN_POSE,
    SIDE,
    colour_network,
    images_and_poses,
    small_joint_attention,
)

TRUTH = np.array([[0, 0, 0, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0]], np.float32)
# 5 m and 0 m off; quaternion right, and a half turn about x off: a chord of sqrt 2.
PREDICTED = np.array([[3, 4, 0, 1, 0, 0, 0], [1, 1, 1, 0, 1, 0, 0]], np.float32)
BY_HAND = {"position": 2.5, "quaternion": 2**0.5 / 2}


@pytest.fixture(autouse=True)
def same_weights_in_every_run():
    keras.utils.set_random_seed(0)


def made_task(network=None, **arguments):
    task = PoseTask(network or colour_network(), **arguments)
    task.build((None, SIDE, SIDE, 3))
    return task


def loss_of(task, **outputs):
    return float(task.compute_loss(y=TRUTH, y_pred={"pose": PREDICTED} | outputs))


def test_loss_is_equation_4_5():
    task = made_task(beta=10.0)
    assert loss_of(task) == pytest.approx(BY_HAND["position"] + 10 * BY_HAND["quaternion"])


def test_auxiliary_poses_and_attention_count_with_their_weights():
    task = made_task(beta=10.0, auxiliary_weight=0.3, attention_weight=0.5)
    one_cell = np.zeros((2, 1, 2, 2), np.float32)
    one_cell[:, :, 0, 0] = 1  # penalty 3, see the tests of `attention_penalty`
    both_wrong = BY_HAND["position"] + 10 * BY_HAND["quaternion"]
    # `attention` without trackers for its perplexity: this network has no attention.
    task._update_trackers = lambda *_: None
    found = loss_of(task, auxiliary=[PREDICTED, TRUTH], attention=one_cell)
    assert found == pytest.approx(1.3 * both_wrong + 0.5 * 3, rel=1e-4)


def test_imbalance_of_the_layer_gate_counts_with_its_weight():
    task = made_task(beta=10.0, balance_weight=0.5)
    one_layer = np.zeros((2, 2, 2), np.float32)
    one_layer[:, :, 0] = 1  # imbalance ((1 - 2)^2 + 1) / 2
    task._update_trackers = lambda *_: None
    expected = BY_HAND["position"] + 10 * BY_HAND["quaternion"] + 0.5
    assert loss_of(task, layer_gates=one_layer) == pytest.approx(expected)


def test_the_depth_that_the_gate_asks_for_counts_with_its_weight():
    images, poses = images_and_poses()
    losses = {}
    for weight in (0.0, 2.0):
        keras.utils.set_random_seed(0)
        task = PoseTask(small_joint_attention(), beta=10.0, compute_penalty=weight, name="task")
        task.build((None, 32, 32, 3))
        task.built = True
        outputs = task(images, training=False)
        losses[weight] = float(task.compute_loss(images, poses, outputs))
    depth = float(task.trackers["depth"].result())
    shares = depth_shares(task.network)
    assert shares[0] < 0.8
    assert shares[1] == 1
    assert shares[0] - 1e-6 <= depth <= 1 + 1e-6
    assert losses[2.0] - losses[0.0] == pytest.approx(2 * depth, rel=1e-4)

    def penalty():
        return expected_depth(task(images, training=True)["layer_gates"], shares)

    _, (gradient,) = gradients(penalty, [task.network.gate.score.bias])
    assert gradient[0] < 0 < gradient[1]  # descent makes the shallower layer likelier


def test_learned_weights_start_at_0_and_minus_3():
    task = made_task(pose_loss="learned", beta=1e6)
    expected = BY_HAND["position"] + BY_HAND["quaternion"] * np.exp(3) - 3
    assert loss_of(task) == pytest.approx(expected, rel=1e-5)


def test_learned_weights_are_trained():
    task = made_task(pose_loss="learned")
    task.compile(keras.optimizers.Adam(0.01), **FAST)
    images, poses = images_and_poses()
    task.fit(images, poses, batch_size=6, verbose=0)
    (found,) = numpy_outputs(task.log_weights)
    # Adam's first step is the learning rate, against the gradient's sign: s falls where the
    # error is below e^s (here about 0.5 of 1 m), and rises where it is above (0.5 of 0.05).
    np.testing.assert_allclose(found, [-0.01, -2.99], atol=2e-4)


def test_unknown_loss_is_named():
    with pytest.raises(ValueError, match="'l1'"):
        PoseTask(colour_network(), pose_loss="l1")


def test_training_lowers_the_loss():
    task = made_task(beta=5.0)
    task.compile(keras.optimizers.Adam(0.02), **FAST)
    images, poses = images_and_poses()
    history = task.fit(images, poses, batch_size=6, epochs=15, verbose=0).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]


def test_what_is_logged_does_not_depend_on_how_images_fall_into_batches():
    keras.utils.set_random_seed(0)
    network = small_joint_attention()
    task = made_task(network, compute_penalty=0.1)
    for number, weight in enumerate(network.where.weights):  # masks that are not uniform
        weight.assign(keras.random.normal(weight.shape, stddev=0.5, seed=number))
    task.compile(ScaledAdam(0.01), **FAST)
    images, poses = images_and_poses(5)
    one, two = (
        task.evaluate(images, poses, batch_size=size, verbose=0, return_dict=True)
        for size in (5, 4)
    )
    assert one["perplexity_step1"] < 3.9
    for name in one.keys() - {"loss"}:
        assert two[name] == pytest.approx(one[name], rel=1e-4), name


def test_one_step_moves_the_network_and_logs_every_tracker():
    network = small_joint_attention(l2=1e-3)
    task = made_task(network, beta=5.0, attention_weight=0.1)
    task.compile(ScaledAdam(0.01), **FAST)
    assert len(task.metrics) == len({metric.name for metric in task.metrics})
    before = network.get_weights()
    images, poses = images_and_poses(4)
    history = task.fit(
        images, poses, batch_size=4, verbose=0, validation_data=(images, poses)
    ).history
    trained = {
        "loss", "pose_loss", "median_position_m", "median_orientation_deg",
        "gate_step1_3a", "gate_step1_3b", "gate_step2_3a", "gate_step2_3b",
        "perplexity_step1", "perplexity_step2",
    }  # fmt: skip
    assert set(history) == trained | {f"val_{name}" for name in trained}
    assert all(np.isfinite(values).all() for values in history.values())
    for step in (1, 2):
        frequency = history[f"gate_step{step}_3a"][0] + history[f"gate_step{step}_3b"][0]
        assert frequency == pytest.approx(1.0)
        assert history[f"perplexity_step{step}"][0] == pytest.approx(4.0, rel=1e-4)  # uniform
    moved = [np.abs(a - b).max() for a, b in zip(before, network.get_weights(), strict=True)]
    names = [weight.path for weight in network.weights]
    still = [name for name, by in zip(names, moved, strict=True) if by == 0]
    # With masks that are still zero, the state has no part in them yet.
    expected = ("/plan", "temperature", "softness", "noise", "spatial_attention/embedding")
    assert all(any(part in name for part in expected) for name in still), still


def test_medians_and_pose_loss_of_an_epoch_by_hand():
    task = made_task(beta=10.0, pose_loss="learned")
    loss_of(task)
    assert float(task.trackers["pose_loss"].result()) == pytest.approx(
        BY_HAND["position"] + 10 * BY_HAND["quaternion"], rel=1e-5
    )
    task.trackers["median_position_m"].reset_state()
    task.trackers["median_orientation_deg"].reset_state()
    task.compute_loss(y=TRUTH[:1], y_pred={"pose": PREDICTED[:1]})
    assert float(task.trackers["median_position_m"].result()) == pytest.approx(5.0, rel=0.01)
    task.compute_loss(y=TRUTH[1:], y_pred={"pose": PREDICTED[1:]})
    task.compute_loss(y=TRUTH[1:], y_pred={"pose": PREDICTED[1:]})
    found = float(task.trackers["median_orientation_deg"].result())
    assert found == pytest.approx(180.0, rel=0.01)


def test_shifting_the_world_shifts_the_predictions_and_nothing_else():
    images, poses = images_and_poses()
    shift = np.array([16.0, -8.0, 4.0, 0, 0, 0, 0], np.float32)
    predictions, losses = [], []
    for offset in (0 * shift, shift):
        keras.utils.set_random_seed(0)
        task = made_task(colour_network(tuple(np.array(MEAN_POSE) + offset)), beta=5.0)
        task.compile(keras.optimizers.Adam(0.01), **FAST)
        losses += task.fit(images, poses + offset, batch_size=6, epochs=3, verbose=0).history[
            "loss"
        ]
        predictions += numpy_outputs(task.network(images)["pose"])
    first, second = predictions
    np.testing.assert_allclose(second - first, np.tile(shift, (6, 1)), atol=1e-3)
    np.testing.assert_allclose(losses[:3], losses[3:], rtol=1e-4)
    assert np.abs(first - MEAN_POSE).max() > 0.01  # it did train


def test_penalties_of_the_layers_are_part_of_the_loss():
    network = small_joint_attention(l2=0.5)
    task = made_task(network, beta=10.0)
    penalty = float(sum(network.losses))
    assert penalty > 1
    task._update_trackers = lambda *_: None
    expected = BY_HAND["position"] + 10 * BY_HAND["quaternion"] + penalty
    assert loss_of(task) == pytest.approx(expected, rel=1e-4)


def test_float16_trains_under_a_scaled_loss():
    keras.config.set_dtype_policy("mixed_float16")
    task = made_task(beta=5.0)
    task.compile(ScaledAdam(0.02, scales={"dense": 0.5}), **FAST)
    images, poses = images_and_poses()
    history = task.fit(images, poses, batch_size=6, epochs=10, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


def test_a_network_that_is_already_built_can_be_trained_on():
    network = colour_network()
    images, _ = images_and_poses()
    (before,) = numpy_outputs(network(images)["pose"])
    task = made_task(network)
    (after,) = numpy_outputs(task(images)["pose"])
    np.testing.assert_array_equal(before, after)
    joint = small_joint_attention()
    joint(images)
    assert made_task(joint).network is joint


def test_configuration_and_archive_hold_the_network(tmp_path):
    task = made_task(beta=7.0, pose_loss="learned", auxiliary_weight=0.2, attention_weight=0.1)
    images, _ = images_and_poses()
    (before,) = numpy_outputs(task(images)["pose"])
    task.log_weights.assign([0.5, -2.0])
    task.save(tmp_path / "task.keras")
    restored = keras.saving.load_model(tmp_path / "task.keras")
    np.testing.assert_array_equal(numpy_outputs(restored(images)["pose"])[0], before)
    np.testing.assert_array_equal(numpy_outputs(restored.log_weights)[0], [0.5, -2.0])
    config, expected = restored.get_config(), task.get_config()
    assert config.pop("network")["config"]["name"] == expected.pop("network")["config"]["name"]
    assert config == expected
