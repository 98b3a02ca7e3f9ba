"""What the evaluations of poses and of scenes share: descriptors, maps, images of the report."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from keras import ops
from PIL import Image

from data.pipeline import Split
from models.multiply_adds import attention_multiply_adds, trunk_multiply_adds
from report.attention_figures import layer_frequencies
from tasks.results import chosen_layers, image_file_name

BATCH = 40


def descriptor_model(network: keras.Model, side: int) -> keras.Model:
    """Images [B, side, side, 3] to descriptors [B, C]: the trunk's deepest map, averaged."""
    trunk = network.trunk
    images = keras.Input((side, side, 3), dtype="uint8")
    descriptor = ops.mean(ops.cast(trunk(images)[trunk.deepest], "float32"), axis=(1, 2))
    model = keras.Model(images, descriptor)
    model.compile(jit_compile=False)
    return model


def describe(network: keras.Model, *splits: Split) -> list[np.ndarray]:
    """The descriptors [N, C] of the images of each split."""
    print(f"describing {sum(map(len, splits))} images for retrieval")
    model = descriptor_model(network, splits[0].image_size)
    return [model.predict(split.test_batches(BATCH)) for split in splits]


def gate_metrics(network: keras.Model, side: int, outputs: dict[str, np.ndarray]) -> dict:
    """What metrics.json says about the layers that gates select. Nothing without gates.

    `layer_shares`: of the images, those for which a step takes a layer; a list of T for each layer.

    The work for an image of `side` pixels, in GFLOP: `gflop_per_image` is the mean with a trunk
    that runs only down to the deepest layer that an image's gates select, `gflop_per_image_full`
    with one that always runs to its end. Those of convolutions and dense layers are counted, two a
    multiply-add.
    """
    if "layer_gates" not in outputs:
        return {}
    down_to = trunk_multiply_adds(network.trunk, side)
    counts = np.array([down_to[tap] for tap in network.candidates])
    asked = outputs["layer_gates"].max(axis=1) * counts
    behind = attention_multiply_adds(network)
    shares = layer_frequencies(outputs["layer_gates"]).T.tolist()
    return {
        "layer_shares": dict(zip(network.candidates, shares, strict=True)),
        "gflop_per_image": 2e-9 * float(asked.max(axis=1).mean() + behind),
        "gflop_per_image_full": 2e-9 * float(counts.max() + behind),
    }


def write(
    folder: Path,
    config: dict,
    tested: Split,
    outputs: dict[str, np.ndarray],
    write_predictions: Callable[..., set[int]],
) -> None:
    """Writes predictions.csv, the attention and the images that the report shows.

    `write_predictions` takes a path, the configuration, the split, the outputs and, for each image,
    the names of the layers chosen (or None), and returns the rows that the report shows.
    """
    chosen = None
    if "layer_gates" in outputs:
        chosen = chosen_layers(outputs["layer_gates"], config["layers"])
    shown = write_predictions(folder / "predictions.csv", config, tested, outputs, chosen)
    maps = {key: outputs[key] for key in ("layer_gates", "attention") if key in outputs}
    if maps:
        np.savez_compressed(folder / "attention.npz", **maps, layers=np.array(config["layers"]))
    (folder / "images").mkdir(exist_ok=True)
    for row, (image, _) in enumerate(tested.test_batches(1).as_numpy_iterator()):
        if row in shown:
            Image.fromarray(image[0]).save(folder / "images" / image_file_name(row), quality=92)
