"""What has to stand before Keras is imported, and fixtures of several files."""

import os
import sys

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if os.environ.get("KERAS_BACKEND") == "jax":
    # JAX compiles each small operation by itself: without optimising, a network is ready in a
    # fifth of the time.
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")


@pytest.fixture(autouse=True)
def float32_afterwards():
    """Leaves no test the precision of a network that the one before has made."""
    yield
    if keras := sys.modules.get("keras"):
        keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="module")
def eagerly():
    """Trains without graphs: a few steps are over before a graph of them would be traced."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A root of data sets with a tiny scene in it."""
    from tests.data.writers import write_seven_scenes

    root = tmp_path_factory.mktemp("data")
    write_seven_scenes(root / "7scenes", train=(1, 3, 4), test=(2,), frames=4)
    return root


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Of commands that keep prepared copies to themselves."""
    return os.environ | {"TFDS_DATA_DIR": str(tmp_path_factory.mktemp("tfds"))}
