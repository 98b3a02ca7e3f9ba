"""Settings that have to stand before Keras is imported."""

import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if os.environ.get("KERAS_BACKEND") == "jax":
    # JAX compiles each small operation by itself: without optimising, a network is ready in a
    # fifth of the time.
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")


@pytest.fixture
def eagerly():
    """Trains without graphs: a few steps are over before a graph of them would be traced."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
