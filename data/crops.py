"""Crops of images, and what the camera of a crop sees."""

import tensorflow as tf

PREPARED_SIDE = 256  # short side of prepared images, for crops of 224; scene images are square


def short_side(image_size: int) -> int:
    """Short side, even, before a crop of `image_size`: 256 for 224, as in the thesis."""
    return 2 * round(PREPARED_SIDE * image_size / 224 / 2)


def to_crop_scale(prepared: tf.Tensor, image_size: int) -> tf.Tensor:
    """Prepared images [H, W, 3] or [B, H, W, 3] at the scale that crops are cut from.

    Both sides become even, as crops are, so that a crop can have the image's own centre: of small
    images half a pixel is a quarter of a degree. What is at that scale already stays as it is.
    """
    side = short_side(image_size)
    return prepared if side == PREPARED_SIDE else resize_short_side(prepared, side, multiple=2)


def resize_short_side(image: tf.Tensor, side: int, multiple: int = 1) -> tf.Tensor:
    """[H, W, 3] or [B, H, W, 3] to short side `side`, antialiased, in uint8.

    The aspect is kept as far as both sides can be multiples of `multiple`.
    """
    shape = tf.cast(tf.shape(image)[-3:-1], tf.float32)
    scale = float(side) / tf.reduce_min(shape)
    target = multiple * tf.cast(tf.round(shape * scale / multiple), tf.int32)
    resized = tf.image.resize(tf.cast(image, tf.float32), target, antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), tf.uint8)


def random_crop(image: tf.Tensor, size: int, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """A crop [size, size, 3] anywhere in [H, W, 3], and how far (right, down) of its centre."""
    freedom = tf.shape(image)[:2] - size
    share = tf.random.stateless_uniform([2], seed)
    start = tf.cast(share * tf.cast(freedom + 1, tf.float32), tf.int32)
    crop = image[start[0] : start[0] + size, start[1] : start[1] + size]
    offset = tf.cast(start, tf.float32) - tf.cast(freedom, tf.float32) / 2.0
    return tf.ensure_shape(crop, (size, size, 3)), offset[::-1]


def turned(pose: tf.Tensor, direction: tf.Tensor) -> tf.Tensor:
    """The pose [7] after turning the camera, by the shortest way, to look at (x, y, 1).

    Args:
        pose: Of a camera that looks along its z axis; x is to the right and y down.
        direction: [2] x and y, in the camera's axes.
    """
    ray = tf.concat([direction, [1.0]], 0)
    x, y, z = tf.unstack(ray / tf.norm(ray))
    # From (0, 0, 1) to (x, y, z): half way between no rotation and twice as far.
    b = tf.stack([1.0 + z, -y, x, 0.0])
    b = b / tf.norm(b)
    a = pose[3:]
    product = tf.stack([
        a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
        a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
        a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
        a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
    ])  # fmt: skip
    return tf.concat([pose[:3], tf.where(product[0] < 0.0, -product, product)], 0)


def centre_crop(image: tf.Tensor, size: int) -> tf.Tensor:
    """[..., H, W, 3] to [..., size, size, 3]."""
    shape = tf.shape(image)
    top, left = (shape[-3] - size) // 2, (shape[-2] - size) // 2
    crop = image[..., top : top + size, left : left + size, :]
    return tf.ensure_shape(crop, [*image.shape[:-3], size, size, 3])
