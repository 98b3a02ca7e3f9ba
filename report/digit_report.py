"""The report of a digit recognition run: all figures and tables of one split in one HTML file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from report import glimpse_figures, glimpse_maps, sections, style
from report.confusion_figure import confusion_figure
from report.glimpse_files import Glimpses, choose_images, read_glimpses
from report.page import Page
from report.rollout_gif import write_rollout
from report.run_files import SplitResults, read_split
from report.scene_report import answer_text, class_rows
from tasks.scene_results import Predictions, confusion_matrix, probabilities

COLUMNS = 8  # of the gallery of mistakes
PATHS = 4  # mistakes whose glimpses are drawn


def write_report(run_path: Path, split: str) -> Path:
    """Writes `<split>/figures/` and `<split>/report.html` from the files of a finished run.

    A network without glimpses, such as a fully connected one, has no glimpses.npz and no section
    on them.

    Args:
        run_path: The run folder.
        split: Name of the split, e.g. `test`.

    Returns:
        Path of report.html.

    Raises:
        UserError: If a file that every evaluated run has is missing, or one is broken.
    """
    results = read_split(Path(run_path), split)
    glimpses = read_glimpses(results)
    page = Page(f"{results.config.get('dataset', 'Digits')}: digit recognition")
    _add_summary(page, results, glimpses)
    chosen = choose_images(results.predictions)
    if glimpses is not None:
        _add_paths(page, results, glimpses, chosen)
        _add_glimpses(page, results, glimpses)
    _add_mistakes(page, results, chosen["mistakes"])
    _add_classes(page, results)
    curves = sections.validation_images(results, "parts of the training set")
    if results.config.get("model") == "ram":
        curves += " The loss in training has the terms that teach where to look, too."
    return sections.finish(page, results, curves)


def _add_summary(page: Page, results: SplitResults, glimpses: Glimpses | None) -> None:
    predictions, metrics = results.predictions, results.metrics
    looks = ""
    if glimpses is not None:
        count, size = glimpses.locations.shape[1], int(glimpses.glimpse_size)
        looks = (
            f", {_counted(count, 'glimpse')} of {size} x {size} pixels at "
            f"{_counted(int(glimpses.scales), 'scale')}"
        )
    page.paragraph(
        f"{sections.model_name(results)}{looks}. Data set "
        f"{results.config.get('dataset', 'unknown')}, {results.split} split.",
        lead=True,
    )
    wrong = int(np.sum(~predictions.right))
    page.facts(
        [
            ("error rate", f"{wrong / len(predictions.names):.2%}"),
            ("wrong", f"{wrong:,}"),
            ("images", f"{len(predictions.names):,}"),
        ]
    )
    if metrics.get("baselines"):
        sections.add_metrics(page, results, _metric_rows)
    if glimpses is not None:
        random = results.config.get("location") == "random"
        page.paragraph(
            f"Each glimpse goes to {'a random place' if random else 'where the network sends it'}. "
            "Each image is looked at once: no answer is averaged over several looks."
        )


def _metric_rows(predictors: Sequence[dict]) -> tuple[list[list[str]], list[int | None]]:
    errors = [None if "accuracy" not in row else 1 - row["accuracy"] for row in predictors]
    texts = ["-" if error is None else f"{error:.2%}" for error in errors]
    return [["error rate", *texts]], [sections.best_column(errors, sign=1)]


def _add_paths(
    page: Page, results: SplitResults, glimpses: Glimpses, chosen: Mapping[str, list[int]]
) -> None:
    page.heading("Where the network looks")
    groups = {
        "sample": ("Images evenly spaced over the split", glimpses.places(chosen["sample"])),
        "mistakes": ("The surest mistakes", glimpses.places(chosen["mistakes"])[:PATHS]),
    }
    if places := groups["sample"][1]:
        _add_rollout(page, results, glimpses, places)
    for group, (name, places) in groups.items():
        if not places:
            continue
        rows = glimpses.shown[places]
        shares = probabilities_by_glimpse(glimpses.logits_by_glimpse[rows])
        answers, names = shares.argmax(axis=-1), results.predictions.class_names
        figure = glimpse_figures.path_figure(
            glimpses.images[places],
            glimpses.locations[rows],
            int(glimpses.glimpse_size),
            int(glimpses.scales),
            [answer_text(results.predictions, row) for row in rows],
            [
                [f"{names[k]} {p[k]:.0%}" for k, p in zip(answer, share, strict=True)]
                for answer, share in zip(answers, shares, strict=True)
            ],
            answers == glimpses.labels[rows][:, None],
        )
        page.figure(
            style.save(figure, results.figures / f"paths_{group}.png"),
            f"Paths of the glimpses: {name.lower()}",
            f"{name}: the image with its answer, the way of the glimpses over it from the dot to "
            "the cross, and a square for each glimpse at its finest scale. To the right what each "
            "glimpse sees, every scale as the network gets it, the finest on top, and the answer "
            "it would give then: blue is right, red is wrong.",
        )


def _add_rollout(
    page: Page, results: SplitResults, glimpses: Glimpses, places: Sequence[int]
) -> None:
    rows = glimpses.shown[places]
    shares = probabilities_by_glimpse(glimpses.logits_by_glimpse[rows])
    right = shares.argmax(axis=-1) == glimpses.labels[rows][:, None]
    # Of those that end well, the one for which most glimpses were needed tells most.
    best = int(np.argmax(np.where(right[:, -1], 1 + np.sum(~right, axis=1), 0)))
    why = "Of the images below that it gets right, this one took most glimpses."
    why, row = (why if right[best, -1] else ""), rows[best]
    path = write_rollout(
        results.figures / "rollout.gif",
        glimpses.images[places[best]],
        glimpses.locations[row],
        int(glimpses.glimpse_size),
        int(glimpses.scales),
        shares[best],
        int(glimpses.labels[row]),
        results.predictions.class_names,
    )
    page.figure(
        path,
        "The network at work on one image",
        f"The network at work on {results.predictions.names[row]}: the glimpse, each of its "
        "scales a square; all that it has seen so far, as sharp as it saw it (blue: not yet); "
        "and the probability of each class, the answer in colour: blue is right, red is wrong. "
        + why,
    )


def _add_glimpses(page: Page, results: SplitResults, glimpses: Glimpses) -> None:
    errors = glimpse_maps.error_by_glimpse(glimpses.logits_by_glimpse, glimpses.labels)
    page.figure(
        style.save(
            glimpse_maps.location_figure(glimpses.locations), results.figures / "locations.png"
        ),
        "Where each glimpse goes",
        "Where each glimpse goes, over all images of the split: the share of images in each cell, "
        "on one logarithmic scale. (0, 0) is the centre of the image, (-1, -1) its top left "
        "corner; white cells have none. One cell alone means the same place for every image.",
    )
    if np.ptp(glimpses.centers, axis=0).any():
        distances = glimpse_maps.distances_in_pixels(
            glimpses.locations, glimpses.centers, glimpses.images.shape[1]
        )
        page.figure(
            style.save(glimpse_maps.distance_figure(distances), results.figures / "distances.png"),
            "Distance of each glimpse from the digit",
            "How far from the digit each glimpse is taken, over all images of the split: the "
            "median, and the range that 80 % of the images are in.",
        )
    page.heading("What each glimpse is worth")
    trained = (
        "Each of its answers is trained, the last one most."
        if results.config.get("glimpse_weight")
        else "It is trained to answer after the last one: the earlier values show when it has seen "
        "enough, not what a network trained for fewer glimpses would reach."
    )
    page.figure(
        style.save(
            glimpse_maps.error_by_glimpse_figure(errors, len(glimpses.labels)),
            results.figures / "error_by_glimpse.png",
        ),
        "Error rate after each glimpse",
        f"The error rate when the network must answer after each glimpse. {trained}",
    )


def _add_mistakes(page: Page, results: SplitResults, rows: Sequence[int]) -> None:
    images = {row: image for row in rows if (image := results.image(row)) is not None}
    if not images:
        return
    page.heading("What it gets wrong")
    page.figure(
        style.save(mistakes_figure(images, results.predictions), results.figures / "mistakes.png"),
        "The surest mistakes",
        "Wrong images, the surest first: the true digit, what it is taken for, and how sure the "
        "network is of that.",
    )


def mistakes_figure(images: Mapping[int, np.ndarray], predictions: Predictions) -> Figure:
    """Draws images [S, S, 3], by row of the predictions, over their true and predicted class."""
    rows = -(-len(images) // COLUMNS)
    figure = style.new_figure(rows * (style.WIDTH / COLUMNS + 0.2))
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    names = predictions.class_names
    for axes, (row, image) in zip(grid.flat, images.items(), strict=False):
        axes.imshow(image, interpolation="nearest")
        classes = f"{names[predictions.truth[row]]} \N{RIGHTWARDS ARROW} "
        classes += f"{names[predictions.predicted[row]]}  {predictions.probability[row]:.0%}"
        axes.set_title(classes, y=-0.27, fontsize=8.5, loc="left", color=style.INK)
    return figure


def _add_classes(page: Page, results: SplitResults) -> None:
    predictions = results.predictions
    page.heading("Which digits are hard")
    if per_class := results.metrics.get("per_class"):
        page.table(
            class_rows(per_class), header=["digit", "accuracy", "images", "mostly taken for"]
        )
    matrix = confusion_matrix(
        predictions.truth, predictions.predicted, len(predictions.class_names)
    )
    page.figure(
        style.save(
            confusion_figure(matrix, predictions.class_names), results.figures / "confusion.png"
        ),
        "Confusion matrix",
        "The share of each true digit (row, in percent, adding up to 100) that is predicted as "
        "each digit (column). Blue is right, red is wrong; an empty cell is less than half a "
        "percent.",
    )


def probabilities_by_glimpse(logits: np.ndarray) -> np.ndarray:
    """Softmax of logits [n, T, K]."""
    return probabilities(logits.reshape(-1, logits.shape[-1])).reshape(logits.shape)


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
