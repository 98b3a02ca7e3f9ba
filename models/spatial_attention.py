"""Spatial attention, "where": one place in the selected layer's map."""

import keras
from keras import layers, ops

# The three forms and the kernel sizes each stacks (thesis, 4.2.1 and 5.4).
FORMS = {"convolutional": (3,), "multi_convolutional": (1, 3, 5), "fully_connected": ()}
ACTIVATIONS = ("leaky_relu", "relu")


@keras.saving.register_keras_serializable("whatwhere")
class SpatialAttention(layers.Layer):
    """Attends to places of a map [B, H, W, D], given the hidden state [B, H, W, C].

    h_att = conv(hidden) to D channels; f_att = activation(h_att + features); one channel
    of logits = conv(f_att); A = softmax over all H * W cells, in float32. The glimpse is
    H * W * A * features: a uniform map is the identity, whatever the grid.

    The logits start at zero, so that every map starts uniform: logits drawn at random collapse
    within an epoch to a few cells and stay there.

    Args:
        form: "multi_convolutional" (kernels 1, 3 and 5, stacked), "convolutional" (one kernel
            of 3), or "fully_connected" (Xu et al. 2015: dense layers over all cells).
        activation: "leaky_relu" (section 4.2.1) or "relu" (equation 4.1).
        kernel_regularizer: Penalty on its kernels.
        reduction: Of the embedding's kernels, see `StackedConv2D`.

    Returns:
        The glimpse [B, H, W, D] and the attention map [B, H, W], whose cells sum to 1.

    Raises:
        ValueError: An unknown form or activation.

    Reference: thesis, equation 4.1 and section 4.2.1.
    """

    def __init__(
        self,
        form="multi_convolutional",
        activation="leaky_relu",
        kernel_regularizer=None,
        reduction=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if form not in FORMS:
            raise ValueError(f"unknown attention '{form}': there are {', '.join(FORMS)}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"unknown activation '{activation}': {' or '.join(ACTIVATIONS)}")
        self.form = form
        self.activation = activation
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.reduction = reduction

    def build(self, features_shape, hidden_shape):
        _, height, width, depth = features_shape
        if self.form == "fully_connected":
            self.embed = self._dense(depth, "embedding")
            self.embed.build((None, height * width * hidden_shape[-1]))
            self.score = self._dense(height * width, "mask", kernel_initializer="zeros")
            self.score.build((None, height * width * depth))
            return
        self.embed = StackedConv2D(
            depth, FORMS[self.form], self.kernel_regularizer, self.reduction, name="embedding"
        )
        self.embed.build(hidden_shape)
        # A sum of one-channel convolutions is the stack of them under a 1x1 convolution of ones.
        self.score = [
            layers.Conv2D(
                1, size, padding="same", use_bias=False, kernel_initializer="zeros",
                kernel_regularizer=self.kernel_regularizer, name=f"mask_{size}x{size}",
            )
            for size in FORMS[self.form]
        ]  # fmt: skip
        for convolution in self.score:
            convolution.build(features_shape)

    def _dense(self, units, name, **kwargs) -> layers.Dense:
        return layers.Dense(
            units, use_bias=False, kernel_regularizer=self.kernel_regularizer, name=name, **kwargs
        )

    def call(self, features, hidden):
        height, width, depth = features.shape[1:]
        cells = height * width
        if self.form == "fully_connected":
            embedded = self.embed(ops.reshape(hidden, (-1, cells * hidden.shape[-1])))
            attended = self._activate(ops.expand_dims(embedded, (1, 2)) + features)
            logits = self.score(ops.reshape(attended, (-1, cells * depth)))
        else:
            attended = self._activate(self.embed(hidden) + features)
            logits = sum(convolution(attended) for convolution in self.score)
        logits = ops.reshape(ops.cast(logits, "float32"), (-1, cells))
        attention = ops.reshape(ops.softmax(logits, axis=-1), (-1, height, width))
        scale = ops.cast(ops.expand_dims(attention, -1) * cells, features.dtype)
        return scale * features, attention

    def _activate(self, x):
        return ops.relu(x) if self.activation == "relu" else ops.leaky_relu(x, 0.2)

    def get_config(self):
        return {
            **super().get_config(),
            "form": self.form,
            "activation": self.activation,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "reduction": self.reduction,
        }


@keras.saving.register_keras_serializable("whatwhere")
class StackedConv2D(layers.Layer):
    """Convolutions of several kernel sizes, outputs stacked on channels: an inception block's idea.

    Args:
        filters: Channels in all; divided among the sizes, the first ones take the remainder.
        kernel_sizes: One convolution each.
        kernel_regularizer: Penalty on the kernels.
        reduction: Channels that a 1x1 convolution leaves each larger kernel, as in an inception
            block but linear: the larger kernels then cost a tenth. None gives them all.
    """

    def __init__(
        self, filters: int, kernel_sizes, kernel_regularizer=None, reduction=None, **kwargs
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_sizes = tuple(kernel_sizes)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.reduction = reduction
        self.large = sum(size > 1 for size in self.kernel_sizes) if reduction else 0
        if self.large:
            self.reduce = layers.Conv2D(
                reduction * self.large, 1, use_bias=False,
                kernel_regularizer=self.kernel_regularizer, name="reduce",
            )  # fmt: skip
        share, rest = divmod(filters, len(self.kernel_sizes))
        self.convolutions = [
            layers.Conv2D(
                share + (index < rest),
                size,
                padding="same",
                kernel_regularizer=self.kernel_regularizer,
                name=f"{size}x{size}",
            )
            for index, size in enumerate(self.kernel_sizes)
        ]

    def build(self, input_shape):
        reduced = (*input_shape[:-1], self.reduction)
        if self.large:
            self.reduce.build(input_shape)
        for size, convolution in zip(self.kernel_sizes, self.convolutions, strict=True):
            convolution.build(reduced if self.large and size > 1 else input_shape)

    def call(self, x):
        reduced = iter(ops.split(self.reduce(x), self.large, axis=-1) if self.large else ())
        outputs = [
            convolution(next(reduced) if self.large and size > 1 else x)
            for size, convolution in zip(self.kernel_sizes, self.convolutions, strict=True)
        ]
        return ops.concatenate(outputs, axis=-1) if len(outputs) > 1 else outputs[0]

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_sizes": self.kernel_sizes,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "reduction": self.reduction,
        }
