"""What `fit` does with a network for scenes."""

import keras
import numpy as np
import pytest

from models.joint_attention import JointAttention
from tasks.scene import SceneTask
from tasks.task import layer_imbalance, weighted_by_use
from tests.models.checks import FAST, gradients, numpy_outputs
from tests.tasks.small_networks import SIDE, small_joint_attention

LABELS = np.array([0, 2], np.int32)
# Softmax of [log 2, 0, 0] is [1/2, 1/4, 1/4]: right, then wrong.
LOGITS = np.log(np.array([[2, 1, 1], [2, 1, 1]], np.float32))
BY_HAND = (np.log(2) + np.log(4)) / 2


@pytest.fixture(autouse=True)
def same_weights_in_every_run():
    keras.utils.set_random_seed(0)


def colour_classifier(classes=3):
    images = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Rescaling(1 / 255)(keras.layers.GlobalAveragePooling2D()(images))
    return keras.Model(images, {"logits": keras.layers.Dense(classes)(x)}, name="network")


def made_task(network=None, **arguments):
    task = SceneTask(network or colour_classifier(), **arguments)
    task.build((None, SIDE, SIDE, 3))
    return task


def test_loss_is_cross_entropy_and_auxiliary_logits_count_with_their_weight():
    task = made_task(auxiliary_weight=0.3)
    loss = task.compute_loss(y=LABELS, y_pred={"logits": LOGITS, "auxiliary": [LOGITS, LOGITS]})
    assert float(loss) == pytest.approx(1.6 * BY_HAND, rel=1e-5)
    metrics = {name: float(tracker.result()) for name, tracker in task.trackers.items()}
    assert metrics == pytest.approx({"cross_entropy": BY_HAND, "accuracy": 0.5}, rel=1e-5)


def test_what_steps_answer_by_themselves_has_a_weight_of_its_own():
    task = made_task(step_weight=0.7)
    outputs = {"logits": LOGITS, "auxiliary_by_step": [LOGITS, LOGITS]}
    for each in (task, SceneTask.from_config(task.get_config())):
        loss = each.compute_loss(y=LABELS, y_pred=outputs)
        assert float(loss) == pytest.approx(2.4 * BY_HAND, rel=1e-5)


@pytest.mark.parametrize(("weights", "expected"), [((0.3,), 1.45), ((0.3, 0.1), 1.35)])
def test_what_layers_predict_by_themselves_may_have_a_weight_of_its_own(weights, expected):
    names = ("auxiliary_weight", "layer_auxiliary_weight")
    task = made_task(**dict(zip(names, weights, strict=False)))
    right = 100 * np.eye(3, dtype=np.float32)[LABELS]  # a loss of 0: the mean of both is half
    outputs = {"logits": LOGITS, "auxiliary": [LOGITS], "auxiliary_by_layer": [LOGITS, right]}
    for each in (task, SceneTask.from_config(task.get_config())):
        loss = each.compute_loss(y=LABELS, y_pred=outputs)
        assert float(loss) == pytest.approx(expected * BY_HAND, rel=1e-5)


def test_what_a_layer_predicts_by_itself_counts_as_often_as_it_is_selected():
    task = made_task(layer_auxiliary_weight=0.4)
    gates = np.array([[[1, 0], [1, 0]], [[1, 0], [0, 1]]], np.float32)
    task._update_trackers = lambda *_: None
    right = 100 * np.eye(3, dtype=np.float32)[LABELS]
    for by_layer, expected in (([LOGITS, right], 1.3), ([right, LOGITS], 1.1)):
        outputs = {"logits": LOGITS, "layer_gates": gates, "auxiliary_by_layer": by_layer}
        loss = task.compute_loss(y=LABELS, y_pred=outputs)
        assert float(loss) == pytest.approx(expected * BY_HAND, rel=1e-5)


def test_what_layers_predict_by_themselves_teaches_the_gate_nothing():
    losses = np.array([0.5, 2.0], np.float32)
    rows = keras.Variable([[[0.7, 0.3]]])
    value, (gradient,) = gradients(lambda: weighted_by_use(losses, rows + 0.0), [rows])
    assert value == pytest.approx(0.95)
    assert np.abs(gradient).max() == 0
    _, (gradient,) = gradients(lambda: layer_imbalance(rows + 0.0), [rows])
    assert np.abs(gradient).max() > 0


def test_fit_learns_the_colour_of_a_class():
    rng = np.random.default_rng(0)
    labels = np.arange(60, dtype=np.int32) % 3
    images = np.zeros((60, SIDE, SIDE, 3), np.float32)
    images[np.arange(60), :, :, labels] = rng.uniform(100, 255, (60, 1, 1))
    task = made_task()
    task.compile(keras.optimizers.Adam(0.1), **FAST)
    history = task.fit(images, labels, batch_size=20, epochs=20, verbose=0).history
    assert history["accuracy"][-1] == 1.0
    assert history["cross_entropy"][-1] < history["cross_entropy"][0]
    assert history["loss"][-1] == pytest.approx(history["cross_entropy"][-1], rel=1e-4)


def test_joint_attention_tells_classes_apart_with_gates_and_maps():
    network = small_joint_attention(classes=3)
    images = np.random.default_rng(0).uniform(0, 255, (4, SIDE, SIDE, 3)).astype(np.float32)
    shapes = {name: tuple(value.shape) for name, value in network(images).items()}
    assert shapes == {"logits": (4, 3), "layer_gates": (4, 2, 2), "attention": (4, 2, 2, 2)}
    outputs = network(images, training=True)
    for name in ("auxiliary_by_step", "auxiliary_by_layer"):
        assert [tuple(logits.shape) for logits in outputs[name]] == 2 * [(4, 3)]
    copy = JointAttention.from_config(network.get_config())
    copy(images)
    copy.set_weights(network.get_weights())
    found = numpy_outputs([model(images)["logits"] for model in (network, copy)])
    np.testing.assert_array_equal(*found)


def test_task_of_joint_attention_trains_every_part():
    task = made_task(small_joint_attention(classes=3))
    task.compile(keras.optimizers.Adam(0.01), **FAST)
    before = numpy_outputs([weight.value for weight in task.trainable_variables])
    images = np.random.default_rng(0).uniform(0, 255, (4, SIDE, SIDE, 3)).astype(np.float32)
    task.fit(images, np.array([0, 1, 2, 0], np.int32), epochs=2, batch_size=4, verbose=0)
    after = numpy_outputs([weight.value for weight in task.trainable_variables])
    moved = {
        weight.path.split("/")[2]
        for weight, old, new in zip(task.trainable_variables, before, after, strict=True)
        if np.abs(old - new).max() > 0
    }
    assert {"trunk", "adapter_3a", "adapter_3b", "conv_lstm", "head_step1", "head_step2"} <= moved
