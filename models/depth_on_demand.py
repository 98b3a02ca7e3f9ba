"""A trunk that runs only as deep as the layer gate asks."""

from keras import ops

from models.googlenet import CHANNELS, STRIDES, TAPS


def call_on_demand(network, images):
    """What `network(images)` returns, with as little of the trunk as the gates leave.

    The shallowest candidate is always computed; what lies between it and a deeper one only when a
    step selects that layer, or one behind it, for any image of the batch. The outputs are the
    same: layers that are not selected have weight zero in them.

    Args:
        network: A `JointAttention`, built.
        images: RGB [B, S, S, 3] in 0..255.

    Returns:
        A dictionary, as the network does outside training.
    """
    if network.gate is None or len(network.candidates) == 1:
        return network(images, training=False)
    trunk = _GrowingTrunk(network, images)
    outputs, _ = network.look(ops.shape(images)[0], trunk.read)
    return outputs


class _GrowingTrunk:
    """The candidates' maps of a batch; those that no gate has asked for yet are zeros."""

    def __init__(self, network, images):
        self.network = network
        self.images = images
        # A rank is a position in this order; the gate's columns are in the candidates' own.
        self.taps = sorted(network.candidates, key=TAPS.index)
        self.columns = [network.candidates.index(tap) for tap in self.taps]
        stem = network.trunk.stem(images)
        first = network.trunk.continue_to(self.taps[0], stem)[self.taps[0]]
        self.computed = [self._with_feature(0, first), *map(self._nothing, self.taps[1:])]
        self.deepest = ops.zeros((), "int32")  # rank

    def read(self, gate):
        """The L maps [B, G, G, D]: right for what this row of the gate [B, L] selects."""
        by_rank = ops.take(gate, self.columns, axis=-1)
        ranks = ops.sum(by_rank * ops.arange(len(self.taps), dtype=by_rank.dtype), axis=-1)
        asked = ops.cast(ops.max(ranks), "int32")
        asked = ops.maximum(self.deepest, asked)
        for rank in range(1, len(self.taps)):
            self.computed[rank] = ops.cond(
                ops.logical_and(self.deepest < rank, rank <= asked),
                lambda rank=rank: self._continue(rank),
                lambda rank=rank: self.computed[rank],
            )
        self.deepest = asked
        return [self.computed[self.taps.index(tap)][1] for tap in self.network.candidates]

    def _continue(self, rank):
        before, tap = self.taps[rank - 1 : rank + 1]
        found = self.network.trunk.continue_to(tap, self.computed[rank - 1][0], before)[tap]
        return self._with_feature(rank, found)

    def _with_feature(self, rank, found):
        """A tap's map and what its adapter makes of it."""
        return found, self.network.adapters[self.columns[rank]](found, training=False)

    def _nothing(self, tap):
        network, (batch, height, width) = self.network, ops.shape(self.images)[:3]
        shape = (batch, height // STRIDES[tap], width // STRIDES[tap], CHANNELS[tap])
        feature = (batch, network.grid, network.grid, network.adapters[0].depth)
        return (
            ops.zeros(shape, network.trunk.compute_dtype),
            ops.zeros(feature, network.adapters[0].compute_dtype),
        )
