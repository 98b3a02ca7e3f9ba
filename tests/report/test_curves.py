import numpy as np
import pytest

from report import error_curves, training_curves, trajectory
from tests.report import runs, scene_runs


def titles(figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes if axes.axison]


def test_cumulative_share_by_hand():
    x, share = error_curves.cumulative(np.array([3.0, 1.0, 2.0, 2.0]))
    assert x.tolist() == [1, 2, 2, 3]
    assert share.tolist() == [0.25, 0.5, 0.75, 1.0]


def test_error_figure_marks_the_medians_of_model_and_baselines():
    rows = {
        "mean_pose": {"median_position_m": 5.0, "median_orientation_deg": 30.0},
        "retrieval": {"median_position_m": 2.0, "median_orientation_deg": 9.0},
    }
    figure = error_curves.error_figure(np.array([1.0, 1.5, 4.0]), np.array([0.0, 3.0, 6.0]), rows)
    marks = [
        {
            line.get_label(): line.get_xdata()[0]
            for line in axes.lines
            if "median" in line.get_label()
        }
        for axes in figure.axes
    ]
    assert marks[0] == {
        "this model: median 1.5 m": 1.5,
        "retrieval: median 2 m": 2.0,
        "mean pose: median 5 m": 5.0,
    }
    assert list(marks[1].values()) == [3.0, 9.0, 30.0]


def test_error_figure_draws_perfect_predictions():
    figure = error_curves.error_figure(np.zeros(3), np.zeros(3), {})
    figure.canvas.draw()
    assert [axes.get_xlim()[0] > 0 for axes in figure.axes] == [True, True]


def test_top_view_takes_the_two_axes_of_largest_spread():
    positions = np.array([[0.0, 0.0, 0.0], [3.0, 0.5, 9.0]])
    assert trajectory.top_view_axes(positions) == [0, 2]
    assert trajectory.top_view_axes(positions[:, [1, 0, 2]]) == [1, 2]


def test_trajectory_draws_each_sequence_on_one_scale():
    truth = runs.made_up_poses(2, 10)
    names = ["a"] * 10 + ["b"] * 10
    figure, left_out = trajectory.trajectory_figure(names, truth, runs.disturb(truth, 0.02, 1))
    assert titles(figure) == ["a  (10)", "b  (10)"]
    first, second = figure.axes
    assert (first.get_xlim(), first.get_ylim()) == (second.get_xlim(), second.get_ylim())
    assert left_out == ""
    shown = first.collections[2].get_offsets(), first.collections[4].get_offsets()
    np.testing.assert_allclose(shown[1], truth[:10, [0, 2]])


def test_trajectory_ticks_point_along_the_optical_axis():
    # The identity rotation looks along +z; the spread is along x and z.
    truth = np.array([[0.0, 0, 0, 1, 0, 0, 0], [1.0, 0, 2, 1, 0, 0, 0]])
    figure, _ = trajectory.trajectory_figure(["a", "a"], truth, truth)
    ticks = figure.axes[0].collections[3].get_segments()
    direction = ticks[0][1] - ticks[0][0]
    assert direction[0] == pytest.approx(0)
    assert direction[1] > 0


def test_trajectory_says_what_it_leaves_out():
    truth = runs.made_up_poses(15, 2)
    predicted = truth.copy()
    predicted[0, 0] += 1000
    names = [f"s{n // 2}" for n in range(30)]
    figure, left_out = trajectory.trajectory_figure(names, truth, predicted)
    assert left_out == "12 of 15 sequences are shown; predictions outside the view: 1."
    assert np.ptp(figure.axes[0].get_xlim()) < 10


def test_a_camera_that_stands_still_can_be_drawn():
    truth = np.array([[1.0, 2, 3, 1, 0, 0, 0]] * 3)
    figure, _ = trajectory.trajectory_figure(["a"] * 3, truth, truth)
    figure.canvas.draw()
    assert np.ptp(figure.axes[0].get_xlim()) > 0


def test_training_figure_has_a_panel_for_each_kind_of_column(tmp_path):
    runs.write_history(tmp_path / "history.csv")
    history = training_curves.read_history(tmp_path / "history.csv")
    assert titles(training_curves.training_figure(history)) == [
        "Loss",
        "Median position error (m)",
        "Median orientation error (°)",
        "Step 1: images that choose each layer",
        "Step 2: images that choose each layer",
        "Step 3: images that choose each layer",
        "Gate temperature",
        "Perplexity of the attention (cells)",
    ]


def test_training_figure_of_a_scene_run(tmp_path):
    scene_runs.write_history(tmp_path / "history.csv", attention=False)
    figure = training_curves.training_figure(training_curves.read_history(tmp_path / "history.csv"))
    assert titles(figure) == ["Loss", "Cross-entropy (nats)", "Accuracy"]
    assert [line.get_label() for line in figure.axes[2].lines] == ["training", "validation"]


def test_accuracy_is_drawn_from_0_to_100_percent_and_never_on_a_logarithmic_scale():
    history = {"epoch": np.arange(2.0), "accuracy": np.array([0.01, 0.9])}
    axes = training_curves.training_figure(history).axes[0]
    assert axes.get_yscale() == "linear"
    assert axes.get_ylim() == pytest.approx((-0.03, 1.03))


def test_training_figure_leaves_out_what_the_history_lacks(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("epoch,loss,val_median_position_m,temperature\n0,3,,\n1,2,0.5,\n")
    figure = training_curves.training_figure(training_curves.read_history(path))
    assert titles(figure) == ["Loss", "Median position error (m)"]
    assert [line.get_label() for line in figure.axes[1].lines] == ["validation"]


def test_epochs_are_counted_from_one(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("epoch,loss\n0,3\n1,2\n2,1\n")
    figure = training_curves.training_figure(training_curves.read_history(path))
    assert figure.axes[0].lines[0].get_xdata().tolist() == [1, 2, 3]


def test_of_an_epoch_logged_twice_the_last_row_counts(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("epoch,loss\n0,9\n1,8\n1,5\n2,4\n")
    history = training_curves.read_history(path)
    assert history["epoch"].tolist() == [0, 1, 2]
    assert history["loss"].tolist() == [9, 5, 4]


def test_a_loss_that_falls_below_zero_is_drawn_on_a_linear_scale():
    history = {"epoch": np.arange(3.0), "loss": np.array([100.0, 1.0, -1.0])}
    assert training_curves.training_figure(history).axes[0].get_yscale() == "linear"
    history["loss"] = np.array([100.0, 10.0, 1.0])
    assert training_curves.training_figure(history).axes[0].get_yscale() == "log"


@pytest.mark.parametrize("text", [None, "", "epoch,loss\n", "epoch,lr\n0,1\n"])
def test_a_history_with_nothing_to_draw_gives_no_figure(tmp_path, text):
    path = tmp_path / "history.csv"
    if text is not None:
        path.write_text(text)
    assert training_curves.training_figure(training_curves.read_history(path)) is None
