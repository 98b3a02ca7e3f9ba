"""Pose arithmetic against cases worked by hand."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from data import poses

HALF = np.sqrt(0.5)
# A quarter turn about z takes x to y and y to -x.
QUARTER_ABOUT_Z = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])


def pose_about_z(degrees):
    half = np.radians(degrees) / 2
    return np.array([0.0, 0, 0, np.cos(half), 0, 0, np.sin(half)])


def random_rotations(count, seed=0):
    return Rotation.random(count, rng=np.random.default_rng(seed)).as_matrix()


def test_quarter_turn_about_z():
    np.testing.assert_allclose(
        poses.quaternion_from_matrix(QUARTER_ABOUT_Z), [HALF, 0, 0, HALF], atol=1e-15
    )
    np.testing.assert_allclose(
        poses.matrix_from_quaternion(np.array([HALF, 0, 0, HALF])), QUARTER_ABOUT_Z, atol=1e-15
    )


def test_camera_to_world_matrix_keeps_the_centre():
    matrix = np.eye(4)
    matrix[:3, :3] = QUARTER_ABOUT_Z
    matrix[:3, 3] = (1, 2, 3)
    pose = poses.pose_from_matrix(matrix)
    np.testing.assert_allclose(pose, [1, 2, 3, HALF, 0, 0, HALF], atol=1e-15)
    # What lies one metre along the camera's x axis lies at (1, 3, 3) in the world.
    point = poses.matrix_from_quaternion(pose[3:]) @ [1, 0, 0] + pose[:3]
    np.testing.assert_allclose(point, [1, 3, 3], atol=1e-15)


def test_world_to_camera_is_turned_round_and_the_centre_is_not():
    # This camera is turned by +90 degrees about z; the file says how the world turns, by -90.
    pose = poses.pose_from_world_to_camera_quaternion([1.0, 2, 3], [HALF, 0, 0, -HALF])
    np.testing.assert_allclose(pose, [1, 2, 3, HALF, 0, 0, HALF], atol=1e-15)
    other = poses.pose_from_camera_to_world_quaternion([1.0, 2, 3], [HALF, 0, 0, HALF])
    np.testing.assert_allclose(pose, other, atol=1e-15)


def test_quaternions_are_put_on_the_upper_hemisphere_at_unit_norm():
    def normalized(*quaternion):
        return poses.pose_from_camera_to_world_quaternion([0, 0, 0], quaternion)[3:]

    np.testing.assert_allclose(normalized(-2.0, 0, 0, 0), [1, 0, 0, 0])
    np.testing.assert_allclose(normalized(-3.0, 0, 4, 0), [0.6, 0, -0.8, 0])
    np.testing.assert_allclose(normalized(3.0, 0, 4, 0), [0.6, 0, 0.8, 0])
    np.testing.assert_array_equal(normalized(0.0, -1, 0, 0), normalized(0.0, 1, 0, 0))


def test_round_trip():
    matrices = random_rotations(100)
    quaternions = poses.quaternion_from_matrix(matrices)
    assert quaternions.shape == (100, 4)
    assert np.all(quaternions[:, 0] >= 0)
    np.testing.assert_allclose(np.linalg.norm(quaternions, axis=1), 1, atol=1e-14)
    np.testing.assert_allclose(poses.matrix_from_quaternion(quaternions), matrices, atol=1e-14)


def test_matrix_and_quaternion_readings_agree():
    for matrix in random_rotations(20, seed=1):
        world_to_camera = Rotation.from_matrix(matrix.T).as_quat(scalar_first=True)
        full = np.eye(4)
        full[:3, :3], full[:3, 3] = matrix, (4, 5, 6)
        np.testing.assert_allclose(
            poses.pose_from_world_to_camera_quaternion([4, 5, 6], world_to_camera),
            poses.pose_from_matrix(full),
            atol=1e-14,
        )


@pytest.mark.parametrize("degrees", [0.0, 1e-6, 1.0, 90.0, 179.999999, 180.0])
def test_orientation_error_is_the_angle(degrees):
    error = poses.orientation_error_deg(pose_about_z(0)[None], pose_about_z(degrees)[None])
    np.testing.assert_allclose(error, [degrees], rtol=1e-9, atol=1e-12)


def test_orientation_error_beyond_half_a_turn_goes_the_other_way():
    error = poses.orientation_error_deg(pose_about_z(10)[None], pose_about_z(350)[None])
    np.testing.assert_allclose(error, [20])


def test_signs_and_norms_of_quaternions_do_not_matter():
    truth = np.stack([pose_about_z(20)] * 3)
    prediction = np.stack([pose_about_z(50)] * 3)
    prediction[1, 3:] *= -1
    prediction[2, 3:] *= 7
    np.testing.assert_allclose(poses.orientation_error_deg(truth, prediction), [30, 30, 30])


def test_rounding_does_not_lead_out_of_the_domain():
    # float32 quaternions have scalar products above 1, where acos is not a number.
    quaternions = poses.quaternion_from_matrix(random_rotations(1000)).astype(np.float32)
    same = np.concatenate([np.zeros((1000, 3), np.float32), quaternions], axis=1)
    assert np.any(np.sum(quaternions * quaternions, axis=1) > 1)
    assert np.all(poses.orientation_error_deg(same, same) < 1e-6)


def test_position_error_in_metres():
    truth, prediction = np.zeros((2, 7)), np.zeros((2, 7))
    prediction[:, :3] = [[3, 4, 0], [0, 0, 0]]
    np.testing.assert_allclose(poses.position_error_m(truth, prediction), [5, 0])


def test_mean_pose():
    pair = np.stack([pose_about_z(10), pose_about_z(50)])
    pair[:, :3] = [[0, 0, 0], [2, 4, 6]]
    pair[1, 3:] *= -1  # The mean of the components would now be off.
    expected = pose_about_z(30)
    expected[:3] = (1, 2, 3)
    np.testing.assert_allclose(poses.mean_pose(pair), expected, atol=1e-12)


def test_rounded_matrix_is_orthonormalised():
    matrix = np.round(random_rotations(1)[0], 3)
    assert np.abs(matrix @ matrix.T - np.eye(3)).max() > 1e-4
    repaired = poses.matrix_from_quaternion(poses.quaternion_from_matrix(matrix))
    np.testing.assert_allclose(repaired @ repaired.T, np.eye(3), atol=1e-14)
    np.testing.assert_allclose(repaired, matrix, atol=1e-3)


@pytest.mark.parametrize(
    ("rotation", "message"),
    [
        (np.zeros((3, 3)), "determinant 0 "),
        (np.diag([1.0, 1, -1]), "determinant -1 "),
        (np.diag([1.0, 1, 1.011]), "determinant 1.011 "),
        (np.diag([2.0, 0.5, 1]), "not orthogonal"),
        (np.diag([1.0, 1, np.nan]), "not finite"),
    ],
)
def test_what_is_no_rotation_is_refused(rotation, message):
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    with pytest.raises(ValueError, match=message):
        poses.pose_from_matrix(matrix)


def test_determinant_within_the_tolerance_is_accepted():
    assert poses.quaternion_from_matrix(np.diag([1.0, 1, 1.009])) == pytest.approx([1, 0, 0, 0])


@pytest.mark.parametrize(
    ("centre", "quaternion", "message"),
    [
        ([0, 0, 0], [0, 0, 0, 0], "norm 0"),
        ([0, 0, 0], [1, 0, np.inf, 0], "quaternion is not finite"),
        ([0, np.nan, 0], [1, 0, 0, 0], "position is not finite"),
    ],
)
def test_bad_centre_or_quaternion_is_refused(centre, quaternion, message):
    with pytest.raises(ValueError, match=message):
        poses.pose_from_world_to_camera_quaternion(centre, quaternion)


def test_bad_last_row_is_refused():
    with pytest.raises(ValueError, match="last row"):
        poses.pose_from_matrix(np.ones((4, 4)) * np.array([[1], [1], [1], [2.0]]))
