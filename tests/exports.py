"""What tests of exported networks share: photographs, and what equal outputs are."""

import numpy as np
import tensorflow as tf


def photographs(height, width, count=2, seed=0):
    """Random blots, so that the images differ after any amount of shrinking."""
    blots = np.random.default_rng(seed).integers(0, 256, (count, 5, 7, 3)).astype(np.float32)
    return tf.cast(tf.image.resize(blots, (height, width)), tf.uint8)


def assert_equal(outputs, expected, tolerance=1e-5):
    assert outputs.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(outputs[name], value, rtol=1e-6, atol=tolerance, err_msg=name)
