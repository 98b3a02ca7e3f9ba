"""Networks by the name that `--model` takes."""

from dataclasses import dataclass, field

import keras

from models.bayesian_posenet import BayesianPoseNet
from models.catch_player import CatchPlayer
from models.digit_networks import ConvolutionalDigits, FullyConnected
from models.googlenet_classifier import GoogLeNetClassifier
from models.joint_attention import JointAttention
from models.lstm_posenet import LSTMPoseNet
from models.posenet import PoseNet
from models.ram import RAM

TASKS = ("pose", "scene")  # of networks with GoogLeNet as their trunk


@dataclass(frozen=True)
class Network:
    """A network that has a name.

    Attributes:
        kind: Its class.
        tasks: What it can be trained for.
        fixed: Arguments of its class that the name fixes.
    """

    kind: type[keras.Model]
    tasks: tuple[str, ...] = TASKS
    fixed: dict = field(default_factory=dict)


# The ablations of table 5.7 are joint attention with one part taken out: `spatial_attention` looks
# at one given layer, `layer_attention` at all places alike.
NETWORKS = {
    "joint_attention": Network(JointAttention),
    "spatial_attention": Network(JointAttention, fixed={"layer_attention": False}),
    "layer_attention": Network(JointAttention, fixed={"attention": None}),
    "posenet": Network(PoseNet, ("pose",)),
    "bayesian_posenet": Network(BayesianPoseNet, ("pose",)),
    "lstm_posenet": Network(LSTMPoseNet, ("pose",)),
    "googlenet": Network(GoogLeNetClassifier, ("scene",)),
    "ram": Network(RAM, ("digit",)),
    "fully_connected": Network(FullyConnected, ("digit",)),
    "convolutional": Network(ConvolutionalDigits, ("digit",)),
    "catch_player": Network(CatchPlayer, ("game",)),
}
ATTENTION_NETWORKS = tuple(name for name, entry in NETWORKS.items() if entry.kind is JointAttention)


def build_network(name: str, /, **arguments: object) -> keras.Model:
    """Makes the network `name`.

    Args:
        name: A key of `NETWORKS`.
        arguments: Of its class; those that the name fixes are overridden.

    Raises:
        ValueError: An unknown name, or arguments that the class refuses.
    """
    if name not in NETWORKS:
        raise ValueError(f"unknown model '{name}': there are {', '.join(NETWORKS)}")
    return NETWORKS[name].kind(**(arguments | NETWORKS[name].fixed))
