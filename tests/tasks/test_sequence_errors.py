"""Tests of what the images of a sequence have in common in their errors."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tasks.sequence_errors import sequence_metrics

UPRIGHT = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)


def answer(offset, rotation_deg) -> np.ndarray:
    """What a network answers that is so far beside `UPRIGHT`."""
    turn = Rotation.from_rotvec(rotation_deg, degrees=True)
    return np.concatenate([offset, turn.as_quat(scalar_first=True)])


def test_errors_by_sequence_are_those_of_its_images():
    predicted = np.array(
        [
            answer((1, 0, 0), (0, 4, 0)),
            answer((0, 0, 5), (0, 0, 20)),
            answer((2, 0, 0), (0, 6, 0)),
            answer((-3, 0, 0), (0, -1, 0)),
        ]
    )
    truth = np.array([UPRIGHT] * 4)
    found = sequence_metrics(truth, predicted, ["b", "a", "b", "b"])
    assert list(found["by_sequence"]) == ["b", "a"]
    a, b = (found["by_sequence"][name] for name in "ab")
    assert (a["median_position_m"], a["median_orientation_deg"], a["images"]) == (
        pytest.approx(5), pytest.approx(20), 1,
    )  # fmt: skip
    assert (b["median_position_m"], b["median_orientation_deg"], b["images"]) == (
        pytest.approx(2), pytest.approx(4), 3,
    )  # fmt: skip
    assert a["mean_offset_m"] == pytest.approx([0, 0, 5])
    assert b["mean_offset_m"] == pytest.approx([0, 0, 0])
    assert a["mean_rotation_deg"] == pytest.approx([0, 0, 20])
    assert b["mean_rotation_deg"] == pytest.approx([0, 3, 0])
    # Squares: 25 of 25 + 1 + 4 + 9; 400 + 3 * 9 of 400 + 16 + 36 + 1.
    assert found["shared_by_sequence"] == pytest.approx(
        {"position": 25 / 39, "orientation": 427 / 453}
    )


def test_rotations_are_in_the_axes_of_the_true_camera():
    # Half a turn about the world's z axis: what is left to the world is right to the camera.
    turned = Rotation.from_rotvec([0, 0, 180], degrees=True)
    tilted = turned * Rotation.from_rotvec([7, 0, 0], degrees=True)
    truth, predicted = (
        np.array([[0, 0, 0, *rotation.as_quat(scalar_first=True)]]) for rotation in (turned, tilted)
    )
    found = sequence_metrics(truth, predicted, ["a"])
    assert found["by_sequence"]["a"]["mean_rotation_deg"] == pytest.approx([7, 0, 0])


def test_images_that_err_alike_share_all_and_perfect_ones_nothing():
    truth = np.array([UPRIGHT] * 2)
    alike = np.array([answer((0.3, 0, 0), (0, 2, 0))] * 2)
    one = sequence_metrics(truth, alike, ["a", "a"])["shared_by_sequence"]
    assert one == pytest.approx({"position": 1.0, "orientation": 1.0})
    none = sequence_metrics(truth, truth, ["a", "a"])["shared_by_sequence"]
    assert none == {"position": 0.0, "orientation": 0.0}
