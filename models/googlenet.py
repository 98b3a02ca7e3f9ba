"""GoogLeNet (Szegedy et al. 2015) with Caffe's geometry: the trunk under every network here."""

import math

import keras
from keras import layers, ops

# Filters of each inception block: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection
# (Szegedy et al. 2015, table 1).
INCEPTION_FILTERS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
TAPS = tuple(INCEPTION_FILTERS)
STRIDES = {tap: {"3": 8, "4": 16, "5": 32}[tap[0]] for tap in TAPS}
CHANNELS = {tap: f[0] + f[2] + f[4] + f[5] for tap, f in INCEPTION_FILTERS.items()}


def check_taps(names: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """Returns `names` as a tuple.

    Raises:
        ValueError: No name, a name twice, or one that GoogLeNet has no block for.
    """
    for name in names:
        if name not in INCEPTION_FILTERS:
            raise ValueError(f"unknown layer '{name}': GoogLeNet has {', '.join(TAPS)}")
    if not names or len(set(names)) != len(names):
        raise ValueError(f"layers must be one or more different names, not '{','.join(names)}'")
    return tuple(names)


@keras.saving.register_keras_serializable("whatwhere")
class LocalResponseNormalization(layers.Layer):
    """Divides each channel by (1 + alpha/n * sum of n neighbours' squares)^beta.

    The exponent beta is 0.75, taken as two square roots. The sum over neighbouring channels is a
    product with a band matrix: it has a kernel in every precision and on every backend, and costs
    less than shifting the map n times.

    Args:
        size: Channels in the window, n; odd.
        alpha: Scale of the sum, as Caffe counts it (divided by n inside).

    Reference: Krizhevsky et al. 2012, section 3.3.
    """

    def __init__(self, size: int = 5, alpha: float = 1e-4, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.alpha = alpha

    def call(self, x):
        channel = ops.arange(x.shape[-1])
        near = ops.abs(channel[:, None] - channel[None, :]) <= self.size // 2
        # Scaled before squaring: the square of an activation of 256 is no float16 number.
        squares = ops.square(x * math.sqrt(self.alpha / self.size))
        scale = 1.0 + ops.cast(ops.matmul(squares, ops.cast(near, x.dtype)), "float32")
        return x * ops.cast(ops.rsqrt(scale * ops.sqrt(scale)), x.dtype)

    def get_config(self):
        return {**super().get_config(), "size": self.size, "alpha": self.alpha}


@keras.saving.register_keras_serializable("whatwhere")
class Inception(layers.Layer):
    """One inception block: [B, H, W, C] to [B, H, W, sum of the four branches].

    Args:
        filters: Of 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5 and pool projection.
        kernel_regularizer: Penalty on the kernels of its convolutions.
    """

    def __init__(self, filters, kernel_regularizer=None, **kwargs):
        super().__init__(**kwargs)
        self.filters = tuple(filters)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

        def convolution(index: int, size: int, name: str) -> layers.Conv2D:
            return _convolution(self.filters[index], size, name, self.kernel_regularizer)

        self.conv_1x1 = convolution(0, 1, "1x1")
        self.conv_3x3_reduce = convolution(1, 1, "3x3_reduce")
        self.conv_3x3 = convolution(2, 3, "3x3")
        self.conv_5x5_reduce = convolution(3, 1, "5x5_reduce")
        self.conv_5x5 = convolution(4, 5, "5x5")
        self.pool = layers.MaxPooling2D(3, 1, "same", name="pool")
        self.pool_projection = convolution(5, 1, "pool_proj")

    def build(self, input_shape):
        self.conv_1x1.build(input_shape)
        self.conv_3x3_reduce.build(input_shape)
        self.conv_3x3.build((*input_shape[:-1], self.filters[1]))
        self.conv_5x5_reduce.build(input_shape)
        self.conv_5x5.build((*input_shape[:-1], self.filters[3]))
        self.pool_projection.build(input_shape)

    def call(self, x):
        return ops.concatenate(
            [
                self.conv_1x1(x),
                self.conv_3x3(self.conv_3x3_reduce(x)),
                self.conv_5x5(self.conv_5x5_reduce(x)),
                self.pool_projection(self.pool(x)),
            ],
            axis=-1,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


@keras.saving.register_keras_serializable("whatwhere")
class GoogLeNet(keras.Model):
    """The trunk: RGB images [B, H, W, 3] in 0..255 to a dictionary of maps `3a` ... `5b`.

    At 224 x 224 the maps are 28 x 28 (3a, 3b), 14 x 14 (4a ... 4e) and 7 x 7 (5a, 5b). Down to 5b
    it has 5,973,552 parameters. The channels' mean is subtracted inside, in float32.

    Args:
        mean_rgb: Mean of the training images, red, green, blue, in 0..255.
        deepest: The last block that is built; the dictionary ends there.
        l2: Weight of the penalty on the sum of squares of each kernel; biases have none.

    Raises:
        ValueError: An unknown block, or a side of the image that is no multiple of 32 (Caffe's
            rounding of pooled sizes agrees with "same" padding only there).

    Example:
        >>> maps = GoogLeNet()(keras.random.uniform((2, 224, 224, 3), 0, 255))
        >>> maps["5b"].shape
        (2, 7, 7, 1024)
    """

    def __init__(self, mean_rgb=(123.0, 117.0, 104.0), deepest="5b", l2=0.0, **kwargs):
        super().__init__(**kwargs)
        self.mean_rgb = tuple(float(value) for value in mean_rgb)
        self.deepest = check_taps([deepest])[0]
        self.l2 = l2
        regularizer = keras.regularizers.L2(l2) if l2 else None
        self.pad = layers.ZeroPadding2D(3, name="pad")
        self.conv1 = _convolution(64, 7, "conv1_7x7_s2", regularizer, strides=2, padding="valid")
        self.pool1 = layers.MaxPooling2D(3, 2, "same", name="pool1")
        self.norm1 = LocalResponseNormalization(name="norm1")
        self.conv2_reduce = _convolution(64, 1, "conv2_3x3_reduce", regularizer)
        self.conv2 = _convolution(192, 3, "conv2_3x3", regularizer)
        self.norm2 = LocalResponseNormalization(name="norm2")
        self.pool2 = layers.MaxPooling2D(3, 2, "same", name="pool2")
        self.taps = TAPS[: TAPS.index(deepest) + 1]
        self.blocks = [
            Inception(INCEPTION_FILTERS[tap], regularizer, name=f"inception_{tap}")
            for tap in self.taps
        ]
        self.pools = {
            "4a": layers.MaxPooling2D(3, 2, "same", name="pool3"),
            "5a": layers.MaxPooling2D(3, 2, "same", name="pool4"),
        }

    def build(self, input_shape):
        height, width = input_shape[1:3]
        if height % 32 or width % 32:
            raise ValueError(f"image sides must be multiples of 32, not {height} x {width}")
        self.conv1.build((None, height + 6, width + 6, 3))
        self.conv2_reduce.build((None, height // 4, width // 4, 64))
        self.conv2.build((None, height // 4, width // 4, 64))
        channels = 192
        for tap, block in zip(self.taps, self.blocks, strict=True):
            stride = STRIDES[tap]
            block.build((None, height // stride, width // stride, channels))
            channels = CHANNELS[tap]

    def call(self, images):
        return self.continue_to(self.deepest, self.stem(images))

    def stem(self, images):
        """Images to what the first block reads, [B, H / 8, W / 8, 192]."""
        mean = ops.convert_to_tensor(self.mean_rgb, "float32")
        x = ops.cast(ops.cast(images, "float32") - mean, self.compute_dtype)
        x = self.norm1(self.pool1(self.conv1(self.pad(x))))
        return self.pool2(self.norm2(self.conv2(self.conv2_reduce(x))))

    def continue_to(self, last, x, after=None):
        """The maps of the blocks behind `after`, whose map is `x`, down to block `last`.

        Without `after`, `x` is what `stem` returns.
        """
        first = self.taps.index(after) + 1 if after else 0
        end = self.taps.index(last) + 1
        maps = {}
        for tap, block in zip(self.taps[first:end], self.blocks[first:end], strict=True):
            if tap in self.pools:
                x = self.pools[tap](x)
            x = maps[tap] = block(x)
        return maps

    def freeze(self, tap: str) -> None:
        """Leaves every layer from the image down to block `tap`, inclusive, as it is in training.

        Raises:
            ValueError: The trunk has no such block.
        """
        if tap not in self.taps:
            raise ValueError(f"the trunk has no block '{tap}': it ends at {self.deepest}")
        below = self.blocks[: self.taps.index(tap) + 1]
        for layer in (self.conv1, self.conv2_reduce, self.conv2, *below):
            layer.trainable = False

    def get_config(self):
        return {
            **super().get_config(),
            "mean_rgb": self.mean_rgb,
            "deepest": self.deepest,
            "l2": self.l2,
        }


def _convolution(filters, size, name, regularizer, strides=1, padding="same") -> layers.Conv2D:
    return layers.Conv2D(
        filters,
        size,
        strides,
        padding,
        activation="relu",
        kernel_regularizer=regularizer,
        name=name,
    )
