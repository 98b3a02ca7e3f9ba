"""The focal length of 7-Scenes' colour camera, measured on its frames."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.catalog import focal_length
from data.poses import matrix_from_quaternion
from data.seven_scenes.reader import read_split

SCENE = Path(os.environ.get("WHATWHERE_DATA", "/nonexistent")) / "7scenes/redkitchen"
WIDTH, HEIGHT = 640, 480


def features(record):
    """Points of a frame from its centre, in units of its short side, and what they look like."""
    image = cv2.imread(str(record.image), cv2.IMREAD_GRAYSCALE)
    points, looks = cv2.SIFT_create(800).detectAndCompute(image, None)
    return (np.array([point.pt for point in points]) - (WIDTH / 2, HEIGHT / 2)) / HEIGHT, looks


def matches(first, second):
    """Points of two frames that look alike, [N, 2] each."""
    (ours, our_looks), (theirs, their_looks) = features(first), features(second)
    pairs = cv2.BFMatcher().knnMatch(our_looks, their_looks, k=2)
    good = [best for best, other in pairs if best.distance < 0.7 * other.distance]
    return ours[[match.queryIdx for match in good]], theirs[[match.trainIdx for match in good]]


def sampson_distances(focal, first, second, ours, theirs):
    """How far [N] two frames' points are from seeing the same, given the frames' poses."""
    (a, b), (c, d) = ((matrix_from_quaternion(r.pose[3:]), r.pose[:3]) for r in (first, second))
    rotation, (x, y, z) = c.T @ a, c.T @ (b - d)
    essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ rotation
    ours, theirs = (np.c_[points / focal, np.ones(len(points))] for points in (ours, theirs))
    lines, back = ours @ essential.T, theirs @ essential
    slope = np.sqrt(np.sum(lines[:, :2] ** 2 + back[:, :2] ** 2, axis=1))
    return focal * np.abs(np.sum(theirs * lines, axis=1)) / slope


@pytest.mark.skipif(not SCENE.is_dir(), reason="WHATWHERE_DATA holds no 7scenes/redkitchen")
def test_points_match_best_with_the_focal_length_that_crops_are_turned_by():
    frames = {record.name: record for record in read_split(SCENE, "train")}
    pairs = []
    for run in (1, 3, 5, 8, 11, 13, 15, 18):
        first, second = (frames[f"seq-{run:02d}/frame-{frame:06d}"] for frame in (0, 20))
        pairs.append((first, second, *matches(first, second)))
    told = focal_length("7scenes", "redkitchen", None)
    shorter, right, longer = (
        np.median(np.concatenate([sampson_distances(factor * told, *pair) for pair in pairs]))
        for factor in (0.94, 1.0, 1.06)
    )
    assert right < 0.9 * min(shorter, longer)
