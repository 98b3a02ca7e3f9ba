"""The report of a localisation run: all figures and tables of one split in one HTML file."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from report import style
from report.attention_figures import attention_figure, frequency_figure
from report.error_curves import error_figure
from report.image_gallery import error_text, gallery_figure
from report.page import Page
from report.run_files import SplitResults, read_split
from report.training_curves import read_history, training_figure
from report.trajectory import trajectory_figure

_MEASURES = (
    ("median_position_m", "median position error", "m"),
    ("median_orientation_deg", "median orientation error", "°"),
    ("mean_position_m", "mean position error", "m"),
    ("mean_orientation_deg", "mean orientation error", "°"),
)


def write_report(run_path: Path, split: str) -> Path:
    """Writes `<split>/figures/*.png` and `<split>/report.html` from the files of a finished run.

    Sections whose files the run does not have, such as attention for a network without any, are
    left out.

    Args:
        run_path: The run folder.
        split: Name of the split, e.g. `test`.

    Returns:
        Path of report.html.

    Raises:
        UserError: If a file that every evaluated run has is missing or broken.
    """
    results = read_split(Path(run_path), split)
    page = Page(f"{results.config.get('scene', 'Scene')}: camera localisation")
    _add_summary(page, results)
    _add_trajectory(page, results)
    _add_errors(page, results)
    _add_layers(page, results)
    _add_attention(page, results)
    _add_training(page, results)
    _add_configuration(page, results)
    path = results.folder / "report.html"
    path.write_text(page.html(), encoding="utf-8")
    return path


def _add_summary(page: Page, results: SplitResults) -> None:
    config, metrics = results.config, results.metrics
    model = str(config.get("model", "network"))
    if results.layers and config.get("steps"):
        steps = "1 step" if config["steps"] == 1 else f"{config['steps']} steps"
        model += f", {steps} over {', '.join(results.layers)}"
    data_set = config.get("dataset", "unknown data set")
    images = metrics.get("images", len(results.predictions.names))
    page.paragraph(f"{model}. Data set {data_set}, {results.split} split.", lead=True)
    page.facts(
        [
            ("median position error", _quantity(metrics.get("median_position_m"), "m")),
            ("median orientation error", _quantity(metrics.get("median_orientation_deg"), "°")),
            ("images", str(images)),
        ]
    )
    predictors = {"model": metrics} | metrics.get("baselines", {})
    predictors = {name: predictors[name] for name in sorted(predictors, key=style.rank)}
    rows, best = _metric_rows(list(predictors.values()))
    page.table(
        rows,
        header=["", *(style.PREDICTOR_NAMES.get(name, name) for name in predictors)],
        best=best,
    )
    page.paragraph(
        "Retrieval answers with the pose of the training image that looks most alike; mean pose "
        "always answers with the mean training pose. A network that has learned the place is "
        "better than both. Recall is the share of images within both thresholds."
    )


def _metric_rows(predictors: Sequence[dict]) -> tuple[list[list[str]], list[int | None]]:
    """The rows of the metrics table, and for each the column of the best predictor."""
    rows, best = [], []
    for key, name, unit in _MEASURES:
        values = [metrics.get(key) for metrics in predictors]
        rows.append([name, *(_quantity(value, unit) for value in values)])
        best.append(_best(values, sign=1))
    for key in predictors[0].get("recall", {}):
        values = [metrics.get("recall", {}).get(key) for metrics in predictors]
        metres, degrees = key.removesuffix("deg").split("m_")
        name = f"recall within {metres} m and {degrees}°"
        rows.append([name, *("-" if value is None else f"{value:.1%}" for value in values)])
        best.append(_best(values, sign=-1))
    return rows, best


def _add_trajectory(page: Page, results: SplitResults) -> None:
    predictions = results.predictions
    figure, left_out = trajectory_figure(
        predictions.sequences, predictions.truth, predictions.predicted
    )
    page.heading("Where the cameras are")
    page.figure(
        style.save(figure, results.figures / "trajectory.png"),
        "True and predicted camera positions",
        "The two axes along which the positions spread most, all sequences on one scale, with the "
        "number of images of each. Dots are camera centres, the short strokes point where the "
        "camera looks, and thin lines join each prediction to the true position: the shorter, the "
        f"better. {left_out}".strip(),
    )


def _add_errors(page: Page, results: SplitResults) -> None:
    predictions = results.predictions
    page.heading("How large the errors are")
    figure = error_figure(
        predictions.position_error_m,
        predictions.orientation_error_deg,
        results.metrics.get("baselines", {}),
    )
    page.figure(
        style.save(figure, results.figures / "error_curves.png"),
        "Cumulative error curves",
        "The share of images whose error is at most the value below, on a logarithmic scale: the "
        "further up and to the left, the better. Vertical lines are medians, where the curve of "
        "each predictor crosses 50 %.",
    )
    chosen = results.chosen_images()
    for group, order in (("worst", "largest error first"), ("best", "smallest error first")):
        if chosen[group]:
            figure = gallery_figure(chosen[group], predictions)
            page.figure(
                style.save(figure, results.figures / f"{group}.png"),
                f"The {group} images",
                f"The {group} images, {order}. Images are ranked by the sum of both errors, each "
                "divided by its median.",
            )


def _add_layers(page: Page, results: SplitResults) -> None:
    if results.layer_gates is None or len(results.layers) < 2:
        return
    page.heading("What the network reads")
    figure = frequency_figure(results.layer_gates, results.layers)
    page.figure(
        style.save(figure, results.figures / "layer_frequencies.png"),
        "How often each step chooses each layer",
        "For each step, the share of images for which it takes its features from each layer. Early "
        "layers (cool colours) hold edges and texture, late layers (warm colours) hold parts and "
        "objects. A step that always chooses one layer has made a fixed choice for the scene; a "
        "step that divides its choice decides image by image.",
    )


def _add_attention(page: Page, results: SplitResults) -> None:
    if results.attention is None:
        return
    chosen = results.chosen_images()
    page_has_heading = False
    for group, name in (("sample", "Images evenly spaced over the split"), ("worst", "The worst")):
        rows = list(chosen[group])
        if not rows:
            continue
        if not page_has_heading:
            page.heading("Where the network looks")
            page_has_heading = True
        figure = attention_figure(
            np.stack([chosen[group][row] for row in rows]),
            None if results.layer_gates is None else results.layer_gates[rows],
            results.attention[rows],
            results.layers,
            [_attention_caption(results, row) for row in rows],
        )
        page.figure(
            style.save(figure, results.figures / f"attention_{group}.png"),
            f"Attention at each step: {name.lower()}",
            f"{name}: the image with its errors, then the attention of each step, with the layer "
            "that the step reads. Colour marks the places that get more than a uniform share, up "
            "to the multiple at the end of the scale; where there is no colour they get less. "
            "Perplexity is the number of cells that a map spreads over: 1 is a single cell.",
        )


def _attention_caption(results: SplitResults, row: int) -> str:
    name = style.shorten(results.predictions.names[row], 30)
    return f"{name}\n{error_text(results.predictions, row)}"


def _add_training(page: Page, results: SplitResults) -> None:
    figure = training_figure(read_history(results.path / "history.csv"))
    if figure is None:
        return
    page.heading("How the training went")
    page.figure(
        style.save(figure, results.figures / "training.png"),
        "Training curves",
        "By epoch. Validation images come from training sequences that are held out; the test "
        "images play no part here. Curves that spread over more than a factor of ten are on a "
        "logarithmic scale.",
    )


def _add_configuration(page: Page, results: SplitResults) -> None:
    page.heading("Configuration")
    page.table([(name, _setting(results.config[name])) for name in results.config])


def _setting(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)


def _quantity(value: float | None, unit: str) -> str:
    return "-" if value is None else style.quantity(value, unit)


def _best(values: Sequence[float | None], *, sign: int) -> int | None:
    """The table column of the one smallest (sign 1) or largest (-1) value; None on a tie."""
    known = [sign * value for value in values if value is not None]
    if len(known) < 2 or known.count(min(known)) > 1:
        return None
    return 1 + [None if value is None else sign * value for value in values].index(min(known))
