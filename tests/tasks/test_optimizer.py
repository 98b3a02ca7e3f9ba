"""Adam with factors, against Keras's own Adam."""

import keras
import numpy as np
import pytest

from tasks.optimizer import ScaledAdam
from tests.models.checks import FAST

RATE = 0.1


def two_parts():
    """A model with the parts "trunk" and "head"; the same weights at every call."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.layers.Dense(3, "tanh", name="trunk"), keras.layers.Dense(2, name="head")]
    )
    model.build((None, 4))
    return model


def after_steps(optimizer, steps=3):
    """Weights after `steps` with given gradients, by part."""
    model, rng = two_parts(), np.random.default_rng(0)
    for _ in range(steps):
        drawn = [rng.normal(size=v.shape).astype(np.float32) for v in model.trainable_variables]
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in drawn], model.trainable_variables)
    return [layer.get_weights() for layer in model.layers]


def assert_equal(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_without_factors_it_is_adam():
    for found, expected in zip(
        after_steps(ScaledAdam(RATE)), after_steps(keras.optimizers.Adam(RATE)), strict=True
    ):
        assert_equal(found, expected)


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_a_factor_is_another_learning_rate_for_that_part_alone(factor):
    trunk, head = after_steps(ScaledAdam(RATE, scales={"trunk/": factor}))
    assert_equal(trunk, after_steps(keras.optimizers.Adam(RATE * factor))[0])
    assert_equal(head, after_steps(keras.optimizers.Adam(RATE))[1])


def test_factor_0_freezes_a_part_in_fit():
    model = two_parts()
    before = [layer.get_weights() for layer in model.layers]
    model.compile(ScaledAdam(RATE, scales={"trunk/": 0.0}), "mse", **FAST)
    rng = np.random.default_rng(0)
    model.fit(rng.normal(size=(8, 4)), rng.normal(size=(8, 2)), epochs=2, verbose=0)
    for part, (found, weights) in enumerate(zip(model.layers, before, strict=True)):
        for a, b in zip(found.get_weights(), weights, strict=True):
            assert (a == b).all() == (part == 0)


def test_factors_multiply_a_schedule():
    def schedule(rate):
        return keras.optimizers.schedules.ExponentialDecay(rate, 1, 0.5)

    trunk, _ = after_steps(ScaledAdam(schedule(RATE), scales={"trunk/": 2.0}))
    expected, _ = after_steps(keras.optimizers.Adam(schedule(2 * RATE)))
    assert_equal(trunk, expected)


def test_first_part_that_fits_counts():
    optimizer = ScaledAdam(scales={"attention/mask": 5.0, "attention": 2.0})
    assert optimizer.scale_of("network/spatial_attention/mask_3x3/kernel") == 5.0
    assert optimizer.scale_of("network/spatial_attention/embedding/kernel") == 2.0
    assert optimizer.scale_of("network/pose_head/bias") == 1.0


def test_configuration_keeps_the_factors():
    optimizer = ScaledAdam(RATE, beta_1=0.8, scales={"trunk/": 0.5})
    restored = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(restored, ScaledAdam)
    assert restored.get_config() == optimizer.get_config()
    assert restored.scales == {"trunk/": 0.5}
