"""GoogLeNet's auxiliary head: Caffe's pooling, and the head of a classifier."""

import numpy as np
import pytest
from keras import ops

from models.auxiliary_head import AuxiliaryHead, average_pool
from models.class_head import ClassHead
from tests.models.checks import check_layer, numpy_outputs


@pytest.mark.parametrize(("side", "windows"), [(14, 4), (6, 2), (5, 1), (3, 1), (8, 2), (9, 3)])
def test_pooling_is_caffes(side, windows):
    x = np.random.default_rng(0).normal(size=(2, side, side, 3)).astype(np.float32)
    starts = [3 * window for window in range(windows)]
    expected = np.stack(
        [
            np.stack([x[:, r : r + 5, c : c + 5].mean((1, 2)) for c in starts], axis=1)
            for r in starts
        ],
        axis=1,
    )
    np.testing.assert_allclose(ops.convert_to_numpy(average_pool(x)), expected, atol=1e-6)


def test_dropout_stands_before_the_head_in_training_alone():
    head = AuxiliaryHead(ClassHead(5), seed=1)
    x = np.random.default_rng(0).normal(size=(2, 14, 14, 3)).astype(np.float32)
    first, second = numpy_outputs([head(x, training=True) for _ in range(2)])
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_array_equal(*numpy_outputs([head(x) for _ in range(2)]))


def test_checks_of_the_class_head():
    x = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
    arguments = {"classes": 5, "kernel_regularizer": "l2"}
    check_layer(ClassHead, arguments, x, float32_outputs=True)
