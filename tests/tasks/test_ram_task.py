"""What `fit` does with the Recurrent Attention Model."""

import math

import keras
import numpy as np
import pytest

from models.digit_networks import FullyConnected
from models.ram import RAM
from tasks.callbacks import EpochSeeds
from tasks.ram import RAMTask
from tests.models.checks import FAST, gradients, numpy_outputs

SMALL = {"classes": 2, "glimpses": 1, "glimpse_size": 1, "hidden": 4, "seed": 0}
# Softmax of [log 2, 0, 0] is [1/2, 1/4, 1/4]: right, then wrong.
LOGITS = np.log(np.array([[2, 1, 1], [2, 1, 1]], np.float32))
LABELS = np.array([0, 2], np.int32)
CROSS_ENTROPY = (math.log(2) + math.log(4)) / 2
BASELINES = np.array([[0.5, 0.25], [0.5, 1.0]], np.float32)
# R - b, for the rewards 1 and 0.
ADVANTAGES = np.array([[0.5, 0.75], [-0.5, -1.0]], np.float32)
LOG_PROBABILITIES = np.array([[-1.0, -2.0], [3.0, 1.0]], np.float32)
OUTPUTS = {
    "logits": LOGITS,
    "baselines": BASELINES,
    "log_probabilities": LOG_PROBABILITIES,
}


@pytest.fixture(autouse=True)
def same_weights_in_every_run():
    keras.utils.set_random_seed(0)


def made_task(network=None, side=2, **arguments):
    task = RAMTask(network or RAM(**SMALL), **arguments)
    task.build((None, side, side, 1))
    return task


def metrics(task):
    return {name: float(tracker.result()) for name, tracker in task.trackers.items()}


def test_loss_by_hand():
    task = made_task(baseline_weight=10.0, reinforce_weight=100.0)
    loss = task.compute_loss(y=LABELS, y_pred=OUTPUTS)
    baseline = (0.25 + 0.5625 + 0.25 + 1.0) / 2
    reinforce = -((-1.0 * 0.5 - 2.0 * 0.75) + (-3.0 * 0.5 - 1.0 * 1.0)) / 2
    expected = CROSS_ENTROPY + 10 * baseline + 100 * reinforce
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    errors = {"cross_entropy": CROSS_ENTROPY, "accuracy": 0.5, "baseline_error": baseline / 2}
    assert metrics(task) == pytest.approx(errors, rel=1e-5)


def test_answers_after_each_glimpse_count_with_their_weight_in_training_alone():
    by_glimpse = np.stack([np.zeros_like(LOGITS), LOGITS], axis=1)  # first even, then LOGITS
    outputs = {"logits": LOGITS, "logits_by_glimpse": by_glimpse}
    task = made_task(glimpse_weight=0.5)
    expected = CROSS_ENTROPY + 0.5 * (math.log(3) + CROSS_ENTROPY) / 2
    assert float(task.compute_loss(y=LABELS, y_pred=outputs)) == pytest.approx(expected, rel=1e-5)
    tested = task.compute_loss(y=LABELS, y_pred=outputs, training=False)
    assert float(tested) == pytest.approx(CROSS_ENTROPY, rel=1e-5)


def test_rewards_teach_by_their_surplus_over_the_baseline_which_is_no_target_itself():
    task = made_task()
    baselines, drawn = keras.Variable(BASELINES), keras.Variable(LOG_PROBABILITIES)

    def loss():
        outputs = OUTPUTS | {"baselines": baselines.value, "log_probabilities": drawn.value}
        return task.compute_loss(y=LABELS, y_pred=outputs)

    _, (of_baselines, of_drawn) = gradients(loss, [baselines, drawn])
    np.testing.assert_allclose(of_drawn, -ADVANTAGES / 2, rtol=1e-6)
    np.testing.assert_allclose(of_baselines, -2 * ADVANTAGES / 2, rtol=1e-6)


def test_probability_as_reward_counts_from_each_glimpse_on():
    # Softmax of the zeros is 1/3 everywhere, that of LOGITS 1/2 and 1/4 for the labels.
    by_glimpse = np.stack([np.zeros_like(LOGITS), LOGITS], axis=1)
    rewards = np.array([[(1 / 3 + 1 / 2) / 2, 1 / 2], [(1 / 3 + 1 / 4) / 2, 1 / 4]], np.float32)
    task = made_task(reward="probability")
    logits, drawn = keras.Variable(by_glimpse), keras.Variable(LOG_PROBABILITIES)

    def loss():
        outputs = OUTPUTS | {"logits_by_glimpse": logits.value, "log_probabilities": drawn.value}
        return task.compute_loss(y=LABELS, y_pred=outputs)

    _, (of_logits, of_drawn) = gradients(loss, [logits, drawn])
    np.testing.assert_allclose(of_drawn, -(rewards - BASELINES) / 2, rtol=1e-5)
    assert not np.any(of_logits)
    loss()  # what JAX differentiates leaves no trace in the metrics
    assert metrics(task)["baseline_error"] == pytest.approx(((rewards - BASELINES) ** 2).mean())


def test_an_unknown_reward_is_refused():
    with pytest.raises(ValueError, match="unknown reward 'luck': right or probability"):
        made_task(reward="luck")


def test_each_label_counts_for_all_rollouts_of_its_image():
    task = made_task()
    rows = {name: np.repeat(value, 3, axis=0) for name, value in OUTPUTS.items()}
    once = task.compute_loss(y=LABELS, y_pred=OUTPUTS)
    assert float(task.compute_loss(y=LABELS, y_pred=rows)) == pytest.approx(float(once), rel=1e-6)
    assert metrics(task)["accuracy"] == 0.5


def test_without_drawn_locations_the_loss_is_cross_entropy():
    task = made_task()
    outputs = {"logits": LOGITS, "baselines": BASELINES}
    loss = task.compute_loss(y=LABELS, y_pred=outputs, training=False)
    assert float(loss) == pytest.approx(CROSS_ENTROPY, rel=1e-5)
    assert metrics(task)["baseline_error"] == pytest.approx((ADVANTAGES**2).mean())
    plain = made_task(FullyConnected(classes=3, units=(4,)))
    assert float(plain.compute_loss(y=LABELS, y_pred={"logits": LOGITS})) == float(loss)
    assert set(plain.trackers) == {"cross_entropy", "accuracy"}


def sees_the_right_half(mean, deviation, samples):
    """A network of one glimpse of one pixel that says class 1 where that is white."""
    network = RAM(**SMALL, deviation=deviation, samples=samples)
    network.build((None, 2, 2, 1))
    for weight in network.weights:
        if weight.dtype == "float32":
            weight.assign(np.zeros(weight.shape))
    parts = network.glimpse_network.see, network.glimpse_network.fuse, network.core.total
    for part in parts:
        part.kernel.assign(np.eye(*part.kernel.shape))
    network.head.score.kernel.assign([[0, 1], [0, 0], [0, 0], [0, 0]])
    network.head.score.bias.assign([0.5, 0.0])
    network.location_network.mean.bias.assign(np.arctanh(mean))
    return network


def test_estimator_agrees_with_finite_differences_of_the_expected_reward():
    image = np.array([[[[0], [255]], [[0], [255]]]], np.uint8)
    mean, deviation, samples, baseline = (0.2, -0.1), 0.5, 20_000, 0.3

    def below(edge, bias):
        """P(l < edge) for l ~ Normal(tanh(bias), deviation)."""
        return 0.5 * (1 + math.erf((edge - math.tanh(bias)) / deviation / math.sqrt(2)))

    def expected_reward(x, y):
        """P(0 < l_x < 1, l_y < 1) by biases: on a far edge a glimpse has left the image."""
        return (below(1, x) - below(0, x)) * below(1, y)

    (x, y), step = np.arctanh(mean), 1e-4
    slopes = np.array([
        expected_reward(x + step, y) - expected_reward(x - step, y),
        expected_reward(x, y + step) - expected_reward(x, y - step),
    ]) / (2 * step)  # fmt: skip

    network = sees_the_right_half(mean, deviation, samples)
    network.baseline.bias.assign([baseline])
    task = made_task(network, baseline_weight=0.0)
    label = np.array([1], np.int32)

    def loss():
        return task.compute_loss(x=image, y=label, y_pred=task(image, training=True))

    # Of all weights: those that are left out are constants to JAX, whose compiler then takes these
    # many zeros for the answer.
    weights = network.trainable_weights
    _, of_weights = gradients(loss, weights)
    bias = network.location_network.mean.bias
    found = next(g for w, g in zip(weights, of_weights, strict=True) if w is bias)
    # A rollout's estimate (R - b) (l - mean) / deviation^2 tanh' deviates by 0.7 / 0.5 at most.
    error = 5 * (1 - baseline) / deviation / math.sqrt(samples)
    np.testing.assert_allclose(found, -slopes, atol=error)
    assert slopes[0] > 5 * error
    (logits,) = numpy_outputs(task(image, training=True)["logits"])
    assert logits.argmax(-1).mean() == pytest.approx(expected_reward(x, y), abs=0.02)


def test_fit_learns_where_to_look():
    """From the black half to the white one, for a classifier that is given and stays as it is."""
    images = np.zeros((64, 2, 2, 1), np.uint8)
    images[:, :, 1] = 255
    labels = np.ones(64, np.int32)
    network = sees_the_right_half((-0.3, 0.0), deviation=0.3, samples=1)
    for part in (network.glimpse_network, network.core, network.head):
        part.trainable = False
    task = made_task(network)
    task.compile(keras.optimizers.Adam(0.1), **FAST)
    assert task.evaluate(images, labels, verbose=0, return_dict=True)["accuracy"] == 0.0
    history = task.fit(images, labels, batch_size=32, epochs=10, verbose=0).history
    assert history["accuracy"][-1] > history["accuracy"][0] + 0.3
    assert task.evaluate(images, labels, verbose=0, return_dict=True)["accuracy"] == 1.0


def test_fit_trains_every_part():
    images = np.random.default_rng(0).integers(0, 256, (8, 6, 6, 1), np.uint8)
    labels = np.arange(8, dtype=np.int32) % 2
    task = made_task(RAM(**SMALL | {"glimpses": 2, "glimpse_size": 3}, samples=2), 6)
    task.compile(keras.optimizers.Adam(0.01), **FAST)
    before = numpy_outputs([weight.value for weight in task.trainable_variables])
    task.fit(images, labels, batch_size=4, epochs=2, verbose=0)
    after = numpy_outputs([weight.value for weight in task.trainable_variables])
    moved = [np.abs(old - new).max() > 0 for old, new in zip(before, after, strict=True)]
    assert all(moved)


def test_an_epoch_draws_the_same_locations_whenever_it_is_run():
    images = np.zeros((3, 2, 2, 1), np.uint8)
    task = made_task()
    seeds = EpochSeeds(7)
    seeds.set_model(task)

    def draw(epoch):
        seeds.on_epoch_begin(epoch)
        return numpy_outputs(task(images, training=True)["locations"])[0]

    first, second = draw(0), draw(1)
    np.testing.assert_array_equal(draw(0), first)
    assert np.abs(first - second).min() > 0


def test_configuration_holds_network_and_weights_of_the_loss():
    task = made_task(baseline_weight=0.5, reinforce_weight=2.0, reward="probability")
    copy = RAMTask.from_config(task.get_config())
    assert copy.get_config() == task.get_config()
    assert (copy.baseline_weight, copy.reinforce_weight) == (0.5, 2.0)
    assert copy.reward == "probability"
    assert copy.network.get_config() == task.network.get_config()
