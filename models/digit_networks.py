"""The networks without glimpses that the Recurrent Attention Model is compared with."""

import keras
from keras import layers, ops

from models.class_head import ClassHead


@keras.saving.register_keras_serializable("whatwhere")
class FullyConnected(keras.Model):
    """Images [B, S, S, C] in 0..255 to {`logits`: [B, K]}, by dense layers on all pixels.

    Args:
        classes: Their number, K.
        units: Of the ReLU layers: (256, 256), or (64, 64) in the paper's smaller one.
        l2: Weight of the penalty on the sum of squares of each kernel; biases have none.

    Reference: Mnih et al. 2014, table 1.
    """

    def __init__(self, classes=10, units=(256, 256), l2=0.0, **kwargs):
        super().__init__(**kwargs)
        self._config = {"classes": classes, "units": tuple(units), "l2": l2}
        regularizer = keras.regularizers.L2(l2) if l2 else None
        self.stack = [
            layers.Dense(
                size, activation="relu", kernel_regularizer=regularizer, name=f"dense_{index + 1}"
            )
            for index, size in enumerate(units)
        ]
        self.head = ClassHead(classes, regularizer, name="class_head")

    def build(self, input_shape):
        _, height, width, channels = input_shape
        features = height * width * channels
        for layer in self.stack:
            layer.build((None, features))
            features = layer.units
        self.head.build((None, features))

    def call(self, images, training=False):
        x = flat(ops.cast(images, self.compute_dtype) / 255.0)
        for layer in self.stack:
            x = layer(x)
        return {"logits": self.head(x)}

    def get_config(self):
        return {**super().get_config(), **self._config}


@keras.saving.register_keras_serializable("whatwhere")
class ConvolutionalDigits(keras.Model):
    """Images [B, S, S, C] in 0..255 to {`logits`: [B, K]}, by one convolution and a dense layer.

    Eight filters of 10x10 at a stride of 5, then 256 units, each with a ReLU.

    Args:
        classes: Their number, K.
        l2: Weight of the penalty on the sum of squares of each kernel; biases have none.

    Raises:
        ValueError: On building: images smaller than a filter.

    Reference: Mnih et al. 2014, section 4.1.
    """

    def __init__(self, classes=10, l2=0.0, **kwargs):
        super().__init__(**kwargs)
        self._config = {"classes": classes, "l2": l2}
        regularizer = keras.regularizers.L2(l2) if l2 else None
        self.convolution = layers.Conv2D(
            8, 10, strides=5, activation="relu", kernel_regularizer=regularizer, name="convolution"
        )
        self.dense = layers.Dense(
            256, activation="relu", kernel_regularizer=regularizer, name="dense"
        )
        self.head = ClassHead(classes, regularizer, name="class_head")

    def build(self, input_shape):
        _, height, width, _ = input_shape
        if min(height, width) < 10:
            raise ValueError(f"images of {height}x{width} pixels are smaller than a 10x10 filter")
        self.convolution.build(input_shape)
        _, height, width, channels = self.convolution.compute_output_shape(input_shape)
        self.dense.build((None, height * width * channels))
        self.head.build((None, self.dense.units))

    def call(self, images, training=False):
        maps = self.convolution(ops.cast(images, self.compute_dtype) / 255.0)
        return {"logits": self.head(self.dense(flat(maps)))}

    def get_config(self):
        return {**super().get_config(), **self._config}


def flat(x):
    """[B, ...] to [B, F]."""
    features = 1
    for size in x.shape[1:]:
        features *= size
    return ops.reshape(x, (-1, features))
