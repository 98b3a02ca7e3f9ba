"""The report of a localisation run: all figures and tables of one split in one HTML file."""

import math
from collections.abc import Sequence
from pathlib import Path

from report import sections, style
from report.error_curves import error_figure
from report.image_gallery import gallery_figure
from report.page import Page
from report.run_files import SplitResults, read_split
from report.trajectory import trajectory_figure
from report.uncertainty_figure import uncertainty_figure
from tasks.pose_results import Predictions

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
    _add_sequences(page, results)
    _add_uncertainty(page, results)
    sections.add_layers(page, results)
    sections.add_attention(
        page,
        results,
        {"sample": "Images evenly spaced over the split", "worst": "The worst"},
        lambda row: _attention_caption(results, row),
        "its errors",
    )
    curves = sections.validation_images(results, "training sequences")
    return sections.finish(page, results, curves)


def _add_summary(page: Page, results: SplitResults) -> None:
    metrics = results.metrics
    data_set = results.config.get("dataset", "unknown data set")
    images = metrics.get("images", len(results.predictions.names))
    page.paragraph(
        f"{sections.model_name(results)}. Data set {data_set}, {results.split} split.", lead=True
    )
    page.facts(
        [
            ("median position error", _quantity(metrics.get("median_position_m"), "m")),
            ("median orientation error", _quantity(metrics.get("median_orientation_deg"), "°")),
            ("images", str(images)),
        ]
    )
    sections.add_metrics(page, results, _metric_rows)
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
        best.append(sections.best_column(values, sign=1))
    for key in predictors[0].get("recall", {}):
        values = [metrics.get("recall", {}).get(key) for metrics in predictors]
        metres, degrees = key.removesuffix("deg").split("m_")
        name = f"recall within {metres} m and {degrees}°"
        rows.append([name, *("-" if value is None else f"{value:.1%}" for value in values)])
        best.append(sections.best_column(values, sign=-1))
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
            captions = {row: error_text(predictions, row) for row in chosen[group]}
            figure = gallery_figure(chosen[group], predictions.names, captions)
            page.figure(
                style.save(figure, results.figures / f"{group}.png"),
                f"The {group} images",
                f"The {group} images, {order}. Images are ranked by the sum of both errors, each "
                "divided by its median.",
            )


def _add_sequences(page: Page, results: SplitResults) -> None:
    by_sequence = results.metrics.get("by_sequence", {})
    shared = results.metrics.get("shared_by_sequence")
    if len(by_sequence) < 2 or not shared:
        return
    page.heading("What the images of a sequence have in common")
    page.table(
        [
            [
                style.shorten(name, 40),
                str(errors["images"]),
                _quantity(errors["median_position_m"], "m"),
                _quantity(errors["median_orientation_deg"], "°"),
                _quantity(math.hypot(*errors["mean_offset_m"]), "m"),
                _quantity(math.hypot(*errors["mean_rotation_deg"]), "°"),
            ]
            for name, errors in by_sequence.items()
        ],
        header=["", "images", "median error", "", "mean offset", ""],
    )
    page.paragraph(
        "The mean offset is how far, and how much turned, the answers lie to one side of the "
        f"truth. These means make {shared['position']:.0%} of the mean squared error in position, "
        f"{shared['orientation']:.0%} of that in orientation: the larger that part, the less do "
        "more images of the same sequences tell of how good the network is."
    )


def _attention_caption(results: SplitResults, row: int) -> str:
    name = style.shorten(results.predictions.names[row], 30)
    return f"{name}\n{error_text(results.predictions, row)}"


def error_text(predictions: Predictions, row: int) -> str:
    """Position and orientation error of one row, e.g. `0.123 m   4.5°`."""
    position = style.quantity(predictions.position_error_m[row], "m")
    orientation = style.quantity(predictions.orientation_error_deg[row], "°")
    return f"{position}   {orientation}"


def _add_uncertainty(page: Page, results: SplitResults) -> None:
    predictions = results.predictions
    if predictions.uncertainty is None:
        return
    page.heading("Whether it knows when it errs")
    figure = uncertainty_figure(
        predictions.uncertainty, predictions.position_error_m, predictions.orientation_error_deg
    )
    found = results.metrics.get("uncertainty", {})
    told = "; ".join(
        f"{name}: rank correlation {found[name]['rank_correlation']:.2f}, the median error is "
        f"{found[name]['error_per_spread']:.1f} times the uncertainty"
        for name in found
    )
    page.figure(
        style.save(figure, results.figures / "uncertainty.png"),
        "Errors against uncertainty",
        "The error of each image against the spread of the poses that dropout draws for it, times "
        "a factor that held-out images gave, if there were any: the more the line rises, the "
        f"better bad answers are told from good ones. {told}",
    )


def _quantity(value: float | None, unit: str) -> str:
    return "-" if value is None else style.quantity(value, unit)
