"""What the images of a sequence have in common in their errors: how much a test set can tell."""

from collections.abc import Sequence

import numpy as np

from data import poses
from tasks.pose_results import pose_metrics


def sequence_metrics(
    truth: np.ndarray, predicted: np.ndarray, sequence_of: Sequence[str]
) -> dict[str, object]:
    """Errors sequence by sequence.

    Args:
        truth: [N, 7] true poses.
        predicted: [N, 7] predicted poses.
        sequence_of: N names.

    Returns:
        `by_sequence`: by its name, of its images, the median errors, the number of `images`, the
        mean of predicted minus true position, `mean_offset_m` (x, y, z of the world), and of the
        rotations from true to predicted camera, `mean_rotation_deg` (a rotation vector in the axes
        of the true camera: x to the right, y down, z forward).
        `shared_by_sequence`: for `position` and `orientation` the part of the mean squared error
        that these means make. At 1 all images of a sequence err alike, and N images are worth as
        many as there are sequences; at 0 each errs by itself.
    """
    names = np.asarray(sequence_of)
    offsets = {
        "position": poses.position_offset_m(truth, predicted),
        "orientation": poses.orientation_offset_deg(truth, predicted),
    }
    squared = dict.fromkeys(offsets, 0.0)
    by_sequence = {}
    for name in dict.fromkeys(sequence_of):
        here = names == name
        errors = pose_metrics(truth[here], predicted[here])
        mean = {key: offset[here].mean(axis=0) for key, offset in offsets.items()}
        for key in squared:
            squared[key] += errors["images"] * np.sum(mean[key] ** 2)
        by_sequence[name] = {
            **{key: errors[key] for key in ("median_position_m", "median_orientation_deg")},
            "mean_offset_m": mean["position"].tolist(),
            "mean_rotation_deg": mean["orientation"].tolist(),
            "images": errors["images"],
        }
    totals = {key: np.sum(offset**2) for key, offset in offsets.items()}
    shared = {key: float(squared[key] / totals[key]) if totals[key] else 0.0 for key in totals}
    return {"by_sequence": by_sequence, "shared_by_sequence": shared}
