"""The layer gate: hard rows forward, the soft row's gradient backward."""

import keras
import numpy as np
import pytest
from keras import ops

from models.layer_gate import LayerGate, gumbel_noise, one_hot_argmax, straight_through
from tests.models.checks import check_layer, gradients, numpy_outputs, precision, randomize


def states(batch=6, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, 2, 2, 5)).astype(np.float32)


def made_gate(seed=1, **arguments):
    gate = LayerGate(3, embedding=4, seed=seed, **arguments)
    gate(states())
    randomize(gate, scale=1.0)
    gate.temperature.assign(1.0)
    gate.softness.assign(0.0)
    gate.noise.assign(1.0)
    return gate


def logits_of(gate, hidden):
    (logits,) = numpy_outputs(gate.score(gate.embed(hidden.mean((1, 2)))))
    return logits


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@pytest.mark.parametrize("training", [False, True])
def test_rows_are_exactly_one_hot(training):
    (rows,) = numpy_outputs(made_gate()(states(200), training=training))
    assert set(np.unique(rows)) == {0.0, 1.0}
    np.testing.assert_array_equal(rows.sum(-1), 1.0)


def test_outside_training_it_is_the_arg_max_of_the_logits_without_noise():
    gate, hidden = made_gate(), states(50)
    first, second = numpy_outputs([gate(hidden), gate(hidden)])
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first.argmax(-1), logits_of(gate, hidden).argmax(-1))


def test_training_samples_anew_at_each_call():
    gate, hidden = made_gate(), states(50)
    first, second = numpy_outputs([gate(hidden, training=True), gate(hidden, training=True)])
    assert (first != second).any()


def test_sampled_layers_follow_the_softmax_of_the_logits():
    gate = made_gate()
    hidden = np.repeat(states(1), 20_000, axis=0)
    (rows,) = numpy_outputs(gate(hidden, training=True))
    expected = softmax(logits_of(gate, hidden[:1]))[0]
    assert expected.min() > 0.02
    np.testing.assert_allclose(rows.mean(0), expected, atol=0.015)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 3.0])
def test_gradient_is_that_of_the_softmax_at_the_temperature(temperature):
    rng = np.random.default_rng(0)
    logits = keras.Variable(rng.normal(size=(4, 3)), dtype="float32")
    upstream = rng.normal(size=(4, 3)).astype(np.float32)
    _, (found,) = gradients(
        lambda: ops.sum(upstream * straight_through(logits + 0.0, temperature)), [logits]
    )
    _, (expected,) = gradients(
        lambda: ops.sum(upstream * ops.softmax(logits / temperature)), [logits]
    )
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_hard_rows_alone_have_no_gradient():
    logits = keras.Variable([[1.0, 2.0, 0.0]])
    weights = np.array([[3.0, -1.0, 2.0]], np.float32)
    value, (found,) = gradients(lambda: ops.sum(weights * one_hot_argmax(logits + 0.0)), [logits])
    assert value == -1.0
    np.testing.assert_array_equal(found, 0.0)


def test_training_reaches_the_weights_of_the_logits():
    gate, hidden = made_gate(), states()
    upstream = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    _, found = gradients(
        lambda: ops.sum(upstream * gate(hidden, training=True)), gate.trainable_weights
    )
    assert len(found) == 4
    assert all(np.abs(gradient).max() > 1e-4 for gradient in found)


def test_noise_has_the_moments_of_gumbels_distribution():
    (noise,) = numpy_outputs(gumbel_noise((50_000, 2), keras.random.SeedGenerator(3)))
    assert np.isfinite(noise).all()
    assert noise.mean() == pytest.approx(0.5772, abs=0.02)
    assert noise.var() == pytest.approx(np.pi**2 / 6, rel=0.03)


def test_fully_soft_rows_are_the_softmax_of_the_logits():
    gate, hidden = made_gate(), states()
    gate.softness.assign(1.0)
    (rows,) = numpy_outputs(gate(hidden, training=True))
    np.testing.assert_allclose(rows, softmax(logits_of(gate, hidden)), atol=1e-6)


def test_partly_soft_rows_are_a_mixture_of_both():
    gate, hidden = made_gate(), states()
    gate.softness.assign(0.25)
    (rows,) = numpy_outputs(gate(hidden, training=True))
    sampled = (rows - 0.25 * softmax(logits_of(gate, hidden))) / 0.75
    np.testing.assert_allclose(np.sort(sampled, -1), [[0, 0, 1]] * 6, atol=1e-5)


def test_without_noise_training_takes_the_layers_of_testing():
    gate, hidden = made_gate(), states(50)
    gate.noise.assign(0.0)
    trained, tested = numpy_outputs([gate(hidden, training=True), gate(hidden)])
    np.testing.assert_array_equal(trained, tested)


def test_softness_counts_in_training_only():
    gate = made_gate()
    gate.softness.assign(1.0)
    (rows,) = numpy_outputs(gate(states()))
    assert set(np.unique(rows)) == {0.0, 1.0}


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_noise_and_rows_are_float32_in_half_precision(policy):
    with precision(policy):
        rows = made_gate()(states(500), training=True)
        noise = gumbel_noise((50_000,), keras.random.SeedGenerator(0))
    assert keras.backend.standardize_dtype(rows.dtype) == "float32"
    assert keras.backend.standardize_dtype(noise.dtype) == "float32"
    rows, noise = numpy_outputs([rows, noise])
    assert set(np.unique(rows)) == {0.0, 1.0}
    # Half precision has no number near enough to 1 for noise above 8.
    assert np.isfinite(noise).all()
    assert noise.max() > 8


def test_same_seed_draws_the_same_layers():
    gates = [made_gate(seed) for seed in (1, 1, 2)]
    for gate in gates[1:]:
        gate.set_weights(gates[0].get_weights())
    first, same, other = numpy_outputs([gate(states(100), training=True) for gate in gates])
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_schedules_are_no_trainable_weights():
    gate = made_gate()
    found = {weight.name for weight in gate.non_trainable_weights}
    assert found == {"temperature", "softness", "noise"}


def test_checks_of_the_layer():
    arguments = {"num_layers": 3, "embedding": 4, "seed": 1, "kernel_regularizer": "l2"}
    check_layer(LayerGate, arguments, states(), float32_outputs=True)
