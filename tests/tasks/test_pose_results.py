import csv

import numpy as np
import pytest

from errors import UserError
from tasks import pose_results


def pose(x: float, degrees: float = 0.0) -> list[float]:
    """A camera at (x, 0, 0), turned about z."""
    half = np.radians(degrees) / 2
    return [x, 0.0, 0.0, np.cos(half), 0.0, 0.0, np.sin(half)]


def test_metrics_of_four_images_by_hand():
    truth = np.array([pose(0)] * 4)
    predicted = np.array([pose(0.05, 4), pose(0.2, 1), pose(0.4, 3), pose(3, 40)])
    metrics = pose_results.pose_metrics(truth, predicted)
    assert metrics["median_position_m"] == pytest.approx(0.3)
    assert metrics["median_orientation_deg"] == pytest.approx(3.5)
    assert metrics["mean_position_m"] == pytest.approx(0.9125)
    assert metrics["mean_orientation_deg"] == pytest.approx(12.0)
    assert metrics["images"] == 4
    # 0.1/5: first; 0.25/2: second; 0.5/5: first three; 5/10: the fourth is near, but turned 40.
    assert metrics["recall"] == {
        "0.1m_5deg": 0.25,
        "0.25m_2deg": 0.25,
        "0.5m_5deg": 0.75,
        "5m_10deg": 0.75,
    }


def test_recall_counts_an_error_at_the_threshold():
    metrics = pose_results.pose_metrics(np.array([pose(0)]), np.array([pose(0.5)]))
    assert metrics["recall"]["0.5m_5deg"] == 1.0


def test_metrics_do_not_see_the_sign_of_a_quaternion():
    truth, predicted = np.array([pose(0, 10)]), np.array([pose(1, 30)])
    opposite = predicted * [1, 1, 1, -1, -1, -1, -1]
    assert pose_results.pose_metrics(truth, opposite)["mean_orientation_deg"] == pytest.approx(20)


@pytest.mark.parametrize("count", [(0, 0), (2, 3)])
def test_metrics_refuse_no_images_and_unequal_ones(count):
    with pytest.raises(ValueError, match=r"\[N, 7\]"):
        pose_results.pose_metrics(np.zeros((count[0], 7)), np.zeros((count[1], 7)))


def test_baselines_by_hand():
    train = np.array([pose(0), pose(4)])  # mean at x = 2
    truth = np.array([pose(1), pose(4)])
    rows = pose_results.baselines(truth, train, np.eye(2), np.eye(2))
    assert rows["mean_pose"]["mean_position_m"] == pytest.approx(1.5)
    assert rows["retrieval"]["mean_position_m"] == pytest.approx(0.5)
    assert rows["retrieval"]["images"] == 2


def test_images_are_ranked_by_both_errors_in_medians():
    # Medians 2 m and 20 degrees: sums 0.5 + 1, 1 + 0.5, 1 + 1, 5 + 1, 2 + 30.
    position = np.array([1.0, 2.0, 2.0, 10.0, 4.0])
    orientation = np.array([20.0, 10.0, 20.0, 20.0, 600.0])
    chosen = pose_results.choose_images(position, orientation, best=2, worst=2, sample=3)
    assert chosen == {"best": [0, 1], "worst": [4, 3], "sample": [0, 2, 4]}


@pytest.mark.parametrize("count", [0, 1, 2, 5, 11, 40])
def test_best_and_worst_share_no_image(count):
    errors = np.random.default_rng(count).random(count)
    chosen = pose_results.choose_images(errors, errors)
    assert not set(chosen["best"]) & set(chosen["worst"])
    assert len(chosen["best"]) + len(chosen["worst"]) == min(count, 12)
    assert len(chosen["sample"]) == len(set(chosen["sample"])) == min(count, 6)


def test_a_prediction_that_is_not_a_number_counts_as_worst():
    errors = np.array([0.1, np.nan, 0.2, 0.3])
    assert pose_results.choose_images(errors, errors, worst=1)["worst"] == [1]


def predictions(count: int) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [
        np.concatenate([random.normal(0, 100, (count, 3)), random.normal(size=(count, 4))], 1)
        for _ in range(2)
    ]


def test_predictions_come_back_as_the_same_float32(tmp_path):
    truth, predicted = (poses.astype(np.float32) for poses in predictions(50))
    names = [f'seq-1/frame, "{n}"' for n in range(50)]
    layers = [["3b", "5b"]] * 50
    path = tmp_path / "predictions.csv"
    pose_results.write_predictions_csv(path, names, ["seq-1"] * 50, truth, predicted, layers)
    back = pose_results.read_predictions_csv(path)
    assert back.names == names
    assert back.sequences == ["seq-1"] * 50
    assert back.layers == layers
    np.testing.assert_array_equal(back.truth.astype(np.float32), truth)
    np.testing.assert_array_equal(back.predicted.astype(np.float32), predicted)


def test_predictions_file_has_the_documented_columns(tmp_path):
    path = tmp_path / "predictions.csv"
    truth, predicted = np.array([pose(1)]), np.array([pose(3, 90)])
    pose_results.write_predictions_csv(path, ["a"], ["s"], truth, predicted, [["3b", "4e"]])
    with path.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert list(row) == [
        *("name", "sequence", "x", "y", "z", "qw", "qx", "qy", "qz"),
        *("true_x", "true_y", "true_z", "true_qw", "true_qx", "true_qy", "true_qz"),
        *("position_error_m", "orientation_error_deg", "layer_step1", "layer_step2"),
    ]
    assert (row["name"], row["x"], row["true_x"]) == ("a", "3", "1")
    assert (row["true_qw"], row["qz"]) == ("1", "0.707106781")
    assert float(row["position_error_m"]) == 2
    assert float(row["orientation_error_deg"]) == pytest.approx(90)
    assert (row["layer_step1"], row["layer_step2"]) == ("3b", "4e")


def test_a_network_without_gates_has_no_layer_columns(tmp_path):
    path = tmp_path / "predictions.csv"
    pose_results.write_predictions_csv(path, ["a"], ["s"], *np.array([[pose(1)], [pose(2)]]))
    assert path.read_text().splitlines()[0].endswith("orientation_error_deg")
    assert pose_results.read_predictions_csv(path).layers == [[]]


def test_an_uncertainty_has_columns_of_its_own_before_the_layers(tmp_path):
    path = tmp_path / "predictions.csv"
    truth, predicted = np.array([pose(1)]), np.array([pose(3, 90)])
    spread = np.array([[0.25, 3.5]])
    pose_results.write_predictions_csv(path, ["a"], ["s"], truth, predicted, [["3b"]], spread)
    header, row = path.read_text().splitlines()
    assert header.endswith("orientation_error_deg,uncertainty_m,uncertainty_deg,layer_step1")
    assert row.endswith(",0.25,3.5,3b")
    back = pose_results.read_predictions_csv(path)
    np.testing.assert_array_equal(back.uncertainty, spread)
    assert back.layers == [["3b"]]
    assert back.position_error_m == 2


def test_uncertainty_metrics_by_hand():
    truth = np.array([pose(0)] * 4)
    predicted = np.array([pose(1, 10), pose(2, 20), pose(3, 30), pose(4, 40)])
    # Position: in the order of the errors, half of them. Orientation: in the opposite order.
    spread = np.array([[0.5, 40], [1.0, 30], [1.5, 20], [2.0, 10]])
    found = pose_results.uncertainty_metrics(truth, predicted, spread)
    assert found["position"] == pytest.approx({"rank_correlation": 1, "error_per_spread": 2})
    assert found["orientation"]["rank_correlation"] == pytest.approx(-1)
    # Errors over spreads: 1/4, 2/3, 3/2, 4.
    assert found["orientation"]["error_per_spread"] == pytest.approx((2 / 3 + 3 / 2) / 2)


def test_a_spread_that_is_always_the_same_tells_nothing():
    truth, predicted = np.array([pose(0)] * 2), np.array([pose(1), pose(2)])
    found = pose_results.uncertainty_metrics(truth, predicted, np.ones((2, 2)))
    assert found["position"]["rank_correlation"] == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name,", "label,", "columns"),
        ("0.707106781", "north", "line 2"),
        ("\r\na,", "\r\na,extra,", "line 2"),
    ],
)
def test_a_broken_predictions_file_is_named(tmp_path, old, new, message):
    path = tmp_path / "predictions.csv"
    pose_results.write_predictions_csv(path, ["a"], ["s"], *np.array([[pose(1)], [pose(3, 90)]]))
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new).encode())
    with pytest.raises(UserError, match=rf"predictions\.csv.*{message}"):
        pose_results.read_predictions_csv(path)


def test_a_missing_predictions_file_says_what_to_run(tmp_path):
    with pytest.raises(UserError, match=r"eval\.py"):
        pose_results.read_predictions_csv(tmp_path / "predictions.csv")
