"""A sum of dense layers on several inputs, as one matrix product."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("whatwhere")
class LinearSum(layers.Layer):
    """Linear(x_1) + Linear(x_2) + ..., for a list of inputs [B, F_i], to [B, units].

    The kernels lie in one matrix, so that it costs one product; each starts as if it were alone.
    With fewer inputs than it was built for, the rest count as zeros.

    Args:
        units: Of the output.
        kernel_initializers: Of each input's kernel in turn; Glorot's for those not named.
        kernel_regularizer: Penalty on the kernels.
    """

    def __init__(self, units, kernel_initializers=(), kernel_regularizer=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.kernel_initializers = [keras.initializers.get(given) for given in kernel_initializers]
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shapes):
        sizes = [shape[-1] for shape in input_shapes]
        # One for each input: an initializer gives kernels of one shape the same values.
        glorot = [keras.initializers.GlorotUniform() for _ in sizes]
        starts = [*self.kernel_initializers, *glorot[len(self.kernel_initializers) :]]

        def initializer(shape, dtype=None):
            kernels = zip(starts, sizes, strict=True)
            return ops.concatenate([start((size, self.units), dtype) for start, size in kernels])

        self.kernel = self.add_weight(
            (sum(sizes), self.units), initializer, regularizer=self.kernel_regularizer,
            name="kernel",
        )  # fmt: skip
        self.bias = self.add_weight((self.units,), "zeros", name="bias")

    def call(self, inputs):
        x = ops.concatenate(inputs, axis=-1) if len(inputs) > 1 else inputs[0]
        kernel = self.kernel if x.shape[-1] == self.kernel.shape[0] else self.kernel[: x.shape[-1]]
        return ops.matmul(x, kernel) + self.bias

    def compute_output_shape(self, input_shapes):
        return (input_shapes[0][0], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_initializers": [
                keras.initializers.serialize(given) for given in self.kernel_initializers
            ],
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
