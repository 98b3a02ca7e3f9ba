import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from data import poses
from data.crops import turned
from data.ray_caster import FOCAL_LENGTH, RayCaster, intrinsics
from data.room import BOXES, ROOM_HIGH, ROOM_LOW
from data.seven_scenes import reader
from data.synthetic import camera_rotation, random_path, write_room

SIZE = (65, 49)
TINY = {"train_sequences": 2, "test_sequences": 1, "frames_per_sequence": 2, "size": SIZE}


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return write_room(tmp_path_factory.mktemp("synthetic"), seed=3, **TINY)


@pytest.fixture(scope="module")
def caster():
    return RayCaster(seed=3, texels_per_metre=intrinsics(SIZE)[0, 0] / 2)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


def camera_at(position, yaw, pitch=0.0, roll=0.0):
    camera = np.eye(4)
    camera[:3, :3] = camera_rotation(yaw, pitch, roll)
    camera[:3, 3] = position
    return camera


def project(camera, size, point):
    """Pixel (x, y) and depth of a world point, from the documented camera model alone."""
    local = np.linalg.inv(camera) @ np.append(point, 1)
    x, y, w = intrinsics(size) @ local[:3]
    return round(x / w), round(y / w), local[2]


def training_and_test_poses(seed=0):
    paths = [random_path(np.random.default_rng([seed, i]), 48) for i in range(1, 13)]
    vectors = [np.array([poses.pose_from_matrix(camera) for camera in path]) for path in paths]
    return np.concatenate(vectors[:10]), np.concatenate(vectors[10:])


def test_layout_is_that_of_seven_scenes(scene):
    frames = [f"seq-0{s}/frame-00000{f}" for s in (1, 2, 3) for f in (0, 1)]
    expected = {f"{frame}.{kind}" for frame in frames for kind in ("color.png", "pose.txt")}
    assert scene.name == "room"
    assert set(contents(scene)) == expected | {"TrainSplit.txt", "TestSplit.txt"}
    assert (scene / "TrainSplit.txt").read_text() == "sequence1\nsequence2\n"
    assert (scene / "TestSplit.txt").read_text() == "sequence3\n"
    with Image.open(scene / "seq-01/frame-000000.color.png") as image:
        assert (image.size, image.mode, image.format) == (SIZE, "RGB", "PNG")


def test_the_reader_of_seven_scenes_reads_it(scene):
    records = reader.read_split(scene, "train")
    assert [record.name for record in records][1:3] == [
        "seq-01/frame-000001",
        "seq-02/frame-000000",
    ]
    written = random_path(np.random.default_rng([3, 2]), 2)[1]
    np.testing.assert_allclose(records[3].pose, poses.pose_from_matrix(written), atol=1e-12)
    assert len(reader.read_split(scene, "test")) == 2


def test_same_seed_gives_same_bytes(scene, tmp_path):
    assert contents(write_room(tmp_path, seed=3, **TINY)) == contents(scene)


def test_another_seed_gives_other_images_and_poses(scene, tmp_path):
    other = contents(write_room(tmp_path, seed=4, **TINY))
    for name, value in contents(scene).items():
        assert (other[name] == value) == name.endswith("Split.txt"), name


def test_sequences_differ(scene):
    files = [data for name, data in contents(scene).items() if not name.endswith("Split.txt")]
    assert len(set(files)) == len(files)


def test_written_image_is_what_the_written_pose_sees(scene, caster):
    first, second = (scene / f"seq-02/frame-00000{frame}" for frame in (0, 1))
    image = np.asarray(Image.open(f"{first}.color.png"), float)
    seen, seen_later = (
        caster.photograph(np.loadtxt(f"{frame}.pose.txt"), SIZE) for frame in (first, second)
    )
    assert 0.5 < np.abs(image - seen).mean() < 2  # the sensor's noise
    assert np.abs(image - seen_later).mean() > 8


@pytest.mark.parametrize("offset", [(24, 0), (-24, 8), (0, -8)])
def test_a_crop_off_the_centre_is_nearly_what_the_turned_camera_sees(caster, offset):
    """The sign and size of `data.crops.turned`, on rendered pictures."""
    size, side = (129, 97), 80
    camera = camera_at((0.5, -1.0, 1.4), yaw=0.3)
    pose = poses.pose_from_matrix(camera).astype(np.float32)
    left, top = ((whole - side) // 2 for whole in size)
    image = caster.photograph(camera, size).astype(float)
    crop = image[top + offset[1] :, left + offset[0] :][:side, :side]

    def centre_seen_by(direction):
        turned_pose = turned(tf.constant(pose), tf.constant(direction, tf.float32)).numpy()
        other = np.eye(4)
        other[:3, :3] = poses.matrix_from_quaternion(turned_pose[3:].astype(float))
        other[:3, 3] = turned_pose[:3]
        return caster.photograph(other, size).astype(float)[top:, left:][:side, :side]

    direction = np.array(offset) / (FOCAL_LENGTH * size[1])
    right = np.abs(crop - centre_seen_by(direction)).mean()
    unturned, opposite = (
        np.abs(crop - centre_seen_by(d)).mean() for d in (0 * direction, -direction)
    )
    assert right < 0.7 * unturned
    assert right < 0.7 * opposite


def test_camera_axes_are_right_down_forward():
    north = camera_rotation(90, 0, 0)
    np.testing.assert_allclose(north.T, [(1, 0, 0), (0, 0, -1), (0, 1, 0)], atol=1e-15)
    np.testing.assert_allclose(camera_rotation(0, 30, 0)[:, 2], (np.sqrt(0.75), 0, 0.5))
    # Rolled clockwise by a quarter turn, the camera's right side points down.
    np.testing.assert_allclose(camera_rotation(90, 0, 90)[:, 0], (0, 0, -1), atol=1e-15)


def test_intrinsics_give_the_documented_field_of_view():
    matrix = intrinsics((341, 256))
    np.testing.assert_allclose(matrix, [(268.8, 0, 170), (0, 268.8, 127.5), (0, 0, 1)])


def test_depth_of_a_level_view_of_the_north_wall(caster):
    camera = camera_at((0, -0.6, 1.5), yaw=90)
    depth = caster.depth(camera, SIZE)
    assert depth[24, 32] == pytest.approx(3.1, abs=1e-4)  # the wall stands at y = 2.5
    rise = 24 / (1.05 * 49)  # of the ray through the top row, per metre of depth
    assert depth[0, 32] == pytest.approx(1.3 / rise, abs=1e-4)  # the ceiling, 1.3 m above


@pytest.mark.parametrize(
    ("yaw", "point"),
    [
        (90, (0.1, 1.6, 0.42)),  # coffee table, top
        (120, (-2.4, 2.1, 1.7)),  # bookcase, front
        (60, (1.7, 1.48, 1.4)),  # shade of the floor lamp, front
        (60, (3.0, 2.5, 2.8)),  # corner of the room
        (135, (-3.0, 1.0, 1.9)),  # west wall
    ],
)
def test_depth_at_known_points_of_the_room(caster, yaw, point):
    size = (641, 481)
    camera = camera_at((0.1, -0.9, 1.6), yaw, pitch=-8, roll=5)
    x, y, depth = project(camera, size, point)
    assert caster.depth(camera, size)[y, x] == pytest.approx(depth, abs=0.02)


def test_a_picture_hangs_where_the_pose_puts_it(caster):
    # Its dark frame, 4 cm wide, spans x from 1.75 to 2.6 and z from 1.65 to 2.3 on the blue wall.
    size, camera = (641, 481), camera_at((1.0, -0.5, 1.6), yaw=68, pitch=3, roll=-6)
    image = RayCaster(3, 200).photograph(camera, size)
    middle = np.array((2.175, 1.975))
    for half_width, half_height in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        corner = np.array((half_width * 0.425, half_height * 0.325))
        for outwards, dark in ((-0.02, True), (0.04, False)):
            x, z = middle + corner + outwards * np.sign(corner)
            column, row, _ = project(camera, size, (x, 2.5, z))
            assert (image[row, column].max() < 80) == dark, (x, z)


def test_rays_end_at_the_first_surface(caster):
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((3, 500)).astype(np.float32)
    origin = np.array([[0.2], [-0.4], [1.4]], np.float32)
    distance, face = caster.trace(origin, directions)
    ends = origin + distance * directions
    lows, highs = (np.array([getattr(box, side) for box in BOXES]) for side in ("low", "high"))
    box, axis, side = face // 6, face % 6 // 2, face % 2
    plane = np.where(side == 1, highs[box, axis], lows[box, axis])
    np.testing.assert_allclose(ends[axis, np.arange(500)], plane, atol=1e-4)
    assert len(np.unique(box)) > 10
    for share in np.linspace(0, 0.99, 60):
        points = (origin + share * distance * directions).T[:, None]
        assert np.all((points[:, 0] > ROOM_LOW) & (points[:, 0] < ROOM_HIGH))
        assert not np.any(np.all((points > lows[1:] + 1e-4) & (points < highs[1:] - 1e-4), axis=2))


def test_leaving_out_furniture_that_is_out_of_view_changes_no_image(caster, monkeypatch):
    cameras = random_path(np.random.default_rng(7), 60)[::6]
    images = [caster.photograph(camera, SIZE) for camera in cameras]
    kept = [len(caster._in_view(camera, SIZE, *np.array([[0, 64], [0, 48]]))) for camera in cameras]
    assert np.mean(kept) < 0.8 * len(BOXES)
    monkeypatch.setattr(caster, "_in_view", lambda *_: range(1, len(BOXES)))
    for camera, image in zip(cameras, images, strict=True):
        np.testing.assert_array_equal(caster.photograph(camera, SIZE), image)


def test_cameras_stay_inside_the_room_and_clear_of_furniture():
    path = random_path(np.random.default_rng(5), 5000)
    centres = path[:, :3, 3]
    assert np.all(centres - ROOM_LOW > 0.5)
    assert np.all(ROOM_HIGH - centres > 0.5)
    for box in BOXES[1:]:
        outside = np.maximum(0, np.maximum(box.low - centres, centres - box.high))
        assert np.linalg.norm(outside, axis=1).min() > 0.3, box
    rotations = path[:, :3, :3]
    np.testing.assert_allclose(
        rotations @ rotations.transpose(0, 2, 1), np.tile(np.eye(3), (5000, 1, 1)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(rotations), 1)


def test_paths_are_smooth_and_travel_far():
    for sequence in range(20):
        path = random_path(np.random.default_rng([0, sequence]), 48)
        vectors = np.array([poses.pose_from_matrix(camera) for camera in path])
        steps = poses.position_error_m(vectors[1:], vectors[:-1])
        assert steps.max() < 0.35
        assert steps.sum() > 2
        assert poses.orientation_error_deg(vectors[1:], vectors[:-1]).max() < 13
        speeds = np.diff(path[:, :3, 3], axis=0)
        assert np.linalg.norm(np.diff(speeds, axis=0), axis=1).max() < 0.06
        assert poses.orientation_error_deg(vectors, vectors[:1]).max() > 20


def test_views_turn_by_tens_of_degrees():
    training, _ = training_and_test_poses()
    forward = poses.matrix_from_quaternion(training[:, 3:])[:, :, 2]
    yaw = np.rad2deg(np.arctan2(forward[:, 1], forward[:, 0]))
    assert 70 < np.ptp(yaw) < 120


def test_training_paths_cover_the_test_paths():
    training, test = training_and_test_poses()
    mean = np.repeat(poses.mean_pose(training)[None], len(test), axis=0)
    baseline = np.median(poses.position_error_m(test, mean))
    distances = np.linalg.norm(test[:, None, :3] - training[None, :, :3], axis=2)
    nearest = training[distances.argmin(axis=1)]
    assert np.median(poses.position_error_m(test, nearest)) < baseline / 6
    assert np.median(poses.orientation_error_deg(test, nearest)) < 10
