"""Settings that have to stand before Keras is imported."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if os.environ.get("KERAS_BACKEND") == "jax":
    # JAX compiles each small operation by itself: without optimising, a network is ready in a
    # fifth of the time.
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
