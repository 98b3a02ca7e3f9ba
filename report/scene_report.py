"""The report of a scene recognition run: all figures and tables of one split in one HTML file."""

from collections.abc import Sequence
from pathlib import Path

from report import sections, style
from report.confusion_figure import FEW, confusion_figure
from report.image_gallery import gallery_figure
from report.page import Page
from report.run_files import SplitResults, read_split
from tasks.scene_results import Predictions, confusion_matrix

_MEASURES = (
    ("accuracy", "accuracy"),
    ("mean_class_accuracy", "mean class accuracy"),
    ("top5_accuracy", "top-5 accuracy"),
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
    page = Page(f"{results.config.get('scene', 'Scenes')}: scene recognition")
    _add_summary(page, results)
    _add_classes(page, results)
    _add_images(page, results)
    sections.add_layers(page, results)
    sections.add_attention(
        page,
        results,
        {
            "sample": "Images evenly spaced over the split",
            "confident_wrong": "The most confident mistakes",
        },
        lambda row: _attention_caption(results.predictions, row),
        "its true and predicted class",
    )
    curves = sections.validation_images(results, "parts of the training set")
    return sections.finish(page, results, curves)


def _add_summary(page: Page, results: SplitResults) -> None:
    metrics, predictions = results.metrics, results.predictions
    data_set = results.config.get("dataset", "unknown data set")
    page.paragraph(
        f"{sections.model_name(results)}. Data set {data_set}, "
        f"{len(predictions.class_names)} classes, {results.split} split.",
        lead=True,
    )
    page.facts(
        [
            ("accuracy", _percent(metrics.get("accuracy"))),
            ("mean class accuracy", _percent(metrics.get("mean_class_accuracy"))),
            ("images", str(metrics.get("images", len(predictions.names)))),
        ]
    )
    sections.add_metrics(page, results, _metric_rows)
    page.paragraph(
        "Accuracy is the share of images whose class is right; mean class accuracy takes that "
        "share of each class by itself, then the mean, so that large classes count no more than "
        "small ones. Retrieval answers with the class of the training image that looks most "
        "alike; majority class always answers with the class that has most training images."
    )


def _metric_rows(predictors: Sequence[dict]) -> tuple[list[list[str]], list[int | None]]:
    """The rows of the metrics table, and for each the column of the best predictor."""
    rows, best = [], []
    for key, name in _MEASURES:
        values = [metrics.get(key) for metrics in predictors]
        if any(value is not None for value in values):
            rows.append([name, *map(_percent, values)])
            best.append(sections.best_column(values, sign=-1))
    return rows, best


def _add_classes(page: Page, results: SplitResults) -> None:
    predictions = results.predictions
    classes = len(predictions.class_names)
    page.heading("Which classes are hard")
    per_class = results.metrics.get("per_class", {})
    if per_class:
        page.table(
            class_rows(per_class), header=["class", "accuracy", "images", "mostly taken for"]
        )
    matrix = confusion_matrix(predictions.truth, predictions.predicted, classes)
    page.figure(
        style.save(
            confusion_figure(matrix, predictions.class_names), results.figures / "confusion.png"
        ),
        "Confusion matrix",
        "The share of each true class (row, in percent, adding up to 100) that is predicted as "
        "each class (column). Blue is right, red is wrong; an empty cell is less than half a "
        "percent.",
        width=None if classes <= FEW else classes,
    )


def class_rows(per_class: dict[str, dict]) -> list[list[str]]:
    """Rows of the table of classes, the worst first: name, accuracy, images, main confusion."""
    rows = []
    for name, row in sorted(per_class.items(), key=lambda item: item[1]["accuracy"]):
        other = row.get("most_confused_with")
        taken = f"{other} ({row['confused_images']})" if other else "-"
        rows.append([name, _percent(row["accuracy"]), str(row["images"]), taken])
    return rows


def _add_images(page: Page, results: SplitResults) -> None:
    predictions, chosen = results.predictions, results.chosen_images()
    galleries = (
        ("confident_wrong", "The most confident mistakes", "Wrong images, the surest first."),
        (
            "confident_right",
            "The most confident right answers",
            "Right images, the surest first, at most one of each class.",
        ),
    )
    if any(chosen[group] for group, _, _ in galleries):
        page.heading("What it is sure of")
    for group, alt, caption in galleries:
        if chosen[group]:
            captions = {row: answer_text(predictions, row) for row in chosen[group]}
            figure = gallery_figure(chosen[group], predictions.names, captions)
            page.figure(style.save(figure, results.figures / f"{group}.png"), alt, caption)


def answer_text(predictions: Predictions, row: int) -> str:
    """The answer and its probability, under a wrong one the truth: `bar 97%\\ntrue: mall 2%`."""
    answer = predictions.class_names[predictions.predicted[row]]
    text = f"{style.shorten(answer, 24)} {predictions.probability[row]:.0%}"
    if predictions.right[row]:
        return text
    truth = predictions.class_names[predictions.truth[row]]
    return f"{text}\ntrue: {style.shorten(truth, 18)} {predictions.true_probability[row]:.0%}"


def _attention_caption(predictions: Predictions, row: int) -> str:
    if not predictions.right[row]:
        return answer_text(predictions, row)
    return f"{answer_text(predictions, row)}\nright"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
