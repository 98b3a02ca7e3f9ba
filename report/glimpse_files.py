"""Reads what a network with glimpses did on the images of a split."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from errors import UserError
from report.run_files import SplitResults, read_arrays
from tasks import scene_results
from tasks.scene_results import Predictions

MISTAKES, SAMPLE = 24, 6


@dataclass(frozen=True)
class Glimpses:
    """What a network with glimpses did on N images: the arrays of glimpses.npz.

    Attributes:
        images: uint8 [n, S, S], the images that are shown.
        shown: [n] their rows.
        locations: [N, T, 2] (x, y) of each glimpse, in [-1, 1].
        centers: [N, 2] (x, y) of the digit's middle, in [-1, 1].
        logits_by_glimpse: [N, T, K] when the network must answer after each glimpse.
        labels: [N].
        glimpse_size: Side of a glimpse, pixels.
        scales: Patches in a glimpse.
    """

    images: np.ndarray
    shown: np.ndarray
    locations: np.ndarray
    centers: np.ndarray
    logits_by_glimpse: np.ndarray
    labels: np.ndarray
    glimpse_size: int
    scales: int

    def places(self, rows: Sequence[int]) -> list[int]:
        """Where in `images` those of `rows` lie that are there."""
        place = {row: index for index, row in enumerate(self.shown.tolist())}
        return [place[row] for row in rows if row in place]


def choose_images(predictions: Predictions) -> dict[str, list[int]]:
    """The rows that the figures show: `mistakes`, the surest first, and an even `sample`."""
    groups = scene_results.choose_images(predictions, right=0, wrong=MISTAKES, sample=SAMPLE)
    return {"mistakes": groups["confident_wrong"], "sample": groups["sample"]}


def read_glimpses(results: SplitResults) -> Glimpses | None:
    """Reads glimpses.npz; None for a network that has none.

    Raises:
        UserError: If it is broken, lacks an array, or is not of the run's predictions.
    """
    path = results.folder / "glimpses.npz"
    remedy = f"run eval.py --run_dir={results.path} --split={results.split}"
    arrays = read_arrays(path, remedy)
    if not arrays:
        return None
    if missing := Glimpses.__annotations__.keys() - arrays.keys():
        raise UserError(f"{path} lacks {', '.join(sorted(missing))}; {remedy} again")
    glimpses = Glimpses(**{name: arrays[name] for name in Glimpses.__annotations__})
    if len(glimpses.images) != len(glimpses.shown):
        raise UserError(f"{path} has no image for each row that is shown; {remedy} again")
    truth = results.predictions.truth
    per_image = ("labels", "locations", "centers", "logits_by_glimpse")
    if {len(arrays[name]) for name in per_image} != {len(truth)} or (
        glimpses.labels != truth
    ).any():
        raise UserError(f"{path} is not of the images of predictions.csv; {remedy} again")
    return glimpses
