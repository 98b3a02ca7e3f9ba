"""The last layer of a classifier: features to one score a class."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("whatwhere")
class ClassHead(layers.Layer):
    """Features [..., F] to logits [..., K] in float32.

    Args:
        classes: Their number, K.
        kernel_regularizer: Penalty on the kernel.
    """

    def __init__(self, classes: int, kernel_regularizer=None, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.classes = classes
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.score = layers.Dense(
            classes, kernel_regularizer=self.kernel_regularizer, dtype="float32", name="logits"
        )

    def build(self, input_shape):
        self.score.build(input_shape)

    def call(self, features, training=False):
        return self.score(ops.cast(features, "float32"))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.classes)

    def get_config(self):
        return {
            **super().get_config(),
            "classes": self.classes,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
