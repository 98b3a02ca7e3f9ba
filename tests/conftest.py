"""What has to stand before Keras is imported, and fixtures of several files."""

import errno
import os
import sys
from functools import partial

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if os.environ.get("KERAS_BACKEND") == "jax":
    # JAX compiles each small operation by itself: without optimising, a network is ready in a
    # fifth of the time, and by the older code generator in two thirds of that.
    os.environ.setdefault(
        "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
    )


@pytest.fixture(autouse=True)
def float32_afterwards():
    """Leaves no test the precision of a network that the one before has made."""
    yield
    if keras := sys.modules.get("keras"):
        keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="class")
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


@pytest.fixture
def prepared_copies(tmp_path, monkeypatch):
    """Has a test keep its prepared copies to itself."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))


@pytest.fixture
def fill_disk(monkeypatch):
    """Leaves no room, once it is called, for what is written whole or row by row."""

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    return partial(monkeypatch.setattr, os, "fsync", full)


@pytest.fixture
def small_room(prepared_copies, monkeypatch):
    """Has the room rendered in a few images: all 576 take half a minute."""
    from data import synthetic

    few = {"train_sequences": 2, "test_sequences": 1, "frames_per_sequence": 2}
    monkeypatch.setattr(synthetic, "write_room", partial(synthetic.write_room, **few))
