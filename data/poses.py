"""All pose arithmetic.

A pose is an array [7]: the camera centre x, y, z in world metres, then the quaternion w, x, y, z of
the camera-to-world rotation, of unit norm and with w >= 0. q and -q are the same rotation; the
hemisphere w >= 0 makes the regression target unique.
"""

import numpy as np
from scipy.spatial.transform import Rotation

DETERMINANT_TOLERANCE = 1e-2
# A scaling that moves the determinant by 1e-2 moves the entries of R^T R by less than this.
ORTHOGONALITY_TOLERANCE = 2e-2
SMALLEST_QUATERNION_NORM = 1e-8


def _rotation(quaternion: np.ndarray) -> Rotation:
    """Returns the rotations of quaternions [..., 4] of any norm but 0.

    Raises:
        ValueError: The quaternion is not finite or its norm is 0.
    """
    quaternion = np.asarray(quaternion, dtype=np.float64)
    if not np.all(np.isfinite(quaternion)):
        raise ValueError("the quaternion is not finite")
    if np.any(np.linalg.norm(quaternion, axis=-1) < SMALLEST_QUATERNION_NORM):
        raise ValueError("the quaternion has norm 0")
    return Rotation.from_quat(quaternion, scalar_first=True)


def _quaternion(rotation: Rotation) -> np.ndarray:
    # canonical: w >= 0, and for w = 0 the first component that is not 0 is positive.
    return rotation.as_quat(canonical=True, scalar_first=True)


def quaternion_from_matrix(matrix: np.ndarray) -> np.ndarray:
    """Returns the quaternions [..., 4] of the rotations nearest to the matrices [..., 3, 3].

    Pose files are rounded, so small departures from orthogonality are repaired.

    Raises:
        ValueError: The matrix is not finite, its determinant is not 1 within 1e-2 or its columns
            are not orthonormal within 2e-2.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    if not np.all(np.isfinite(matrix)):
        raise ValueError("the rotation is not finite")
    determinant = np.linalg.det(matrix)
    if np.any(np.abs(determinant - 1) > DETERMINANT_TOLERANCE):
        worst = determinant.flat[np.argmax(np.abs(determinant - 1))]
        raise ValueError(f"the rotation has determinant {worst:.4g} instead of 1")
    gram = np.swapaxes(matrix, -1, -2) @ matrix
    if np.any(np.abs(gram - np.eye(3)) > ORTHOGONALITY_TOLERANCE):
        raise ValueError("the rotation is not orthogonal")
    return _quaternion(Rotation.from_matrix(matrix))


def matrix_from_quaternion(quaternion: np.ndarray) -> np.ndarray:
    """Returns the rotation matrices [..., 3, 3] of quaternions [..., 4] of any norm but 0.

    Raises:
        ValueError: The quaternion is not finite or its norm is 0.
    """
    return _rotation(quaternion).as_matrix()


def pose_from_matrix(matrix: np.ndarray) -> np.ndarray:
    """Returns the pose [7] of a rigid camera-to-world transform [4, 4].

    Raises:
        ValueError: The matrix is not finite, its last row is not 0 0 0 1 or the rotation is bad.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    if not np.all(np.isfinite(matrix)):
        raise ValueError("the pose is not finite")
    if not np.allclose(matrix[3], (0, 0, 0, 1), atol=1e-6):
        raise ValueError("the last row of the pose is not 0 0 0 1")
    return np.concatenate([matrix[:3, 3], quaternion_from_matrix(matrix[:3, :3])])


def pose_from_camera_to_world_quaternion(centre: np.ndarray, quaternion: np.ndarray) -> np.ndarray:
    """Returns the pose [7] of a camera at `centre` [3] (m) with a camera-to-world `quaternion` [4].

    Raises:
        ValueError: The centre or quaternion is not finite, or the quaternion has norm 0.
    """
    return _pose(centre, _rotation(quaternion))


def pose_from_world_to_camera_quaternion(centre: np.ndarray, quaternion: np.ndarray) -> np.ndarray:
    """Returns the pose [7] of a camera at `centre` [3] (m) with a world-to-camera `quaternion` [4].

    `centre` is the camera centre in the world, not the translation of the world-to-camera map.

    Raises:
        ValueError: The centre or quaternion is not finite, or the quaternion has norm 0.
    """
    return _pose(centre, _rotation(quaternion).inv())


def pose_from_world_to_camera(quaternion: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """Returns the pose [7] of a camera whose axes see a point p of the world at R p + t.

    Args:
        quaternion: [4] of R.
        translation: [3] t (m).

    Raises:
        ValueError: A value is not finite, or the quaternion has norm 0.
    """
    camera_to_world = _rotation(quaternion).inv()
    return _pose(-camera_to_world.apply(translation), camera_to_world)


def _pose(centre: np.ndarray, camera_to_world: Rotation) -> np.ndarray:
    centre = np.asarray(centre, dtype=np.float64)
    if not np.all(np.isfinite(centre)):
        raise ValueError("the position is not finite")
    return np.concatenate([centre, _quaternion(camera_to_world)])


def position_offset_m(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Returns predicted minus true camera centres [N, 3] of poses [N, 7], metres in the world."""
    return np.subtract(
        np.asarray(prediction)[..., :3], np.asarray(truth)[..., :3], dtype=np.float64
    )


def position_error_m(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Returns the distances [N] in metres between the camera centres of poses [N, 7]."""
    return np.linalg.norm(position_offset_m(truth, prediction), axis=-1)


def orientation_error_deg(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Returns the angles [N] in degrees, 0 to 180, between the rotations of poses [N, 7].

    Equal to 2 acos |<q, q^>| of the normalised quaternions, but exact at 0 and 180 degrees, where
    acos loses half the digits or leaves its domain.

    Raises:
        ValueError: A quaternion is not finite or its norm is 0.
    """
    return np.degrees(_relative(truth, prediction).magnitude())


def orientation_offset_deg(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Returns the rotation vectors [N, 3], degrees, from the true to the predicted cameras.

    In the axes of the true camera: x to the right, y down, z forward. Their lengths are the
    `orientation_error_deg` of the poses [N, 7].

    Raises:
        ValueError: A quaternion is not finite or its norm is 0.
    """
    return np.degrees(_relative(truth, prediction).as_rotvec())


def _relative(truth: np.ndarray, prediction: np.ndarray) -> Rotation:
    return _rotation(np.asarray(truth)[..., 3:]).inv() * _rotation(np.asarray(prediction)[..., 3:])


def mean_pose(poses: np.ndarray) -> np.ndarray:
    """Returns the pose [7] with the mean position and the mean rotation of poses [N, 7].

    The mean rotation minimises the summed squared chordal distance (Markley et al. 2007), which
    does not depend on the signs of the quaternions.
    """
    poses = np.asarray(poses, dtype=np.float64)
    rotation = _rotation(poses[:, 3:]).mean()
    return np.concatenate([poses[:, :3].mean(axis=0), _quaternion(rotation)])
