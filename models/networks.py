"""Networks by the name that `--model` takes."""

import keras

from models.joint_attention import JointAttention
from models.posenet import PoseNet

# Class and fixed arguments. The ablations of table 5.7 are joint attention with one part taken
# out: `spatial_attention` looks at one given layer, `layer_attention` at all places alike.
NETWORKS: dict[str, tuple[type[keras.Model], dict]] = {
    "joint_attention": (JointAttention, {}),
    "spatial_attention": (JointAttention, {"layer_attention": False}),
    "layer_attention": (JointAttention, {"attention": None}),
    "posenet": (PoseNet, {}),
}
ATTENTION_NETWORKS = tuple(name for name, (kind, _) in NETWORKS.items() if kind is JointAttention)


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
    network, fixed = NETWORKS[name]
    return network(**(arguments | fixed))
