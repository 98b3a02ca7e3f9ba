"""What every layer and network must stand, in one call, on any Keras backend."""

import contextlib
import inspect
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

# How tests compile: graphs cost TensorFlow seconds to trace, and JAX more without compilation.
FAST = {"jit_compile": True} if keras.backend.backend() == "jax" else {"run_eagerly": True}
MIXED_POLICIES = ("mixed_bfloat16", "mixed_float16")
# Largest difference from single precision, as a part of the output's largest value.
HALF_PRECISION = 0.08


def check_layer(
    kind: type[keras.layers.Layer],
    arguments: dict,
    *inputs: np.ndarray,
    float32_outputs: bool = False,
    policies: Sequence[str] = MIXED_POLICIES,
    prepare: Callable[[keras.layers.Layer], None] | None = None,
) -> None:
    """Configuration, symbolic shapes, saving and precision of one layer or network.

    Args:
        kind: Its class.
        arguments: Of its constructor; other than the defaults where that can matter.
        inputs: Of its `call`, batch first.
        float32_outputs: Every output is float32 whatever the precision.
        policies: Precisions to compare with float32.
        prepare: Sets weights that must not be left to chance, after all were moved.
    """
    _check_configuration(kind, arguments)
    layer = kind(**arguments)
    layer(*inputs)
    randomize(layer)
    if prepare:
        prepare(layer)
    _check_symbolic(layer, inputs)
    _check_saving(kind, arguments, layer, inputs)
    for policy in policies:
        _check_precision(kind, arguments, layer, inputs, policy, float32_outputs)


def randomize(layer: keras.layers.Layer, seed: int = 0, scale: float = 0.1) -> None:
    """Moves every weight that starts at a constant, upwards: variances stay positive.

    Integers stay: they are settings.
    """
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        values = keras.ops.convert_to_numpy(weight.value)
        if np.ptp(values) == 0 and values.dtype.kind == "f":
            weight.assign(values + rng.uniform(0, scale, values.shape))


def gradients(
    function: Callable[[], object], variables: list[keras.Variable]
) -> tuple[float, list[np.ndarray]]:
    """The scalar `function()` and its gradient for each variable (zeros if it has no part)."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = function()
        values = [variable.value for variable in variables]
        found = tape.gradient(value, values, unconnected_gradients="zero")
    else:
        import jax

        def stateless(values):
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                return function()

        # Compiled as one: the derivative of each operation by itself takes many times longer.
        differentiate = jax.jit(jax.value_and_grad(stateless))
        value, found = differentiate([variable.value for variable in variables])
    return float(value), [keras.ops.convert_to_numpy(gradient) for gradient in found]


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Layers made inside work under `policy`."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def numpy_outputs(outputs: object) -> list[np.ndarray]:
    """The arrays in a layer's outputs, in a fixed order; half precision as float32."""
    flat = keras.tree.flatten(outputs)
    return [keras.ops.convert_to_numpy(output).astype(np.float32) for output in flat]


def _check_configuration(kind, arguments):
    layer = kind(**arguments)
    config = layer.get_config()
    parameters = set(inspect.signature(kind.__init__).parameters) - {"self", "kwargs"}
    assert parameters <= config.keys(), f"not in get_config: {parameters - config.keys()}"
    for name, value in arguments.items():
        if name != "kernel_regularizer":
            assert config[name] == value, name
    assert kind.from_config(config).get_config() == config
    through_json = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    assert keras.saving.deserialize_keras_object(through_json).get_config() == config


def _check_symbolic(layer, inputs):
    expected = keras.tree.flatten(layer(*inputs))
    symbols = [keras.KerasTensor((None, *array.shape[1:]), str(array.dtype)) for array in inputs]
    found = keras.tree.flatten(layer(*symbols))
    assert len(found) == len(expected)
    for symbol, value in zip(found, expected, strict=True):
        assert symbol.shape == (None, *value.shape[1:])
        assert symbol.dtype == keras.backend.standardize_dtype(value.dtype)


def _check_saving(kind, arguments, layer, inputs):
    expected = numpy_outputs(layer(*inputs))
    model, fresh = _as_model(layer, inputs), _as_model(kind(**arguments), inputs)
    with tempfile.TemporaryDirectory() as folder:
        weights, archive = Path(folder) / "saved.weights.h5", Path(folder) / "saved.keras"
        model.save_weights(weights)
        fresh.load_weights(weights)
        model.save(archive)
        for restored in (fresh, keras.saving.load_model(archive)):
            given = inputs if isinstance(layer, keras.Model) else [list(inputs)]
            for value, wanted in zip(numpy_outputs(restored(*given)), expected, strict=True):
                np.testing.assert_array_equal(value, wanted)


def _as_model(layer, inputs):
    """Only models can be saved: a layer is wrapped in one."""
    if isinstance(layer, keras.Model):
        if not layer.built:
            layer(*inputs)
        return layer
    symbols = [keras.Input(array.shape[1:], dtype=str(array.dtype)) for array in inputs]
    return keras.Model(symbols, layer(*symbols))


def _check_precision(kind, arguments, layer, inputs, policy, float32_outputs):
    with precision(policy):
        half = kind(**arguments)
        half(*inputs)
        half.set_weights(layer.get_weights())
        outputs = half(*inputs)
        _check_symbolic(half, inputs)
    if float32_outputs:
        dtypes = {keras.backend.standardize_dtype(x.dtype) for x in keras.tree.flatten(outputs)}
        assert dtypes == {"float32"}
    for value, wanted in zip(numpy_outputs(outputs), numpy_outputs(layer(*inputs)), strict=True):
        assert np.isfinite(value).all(), policy
        limit = HALF_PRECISION * max(np.abs(wanted).max(), 1e-3)
        np.testing.assert_allclose(value, wanted, rtol=0, atol=limit, err_msg=policy)
