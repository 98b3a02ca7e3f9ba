"""The sections that the reports of all tasks share."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from report import style
from report.attention_figures import attention_figure, frequency_figure
from report.page import Page
from report.run_files import SplitResults
from report.training_curves import read_history, training_figure


def model_name(results: SplitResults) -> str:
    """The model, with attention its steps and layers too: `joint_attention, 3 steps over 3b`."""
    config = results.config
    model = str(config.get("model", "network"))
    if results.layers and config.get("steps"):
        steps = "1 step" if config["steps"] == 1 else f"{config['steps']} steps"
        model += f", {steps} over {', '.join(results.layers)}"
    return model


def add_metrics(
    page: Page,
    results: SplitResults,
    metric_rows: Callable[[Sequence[dict]], tuple[list[list[str]], list[int | None]]],
) -> None:
    """Adds the table of the model's metrics beside the baselines'.

    `metric_rows` makes the rows, and for each the column of the best, from the metrics of all.
    """
    predictors = {"model": results.metrics} | results.metrics.get("baselines", {})
    predictors = {name: predictors[name] for name in sorted(predictors, key=style.rank)}
    rows, best = metric_rows(list(predictors.values()))
    page.table(
        rows,
        header=["", *(style.PREDICTOR_NAMES.get(name, name) for name in predictors)],
        best=best,
    )


def best_column(values: Sequence[float | None], *, sign: int) -> int | None:
    """The table column of the one smallest (sign 1) or largest (-1) value; None on a tie."""
    known = [sign * value for value in values if value is not None]
    if len(known) < 2 or known.count(min(known)) > 1:
        return None
    return 1 + [None if value is None else sign * value for value in values].index(min(known))


def add_layers(page: Page, results: SplitResults) -> None:
    """Adds how often each step reads each layer (figure 5.3), for a network that chooses."""
    if results.layer_gates is None or len(results.layers) < 2:
        return
    page.heading("What the network reads")
    figure = frequency_figure(results.layer_gates, results.layers)
    page.figure(
        style.save(figure, results.figures / "layer_frequencies.png"),
        "How often each step chooses each layer",
        "For each step, the share of images for which it takes its features from each layer. Early "
        "layers (cool colours) hold edges and texture, late layers (warm colours) hold parts and "
        "objects. A step that always chooses one layer has made one choice for all images; a step "
        "that divides its choice decides image by image.",
    )


def add_attention(
    page: Page,
    results: SplitResults,
    groups: Mapping[str, str],
    caption: Callable[[int], str],
    shown: str,
) -> None:
    """Adds where each step looks (figure 5.4), for a network with attention maps.

    Args:
        page: The report.
        results: Of the run.
        groups: What to call the rows of each group of `results.chosen` that is drawn.
        caption: The text under the image of a row, up to two lines.
        shown: What the captions tell, such as "its errors".
    """
    if results.attention is None:
        return
    chosen = {group: images for group, images in results.chosen_images().items() if images}
    if chosen.keys() & groups.keys():
        page.heading("Where the network looks")
    for group, name in groups.items():
        rows = list(chosen.get(group, ()))
        if not rows:
            continue
        figure = attention_figure(
            np.stack([chosen[group][row] for row in rows]),
            None if results.layer_gates is None else results.layer_gates[rows],
            results.attention[rows],
            results.layers,
            [caption(row) for row in rows],
        )
        page.figure(
            style.save(figure, results.figures / f"attention_{group}.png"),
            f"Attention at each step: {name.lower()}",
            f"{name}: the image with {shown}, then the attention of each step, with the layer "
            "that the step reads. Colour marks the places that get more than a uniform share, up "
            "to the multiple at the end of the scale; where there is no colour they get less. "
            "Perplexity is the number of cells that a map spreads over: 1 is a single cell.",
        )


def validation_images(results: SplitResults, source: str) -> str:
    """A sentence on where the images of the validation curves come from, if there are any."""
    held_out = results.config.get("validation_sequences")
    where = f"Validation images come from {source} that are held out"
    return f"{where if held_out else 'Nothing was held out'}; the test images play no part here."


def finish(page: Page, results: SplitResults, curves: str) -> Path:
    """Adds what ends every report, and writes it; returns the path of report.html.

    `curves` tells what the training's curves are of.
    """
    _add_training(page, results, curves)
    page.heading("Configuration")
    page.table([(name, _setting(results.config[name])) for name in results.config])
    path = results.folder / "report.html"
    path.write_text(page.html(), encoding="utf-8")
    return path


def _add_training(page: Page, results: SplitResults, curves: str) -> None:
    figure = training_figure(read_history(results.path / "history.csv"))
    if figure is None:
        return
    page.heading("How the training went")
    page.figure(
        style.save(figure, results.figures / "training.png"),
        "Training curves",
        f"By epoch. {curves} Curves that spread over more than a factor of ten are on a "
        "logarithmic scale.",
    )


def _setting(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)
