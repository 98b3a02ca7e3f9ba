"""How much a network computes for one image, in multiply-adds of convolutions and dense layers."""

import math

from models.googlenet import STRIDES


def trunk_multiply_adds(trunk, image_size):
    """Of a built `GoogLeNet` down to each block, the image's side in pixels: tap to count."""
    total = _at(trunk.conv1, image_size // 2)
    total += _at(trunk.conv2_reduce, image_size // 4) + _at(trunk.conv2, image_size // 4)
    down_to = {}
    for tap, block in zip(trunk.taps, trunk.blocks, strict=True):
        total += _at(block, image_size // STRIDES[tap])
        down_to[tap] = total
    return down_to


def attention_multiply_adds(network):
    """Of what a built `JointAttention` does behind its trunk: all adapters, T steps, T answers."""
    steps = _at(network.cell, network.grid) + (_at(network.gate, 1) if network.gate else 0)
    if network.where:
        positions = 1 if network.where.form == "fully_connected" else network.grid
        steps += _at(network.where, positions)
    adapters = sum(_at(adapter, network.grid) for adapter in network.adapters)
    answers = sum(_at(head, 1) for head in network.step_heads)
    return adapters + network.steps * steps + answers


def depth_shares(network):
    """Of a built network with candidates: the trunk's work down to each one, of the deepest's."""
    down_to = trunk_multiply_adds(network.trunk, 224)  # alike for every size
    counts = [down_to[tap] for tap in network.candidates]
    return [count / max(counts) for count in counts]


def _at(layer, side):
    """Of every kernel in `layer` at side x side positions; vectors and peepholes have none."""
    kernels = (w.shape for w in layer.weights if len(w.shape) in (2, 4))
    return sum(math.prod(shape) for shape in kernels) * side**2
