import numpy as np
import pytest

from models.googlenet_classifier import GoogLeNetClassifier
from weights.googlenet_blobs import IMAGE_SIZE, blobs_from_network

CLASSES = 10


@pytest.fixture(scope="session")
def network():
    """A whole GoogLeNet with random weights that keep activations in the hundreds.

    At that size the local response normalisation divides by more than two.
    """
    network = GoogLeNetClassifier(CLASSES)
    network.build((None, IMAGE_SIZE, IMAGE_SIZE, 3))
    rng = np.random.default_rng(0)
    for weight in network.trainable_variables:
        fan_in = np.prod(weight.shape[:-1])
        scale = np.sqrt(2 / fan_in) if weight.path.endswith("kernel") else 1.0
        weight.assign(rng.normal(scale=scale, size=weight.shape))
    return network


@pytest.fixture(scope="session")
def blobs(network):
    """Its layers under BVLC's names, in Caffe's shapes."""
    return blobs_from_network(network)
