"""GoogLeNet as a classifier: its size, its outputs, saving."""

import keras
import numpy as np

from models.googlenet_classifier import GoogLeNetClassifier
from tests.models.checks import MIXED_POLICIES, check_layer


def images():
    return np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)


def test_parameters_of_the_original_at_224():
    network = GoogLeNetClassifier(1000)
    network.build((None, 224, 224, 3))
    # Caffe's bvlc_googlenet: 13,378,280 learned values, auxiliary classifiers included.
    assert network.count_params() == 13_378_280


def test_auxiliary_logits_in_training_only():
    network = GoogLeNetClassifier(3)
    assert {key: tuple(v.shape) for key, v in network(images()).items()} == {"logits": (2, 3)}
    outputs = network(images(), training=True)
    assert [tuple(logits.shape) for logits in outputs["auxiliary"]] == [(2, 3), (2, 3)]


def test_checks_of_the_network():
    arguments = {"classes": 3, "dropout": 0.3, "mean_rgb": (1.0, 2.0, 3.0), "l2": 0.1, "seed": 1}
    policies = () if keras.backend.backend() == "jax" else MIXED_POLICIES
    check_layer(GoogLeNetClassifier, arguments, images(), float32_outputs=True, policies=policies)
