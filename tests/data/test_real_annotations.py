"""The published split and pose files: counts, conventions and their known faults.

Reads the folder named by the environment variable WHATWHERE_DATA, which holds `annotations/` (split
and pose files without images) and `7scenes/redkitchen`.
"""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from data import poses
from data.cambridge_landmarks import reader as cambridge
from data.records import BadEntries
from data.seven_scenes import reader as seven_scenes
from data.tum_lsi import reader as tum_lsi

ROOT = Path(os.environ.get("WHATWHERE_DATA", "/nonexistent"))
ANNOTATIONS = ROOT / "annotations"
pytestmark = pytest.mark.skipif(
    not ANNOTATIONS.is_dir(), reason="WHATWHERE_DATA does not name a folder with annotations/"
)

CAMBRIDGE_COUNTS = {
    "KingsCollege": (1220, 343),
    "OldHospital": (895, 182),
    "ShopFacade": (231, 103),
    "StMarysChurch": (1487, 530),
    "GreatCourt": (1532, 760),
    "Street": (3015, 2923),
}


def cambridge_poses(scene, split):
    path = ANNOTATIONS / "cambridge" / scene / cambridge.SPLIT_FILES[split]
    return cambridge.read_poses(path, BadEntries(skip=False)), path


def tum_lsi_poses(split):
    return tum_lsi.read_poses(ANNOTATIONS / "tum_lsi", split, BadEntries(skip=False))


def camera_to_world(records):
    return poses.matrix_from_quaternion(np.stack([pose[3:] for *_, pose in records]))


@pytest.mark.parametrize("scene", CAMBRIDGE_COUNTS)
def test_cambridge_counts(scene):
    counts = tuple(len(cambridge_poses(scene, split)[0]) for split in ("train", "test"))
    assert counts == CAMBRIDGE_COUNTS[scene]


@pytest.mark.parametrize("scene", ["KingsCollege", "ShopFacade", "GreatCourt", "Street"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_cambridge_cameras_are_held_level(scene, split):
    # In these scenes z points up. The camera's x axis, the first column of camera-to-world, then
    # lies in the horizontal plane; read the other way round it points anywhere.
    rotation = camera_to_world(cambridge_poses(scene, split)[0])
    assert np.median(np.abs(rotation[:, 2, 0])) < 0.1
    assert np.median(np.abs(rotation[:, 0, 2])) > 0.3


def test_great_court_has_one_corrupt_pose():
    entries, path = cambridge_poses("GreatCourt", "train")
    kept = cambridge.drop_implausible(entries, path)
    dropped = {image for _, image, _ in entries} - {image for _, image, _ in kept}
    assert dropped == {"seq5/frame00297.png"}
    assert len(kept) == 1531


@pytest.mark.parametrize("scene", CAMBRIDGE_COUNTS)
def test_no_other_cambridge_pose_is_dropped(scene):
    for split in ("train", "test"):
        if (scene, split) != ("GreatCourt", "train"):
            entries, path = cambridge_poses(scene, split)
            assert len(cambridge.drop_implausible(entries, path)) == len(entries)


def test_street_has_long_quaternions_which_are_normalised():
    entries, path = cambridge_poses("Street", "test")
    raw = np.array([line.split()[4:] for line in path.read_text().splitlines()[3:]], float)
    assert np.linalg.norm(raw, axis=1).max() == pytest.approx(2.013, abs=1e-3)
    quaternions = np.stack([pose[3:] for *_, pose in entries])
    np.testing.assert_allclose(np.linalg.norm(quaternions, axis=1), 1, atol=1e-12)
    assert np.all(quaternions[:, 0] >= 0)


def test_tum_lsi_counts():
    assert len(tum_lsi_poses("train")) == 875
    assert len(tum_lsi_poses("test")) == 220


def test_tum_lsi_raw_quaternions_come_in_both_signs():
    path = next((ANNOTATIONS / "tum_lsi" / "poses").glob("*_poses.xml"))
    raw = [float(pose.findtext("rotation/w")) for pose in tum_lsi._pose_elements(path).values()]
    assert (len(raw), sum(w < 0 for w in raw)) == (1314, 277)
    assert all(pose[3] >= 0 for split in ("train", "test") for *_, pose in tum_lsi_poses(split))


def test_tum_lsi_rig_is_rigid_as_camera_to_world():
    # Five cameras on one trolley: seen from camera 0, each stands in the same place at every
    # location. Under the wrong reading the places scatter by decimetres.
    records = {
        image_id: pose
        for split in ("train", "test")
        for _, _, image_id, pose in tum_lsi_poses(split)
    }
    locations = sorted({image_id.partition("-")[0] for image_id in records})
    assert len(locations) == 219
    first = np.stack([records[f"{location}-cam0"] for location in locations])
    rotation = poses.matrix_from_quaternion(first[:, 3:])
    for camera in range(1, 5):
        other = np.stack([records[f"{location}-cam{camera}"] for location in locations])
        offset = other[:, :3] - first[:, :3]
        assert np.einsum("nji,nj->ni", rotation, offset).std(axis=0).max() < 1e-9
        assert np.einsum("nij,nj->ni", rotation, offset).std(axis=0).max() > 0.05


def test_tum_lsi_sequences_do_not_share_a_location():
    sequences = {}
    for _, _, image_id, _ in tum_lsi_poses("train"):
        sequences.setdefault(image_id.partition("-")[0], set()).add(tum_lsi.sequence_of(image_id))
    assert len(sequences) == 175
    assert all(len(names) == 1 for names in sequences.values())
    assert len(set.union(*sequences.values())) == 22


def read_csv(name):
    with open(ANNOTATIONS / "7scenes" / name) as file:
        rows = list(csv.reader(file))[1:]
    return np.array([row[1:] for row in rows if row[0].startswith("seq-01/")], float)


def test_red_kitchen_counts_and_poses():
    scene = ROOT / "7scenes" / "redkitchen"
    if not scene.is_dir():
        pytest.skip("WHATWHERE_DATA holds no 7scenes/redkitchen")
    train = seven_scenes.read_split(scene, "train")
    test = seven_scenes.read_split(scene, "test")
    assert (len(train), len(test)) == (600, 200)
    # These frames are runs of the scene's own seq-01, so that each pose is found in its table,
    # which gives camera centre and camera-to-world rotation with six digits.
    table = read_csv("redkitchen_train.csv")
    assert len(table) == 1000
    measured = np.stack([record.pose for record in train + test])
    distances = np.linalg.norm(measured[:, None, :3] - table[None, :, :3], axis=2)
    nearest = distances.argmin(axis=1)
    assert len(set(nearest)) == 800
    assert poses.position_error_m(measured, table[nearest]).max() < 1e-6
    # The files' rotations are orthogonal to 4e-4 only; how that is mended leaves some freedom.
    assert poses.orientation_error_deg(measured, table[nearest]).max() < 1e-3
