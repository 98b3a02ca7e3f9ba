"""GoogLeNet as a Caffe network definition, to go with a `.caffemodel`."""

from collections.abc import Collection, Sequence

from models.auxiliary_head import AUXILIARY_TAPS
from models.googlenet import INCEPTION_FILTERS
from weights.layer_names import BRANCHES, LAYER_NAMES, tap_name

MAX3 = "pool: MAX kernel_size: 3"
LRN = "local_size: 5 alpha: 0.0001 beta: 0.75"


def deploy_prototxt(
    naming: str = "bvlc",
    side: int = 224,
    parts: Collection[str] = ("trunk",),
    classes: int = 1,
    mean_rgb: Sequence[float] | None = None,
) -> str:
    """The text of a prototxt that runs GoogLeNet on one blue, green, red image.

    Args:
        naming: `bvlc` or `princeton`: whose names the layers have.
        side: Of the image, pixels.
        parts: Of `PARTS`, which classifiers to have; without any it ends at 5b.
        classes: Outputs of each classifier.
        mean_rgb: Stated in the first line; the network does not subtract it.
    """
    net = _Net(naming)
    top = net.trunk(side)
    if "auxiliary" in parts:
        for index, tap in enumerate(AUXILIARY_TAPS):
            net.auxiliary_classifier(index, tap, classes)
    if "classifier" in parts:
        top = net.add("pool5", "Pooling", top, "pool: AVE global_pooling: true")
        top = net.inner_product("head.score", top, classes)
        net.add("prob", "Softmax", top)
    head = ""
    if mean_rgb is not None:
        blue_first = ", ".join(f"{value:g}" for value in reversed(mean_rgb))
        head = f"# Images are blue, green, red in 0..255, minus {blue_first}.\n"
    return head + 'name: "GoogLeNet"\n' + "".join(net.text)


class _Net:
    """Collects layers; methods return the name of the top that they made."""

    def __init__(self, naming: str):
        self.naming = naming
        self.names = {layer.path: layer.named(naming) for layer in LAYER_NAMES}
        self.text: list[str] = []

    def add(
        self, name: str, kind: str, bottoms: str | Sequence[str] = (), parameters: str = ""
    ) -> str:
        bottoms = [bottoms] if isinstance(bottoms, str) else bottoms
        top = bottoms[0] if kind == "ReLU" else name
        lines = [f'name: "{name}"', f'type: "{kind}"']
        lines += [f'bottom: "{bottom}"' for bottom in bottoms] + [f'top: "{top}"']
        if parameters:
            message = {"InnerProduct": "inner_product"}.get(kind, kind.lower())
            lines.append(f"{message}_param {{ {parameters} }}")
        self.text.append("layer {\n" + "".join(f"  {line}\n" for line in lines) + "}\n")
        return top

    def convolution(self, path: str, bottom: str, filters: int, size: int, more: str = "") -> str:
        name = self.names[path]
        padding = f" pad: {size // 2}" if size > 1 else ""
        geometry = f"num_output: {filters} kernel_size: {size}{padding}{more}"
        self.add(name, "Convolution", bottom, geometry)
        return self.add(f"{name}_relu", "ReLU", name)

    def inner_product(self, path: str, bottom: str, outputs: int) -> str:
        return self.add(self.names[path], "InnerProduct", bottom, f"num_output: {outputs}")

    def trunk(self, side: int) -> str:
        shape = f"shape {{ dim: 1 dim: 3 dim: {side} dim: {side} }}"
        top = self.add("data", "Input", (), shape)
        top = self.convolution("trunk.conv1", top, 64, 7, " stride: 2")
        top = self.add("pool1", "Pooling", top, f"{MAX3} stride: 2")
        top = self.add("norm1", "LRN", top, LRN)
        top = self.convolution("trunk.conv2_reduce", top, 64, 1)
        top = self.convolution("trunk.conv2", top, 192, 3)
        top = self.add("norm2", "LRN", top, LRN)
        top = self.add("pool2", "Pooling", top, f"{MAX3} stride: 2")
        for index, tap in enumerate(INCEPTION_FILTERS):
            if tap in ("4a", "5a"):
                top = self.add(
                    {"4a": "pool3", "5a": "pool4"}[tap], "Pooling", top, f"{MAX3} stride: 2"
                )
            top = self.inception(index, tap, top)
        return top

    def inception(self, index: int, tap: str, bottom: str) -> str:
        filters = dict(zip(BRANCHES, INCEPTION_FILTERS[tap], strict=True))

        def convolution(branch: str, bottom: str, size: int) -> str:
            return self.convolution(f"trunk.blocks.{index}.{branch}", bottom, filters[branch], size)

        name = tap_name(tap, self.naming)
        pool = self.add(f"{name}_pool", "Pooling", bottom, f"{MAX3} stride: 1 pad: 1")
        branches = [
            convolution("conv_1x1", bottom, 1),
            convolution("conv_3x3", convolution("conv_3x3_reduce", bottom, 1), 3),
            convolution("conv_5x5", convolution("conv_5x5_reduce", bottom, 1), 5),
            convolution("pool_projection", pool, 1),
        ]
        return self.add(name, "Concat", branches)

    def auxiliary_classifier(self, index: int, tap: str, classes: int) -> None:
        path = f"auxiliary_heads.{index}"
        top = self.add(
            f"auxiliary_pool{index + 1}", "Pooling", tap_name(tap, self.naming),
            "pool: AVE kernel_size: 5 stride: 3",
        )  # fmt: skip
        top = self.convolution(f"{path}.project", top, 128, 1)
        top = self.inner_product(f"{path}.dense", top, 1024)
        top = self.add(f"{top}_relu", "ReLU", top)
        self.inner_product(f"{path}.head.score", top, classes)
