"""Names of GoogLeNet's layers: here, in BVLC's and MIT's files, and in Princeton's."""

from collections.abc import Collection
from dataclasses import dataclass

from models.auxiliary_head import AUXILIARY_TAPS
from models.googlenet import TAPS

NAMINGS = ("bvlc", "princeton")
PARTS = ("trunk", "auxiliary", "classifier")


@dataclass(frozen=True)
class LayerName:
    """One layer that has weights.

    Attributes:
        part: `trunk`, `auxiliary` or `classifier`.
        path: Attributes that lead to it from a `GoogLeNetClassifier`; those of the trunk do so
            from every network that has one.
        bvlc: Its name in the files of BVLC (ImageNet) and MIT (Places205, Places365).
        princeton: Its name in Princeton's files.
    """

    part: str
    path: str
    bvlc: str
    princeton: str

    def named(self, naming: str) -> str:
        """The name under one of `NAMINGS`."""
        return {"bvlc": self.bvlc, "princeton": self.princeton}[naming]

    @property
    def reads_image(self) -> bool:
        """Whether its input channels are those of the image: Caffe's are blue, green, red."""
        return self.path == "trunk.conv1"

    @property
    def reads_map(self) -> bool:
        """Whether it is a dense layer over a map: Caffe flattens C, H, W."""
        return self.path.endswith(".dense")


BRANCHES = {
    "conv_1x1": ("1x1", "out0"),
    "conv_3x3_reduce": ("3x3_reduce", "reduction1"),
    "conv_3x3": ("3x3", "out1"),
    "conv_5x5_reduce": ("5x5_reduce", "reduction2"),
    "conv_5x5": ("5x5", "out2"),
    "pool_projection": ("pool_proj", "out3"),
}
AUXILIARY = {
    "project": ("conv", "reduction"),
    "dense": ("fc", "fc1"),
    "head.score": ("classifier", "fc2"),
}
LAYER_NAMES = (
    LayerName("trunk", "trunk.conv1", "conv1/7x7_s2", "conv1"),
    LayerName("trunk", "trunk.conv2_reduce", "conv2/3x3_reduce", "reduction2"),
    LayerName("trunk", "trunk.conv2", "conv2/3x3", "conv2"),
    *(
        LayerName(
            "trunk",
            f"trunk.blocks.{index}.{branch}",
            f"inception_{tap}/{bvlc}",
            f"icp{index + 1}_{princeton}",
        )
        for index, tap in enumerate(TAPS)
        for branch, (bvlc, princeton) in BRANCHES.items()
    ),
    *(
        LayerName(
            "auxiliary",
            f"auxiliary_heads.{index}.{layer}",
            f"loss{index + 1}/{bvlc}",
            f"cls{index + 1}_{princeton}",
        )
        for index in range(len(AUXILIARY_TAPS))
        for layer, (bvlc, princeton) in AUXILIARY.items()
    ),
    LayerName("classifier", "head.score", "loss3/classifier", "cls3_fc"),
)


def layers_of(part: str) -> list[LayerName]:
    """The layers of one of `PARTS`, from the image on."""
    return [layer for layer in LAYER_NAMES if layer.part == part]


def tap_name(tap: str, naming: str) -> str:
    """The layer that joins the four branches of a block, as `inception_3a/output`."""
    return {
        "bvlc": f"inception_{tap}/output",
        "princeton": f"icp{TAPS.index(tap) + 1}_out",
    }[naming]


def recognise(names: Collection[str]) -> str | None:
    """Which of `NAMINGS` the trunk's names follow; None where neither names half of it."""
    trunk = layers_of("trunk")
    found = {naming: sum(layer.named(naming) in names for layer in trunk) for naming in NAMINGS}
    best = max(NAMINGS, key=found.get)
    return best if 2 * found[best] >= len(trunk) else None
