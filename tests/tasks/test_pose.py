"""Losses and metrics of poses, by hand."""

import keras
import numpy as np
import pytest
from keras import ops

from tasks import pose, task
from tests.models.checks import gradients, numpy_outputs


def turned(degrees, axis=(0.0, 0.0, 1.0), position=(0.0, 0.0, 0.0)):
    """A pose [1, 7], float32, turned about `axis`."""
    half = np.radians(degrees) / 2
    axis = np.array(axis) / np.linalg.norm(axis)
    return np.array([[*position, np.cos(half), *(np.sin(half) * axis)]], np.float32)


def value(x):
    return float(ops.convert_to_numpy(x).squeeze())


def test_position_distance_is_the_plain_norm_in_metres():
    far = turned(0, position=(3.0, 4.0, 12.0))
    assert value(pose.position_distance(turned(90), far)) == pytest.approx(13.0, rel=1e-6)


def test_quaternion_distance_is_the_chord():
    # cos 45 and sin 45 against 1 and 0: (1 - .7071)^2 + .7071^2 = 0.5858.
    found = value(pose.quaternion_distance(turned(0), turned(90)))
    assert found == pytest.approx(0.585786**0.5, rel=1e-5)


@pytest.mark.parametrize("degrees", [0, 0.1, 1, 90, 179, 180])
@pytest.mark.parametrize("axis", [(0, 0, 1), (1, -2, 3)])
def test_orientation_error_is_the_angle_of_the_turn_in_float32(degrees, axis):
    found = value(pose.orientation_error_deg(turned(30, axis), turned(30 + degrees, axis)))
    assert found == pytest.approx(degrees, abs=0.01)


@pytest.mark.parametrize("degrees", [0, 90, 170])
def test_q_and_minus_q_are_one_orientation(degrees):
    negated = turned(degrees) * [1, 1, 1, -1, -1, -1, -1]
    found = value(pose.orientation_error_deg(turned(0), negated.astype(np.float32)))
    assert found == pytest.approx(degrees, abs=0.01)


@pytest.mark.parametrize(
    "distance", [pose.position_distance, pose.quaternion_distance, pose.orientation_error_deg]
)
def test_gradient_is_finite_where_the_prediction_is_right(distance):
    predicted = keras.Variable(turned(30), dtype="float32")
    _, (found,) = gradients(lambda: ops.sum(distance(turned(30), predicted + 0.0)), [predicted])
    assert np.isfinite(found).all()


def maps_of(logits):
    """Attention [B, T, H, W] from logits of the same shape."""
    batch, steps, height, width = logits.shape
    flat = ops.softmax(ops.reshape(logits, (batch, steps, height * width)))
    return ops.reshape(flat, (batch, steps, height, width))


def equation_4_2_as_printed(attention):
    return ops.sum(1.0 - ops.sum(attention, axis=1))


def test_penalty_of_equation_4_2_needs_its_square_to_have_a_gradient():
    logits = np.random.default_rng(0).normal(size=(1, 2, 2, 3))
    logits = keras.Variable(logits, dtype="float32")
    printed, (of_printed,) = gradients(
        lambda: equation_4_2_as_printed(maps_of(logits + 0.0)), [logits]
    )
    assert printed == pytest.approx(6 - 2, rel=1e-5)  # cells - steps, whatever the maps
    np.testing.assert_allclose(of_printed, 0.0, atol=1e-6)
    _, (found,) = gradients(lambda: task.attention_penalty(maps_of(logits + 0.0)), [logits])
    assert np.abs(found).max() > 0.01


def test_penalty_is_zero_where_the_steps_together_see_every_cell_equally():
    uniform = np.full((2, 3, 4, 4), 1 / 16, np.float32)
    assert value(task.attention_penalty(uniform)) == pytest.approx(0, abs=1e-12)
    in_turns = np.zeros((1, 4, 2, 2), np.float32)
    for step, cell in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        in_turns[0, step][cell] = 1
    assert value(task.attention_penalty(in_turns)) == pytest.approx(0, abs=1e-12)


def test_penalty_of_one_cell_alone_by_hand():
    # Seen 4 times its share, the three others never: ((1 - 4)^2 + 3 * 1) / 4 = 3.
    alone = np.zeros((2, 2, 2, 2), np.float32)
    alone[:, :, 0, 1] = 1
    assert value(task.attention_penalty(alone)) == pytest.approx(3.0, rel=1e-6)


def test_imbalance_of_layers_by_hand():
    rows = np.eye(3, dtype=np.float32)
    # Every step of an image another layer, or every image: over the batch all are equally often.
    assert value(task.layer_imbalance(np.stack([rows, rows]))) == pytest.approx(0, abs=1e-12)
    assert value(task.layer_imbalance(rows[:, None])) == pytest.approx(0, abs=1e-12)
    # One of three alone: ((1 - 3)^2 + 1 + 1) / 3 = 2. Two of three: (2 * (1 - 1.5)^2 + 1) / 3.
    assert value(task.layer_imbalance(rows[None, [0, 0]])) == pytest.approx(2, rel=1e-6)
    assert value(task.layer_imbalance(rows[None, [0, 2]])) == pytest.approx(0.5, rel=1e-6)


def test_penalty_depends_neither_on_the_grid_nor_on_the_number_of_steps():
    coarse = np.array([[[[0.5, 0.25], [0.125, 0.125]]]], np.float32)
    fine = coarse.repeat(3, axis=2).repeat(3, axis=3) / 9
    twice = coarse.repeat(2, axis=1)
    expected = value(task.attention_penalty(coarse))
    assert expected > 0.1
    assert value(task.attention_penalty(fine)) == pytest.approx(expected, rel=1e-5)
    assert value(task.attention_penalty(twice)) == pytest.approx(expected, rel=1e-5)


def test_perplexity_counts_the_cells_that_are_looked_at():
    maps = np.zeros((1, 3, 4, 4), np.float32)
    maps[0, 0] = 1 / 16
    maps[0, 1, 2, 3] = 1
    maps[0, 2, :2, 0] = 0.5
    (found,) = numpy_outputs(task.perplexity(maps))
    np.testing.assert_allclose(found, [[16, 1, 2]], rtol=1e-5)


@pytest.mark.parametrize(("centre", "spread"), [(0.2, 1.0), (8.0, 0.5), (90.0, 2.0)])
def test_streaming_median_is_within_one_percent(centre, spread):
    values = centre * np.exp(np.random.default_rng(0).normal(0, spread, 4001)).astype(np.float32)
    median = pose.StreamingMedian()
    for batch in np.array_split(values, 7):
        median.update_state(batch)
    assert float(median.result()) == pytest.approx(np.median(values), rel=0.01)
    median.reset_state()
    median.update_state(np.array([1.0, 5.0, 100.0], np.float32))
    assert float(median.result()) == pytest.approx(5.0, rel=0.01)


def test_streaming_median_clamps_what_lies_outside():
    median = pose.StreamingMedian(smallest=0.1, largest=10.0, bins=1000)
    median.update_state(np.array([0.0, 0.0, 1.0], np.float32))
    assert float(median.result()) == pytest.approx(0.1, rel=0.01)
    median.update_state(np.full(4, 1e6, np.float32))
    assert float(median.result()) == pytest.approx(10.0, rel=0.01)


def test_streaming_median_keeps_its_configuration():
    median = pose.StreamingMedian("m", smallest=0.1, largest=10.0, bins=50)
    restored = pose.StreamingMedian.from_config(median.get_config())
    assert (restored.name, restored.smallest, restored.largest) == ("m", 0.1, 10.0)
    assert restored.counts.shape == (50,)


def test_expected_depth_of_one_hot_rows_is_that_of_the_deepest():
    shares = [1.0, 0.25, 0.5]
    rows = np.eye(3, dtype=np.float32)
    for steps, deepest in (([1, 1], 0.25), ([1, 2], 0.5), ([2, 0], 1.0), ([0, 0], 1.0)):
        found = value(task.expected_depth(rows[None, steps], shares))
        assert found == pytest.approx(deepest), steps
    mixed = np.stack([rows[[1, 1]], rows[[2, 0]]])
    assert value(task.expected_depth(mixed, shares)) == pytest.approx((0.25 + 1) / 2)


def test_expected_depth_of_probabilities_by_enumeration():
    shares = [0.3, 1.0, 0.6]
    rows = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], np.float32)
    expected = sum(
        rows[0, first] * rows[1, second] * max(shares[first], shares[second])
        for first in range(3)
        for second in range(3)
    )
    assert value(task.expected_depth(rows[None], shares)) == pytest.approx(expected, rel=1e-5)
