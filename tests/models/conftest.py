import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def same_weights_in_every_run():
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True, scope="package")
def kernels_drawn_by_numpy():
    """On JAX: it would compile the initializer once for each shape, most of a network's build."""
    patch = pytest.MonkeyPatch()
    if keras.backend.backend() == "jax":
        patch.setattr(keras.initializers.GlorotUniform, "__call__", _glorot_uniform)
    yield
    patch.undo()


def _glorot_uniform(self, shape, dtype=None):
    fans = np.prod(shape[:-2]) * (shape[-2] + shape[-1])
    drawn = np.random.uniform(-1, 1, shape) * np.sqrt(6 / fans)
    return keras.ops.convert_to_tensor(drawn, dtype)
