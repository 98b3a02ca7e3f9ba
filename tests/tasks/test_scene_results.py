import csv

import numpy as np
import pytest

from errors import UserError
from tasks import scene_results

CLASSES = ["bar", "church inside", "office"]
# Three bars (one taken for a church), two churches (both for bars), five offices (one for a bar).
LABELS = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 2])
ANSWERS = np.array([0, 0, 1, 0, 0, 2, 2, 2, 2, 0])


def sure(answers: np.ndarray, classes: int = 3) -> np.ndarray:
    """Scores [N, classes] with these answers."""
    return np.eye(classes)[answers]


def test_metrics_of_ten_images_by_hand():
    metrics = scene_results.scene_metrics(LABELS, sure(ANSWERS), CLASSES)
    assert metrics["accuracy"] == pytest.approx(0.6)
    assert metrics["mean_class_accuracy"] == pytest.approx((2 / 3 + 0 + 4 / 5) / 3)
    assert metrics["images"] == 10
    assert metrics["per_class"]["church inside"] == {
        "accuracy": 0.0, "images": 2, "most_confused_with": "bar", "confused_images": 2,
    }  # fmt: skip
    assert metrics["per_class"]["office"]["accuracy"] == pytest.approx(0.8)
    assert "top5_accuracy" not in metrics


def test_metrics_do_not_see_the_scale_of_the_scores():
    scores = np.random.default_rng(0).normal(size=(10, 3))
    of_logits = scene_results.scene_metrics(LABELS, scores, CLASSES)
    assert scene_results.scene_metrics(LABELS, 7 * scores - 100, CLASSES) == of_logits
    shares = scene_results.probabilities(scores)
    assert scene_results.scene_metrics(LABELS, shares, CLASSES) == of_logits


def test_a_class_without_images_is_left_out_of_the_mean():
    metrics = scene_results.scene_metrics([0, 2], sure([0, 1]), CLASSES)
    assert metrics["mean_class_accuracy"] == pytest.approx(0.5)
    assert list(metrics["per_class"]) == ["bar", "office"]
    assert metrics["per_class"]["bar"]["most_confused_with"] is None


def test_top_five_counts_the_fifth_and_not_the_sixth():
    names = list("abcdefg")
    scores = np.tile(np.arange(7.0)[::-1], (3, 1))  # a is best, then b, ...
    metrics = scene_results.scene_metrics([0, 4, 5], scores, names)
    assert metrics["top5_accuracy"] == pytest.approx(2 / 3)
    assert metrics["accuracy"] == pytest.approx(1 / 3)


def test_of_equal_scores_the_first_five_count():
    metrics = scene_results.scene_metrics(np.arange(7), np.zeros((7, 7)), list("abcdefg"))
    assert metrics["accuracy"] == pytest.approx(1 / 7)
    assert metrics["top5_accuracy"] == pytest.approx(5 / 7)


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([], np.zeros((0, 3)), r"\[N\] labels"),
        ([0, 1], np.zeros((3, 3)), r"\[N\] labels"),
        ([0, 1], np.zeros((2, 4)), r"\[N, 3\] scores"),
        ([0], np.array([[0.0, np.nan, 1.0]]), "not numbers"),
    ],
)
def test_metrics_refuse_what_cannot_be_scored(labels, scores, message):
    with pytest.raises(ValueError, match=message):
        scene_results.scene_metrics(np.array(labels), scores, CLASSES)


def test_probabilities_sum_to_one_and_survive_large_logits():
    shares = scene_results.probabilities(np.array([[1000.0, 1000.0, -1000.0], [0, 0, np.log(2)]]))
    np.testing.assert_allclose(shares, [[0.5, 0.5, 0], [0.25, 0.25, 0.5]], atol=1e-12)


def test_confusion_matrix_has_true_classes_in_rows():
    matrix = scene_results.confusion_matrix(LABELS, ANSWERS, 3)
    np.testing.assert_array_equal(matrix, [[2, 1, 0], [2, 0, 0], [1, 0, 4]])


def test_baselines_by_hand():
    train = np.array([1, 0, 1, 2])
    rows = scene_results.baselines(
        np.array([1, 1, 0, 2]), train, np.eye(4), np.eye(4)[[0, 2, 0, 3]], classes=3
    )
    assert rows["majority_class"]["accuracy"] == 0.5
    assert rows["majority_class"]["mean_class_accuracy"] == pytest.approx(1 / 3)
    assert rows["retrieval"] == {
        "accuracy": 0.75, "mean_class_accuracy": pytest.approx(2 / 3), "images": 4,
    }  # fmt: skip


def test_of_equally_large_classes_the_first_is_the_majority():
    rows = scene_results.baselines(np.array([0]), np.array([2, 1, 0]), np.eye(3), np.eye(3)[:1], 3)
    assert rows["majority_class"]["accuracy"] == 1.0


def made_up(truth, predicted, probability) -> scene_results.Predictions:
    count = len(truth)
    return scene_results.Predictions(
        [f"{row}" for row in range(count)], CLASSES, np.array(truth), np.array(predicted),
        np.array(probability), np.zeros(count), [[]] * count,
    )  # fmt: skip


def test_images_are_chosen_by_confidence_and_right_ones_by_class():
    rows = made_up([0, 0, 1, 1, 2, 2], [0, 0, 1, 2, 2, 1], [0.9, 0.99, 0.7, 0.5, 0.8, 0.6])
    assert scene_results.choose_images(rows, sample=3) == {
        "confident_right": [1, 4, 2],
        "confident_wrong": [5, 3],
        "sample": [0, 2, 5],
    }
    limited = scene_results.choose_images(rows, right=1, wrong=1)
    assert (limited["confident_right"], limited["confident_wrong"]) == ([1], [5])


def write(path, layers=None):
    shares = np.array([[0.125, 0.75, 0.125], [0.6, 0.1, 0.3]])
    names = ['bar/1, "x".jpg', "office/2.jpg"]
    scene_results.write_predictions_csv(path, names, np.array([1, 2]), shares, CLASSES, layers)


def test_predictions_come_back(tmp_path):
    layers = [["3b", "5b"], ["4e", "4e"]]
    write(tmp_path / "predictions.csv", layers)
    back = scene_results.read_predictions_csv(tmp_path / "predictions.csv", CLASSES)
    assert back.names == ['bar/1, "x".jpg', "office/2.jpg"]
    assert (back.truth.tolist(), back.predicted.tolist()) == ([1, 2], [1, 0])
    assert (back.probability.tolist(), back.true_probability.tolist()) == ([0.75, 0.6], [0.75, 0.3])
    assert back.right.tolist() == [True, False]
    assert back.layers == layers


def test_predictions_file_has_the_documented_columns(tmp_path):
    write(tmp_path / "predictions.csv", [["3b"], ["4e"]])
    with (tmp_path / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[1] == {
        "name": "office/2.jpg", "true_class": "office", "predicted_class": "bar",
        "probability": "0.6", "true_probability": "0.3", "layer_step1": "4e",
    }  # fmt: skip


def test_a_network_without_gates_has_no_layer_columns(tmp_path):
    write(tmp_path / "predictions.csv")
    assert scene_results.read_predictions_csv(tmp_path / "predictions.csv", CLASSES).layers == [
        [],
        [],
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("true_class", "label", "columns"),
        ("0.6", "high", "line 3"),
        ("0.6", "1.5", "line 3"),
        ("0.6", "nan", "line 3"),
        (",office,", ",attic,", "line 3.*3 classes"),
        (",office,", ",office,extra,", "line 3"),
    ],
)
def test_a_broken_predictions_file_is_named(tmp_path, old, new, message):
    path = tmp_path / "predictions.csv"
    write(path)
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new).encode())
    with pytest.raises(UserError, match=rf"predictions\.csv.*{message}"):
        scene_results.read_predictions_csv(path, CLASSES)


def test_a_missing_predictions_file_says_what_to_run(tmp_path):
    with pytest.raises(UserError, match=r"eval\.py"):
        scene_results.read_predictions_csv(tmp_path / "predictions.csv", CLASSES)
