"""Training for camera pose: losses, metrics, and the model that `fit` runs."""

import math

import keras
from keras import ops

from tasks.task import Task

# What each public repository calls "the PoseNet loss"; `pose_loss` takes the names of the first
# two. The same beta means different things in each.
#   l2       ||x - x^|| + beta ||q - q^/||q^||| (thesis, equation 4.5): here, the default.
#   learned  the same two norms under learned weights (Kendall & Cipolla 2017).
#   caffe-posenet: sum of squares / 2B each; PyTorch ports: mean squares, or L1.
POSE_LOSSES = ("l2", "learned")


def position_distance(truth, predicted):
    """||x - x^|| in metres, [B], for poses [B, 7]; the gradient is finite at zero."""
    return _norm(truth[:, :3] - predicted[:, :3])


def quaternion_distance(truth, predicted):
    """||q - q^|| in 0..2, [B], for poses [B, 7] with unit quaternions."""
    return _norm(truth[:, 3:] - predicted[:, 3:])


def orientation_error_deg(truth, predicted):
    """2 acos |<q, q^>| in degrees, [B]; q and -q are one orientation.

    As an arc sine of half the shorter chord: exact near 0, where the arc cosine is not.
    """
    q, p = truth[:, 3:], predicted[:, 3:]
    chord = ops.minimum(_norm(q - p), _norm(q + p))
    return 4.0 * ops.arcsin(ops.clip(chord / 2.0, 0.0, 1.0)) * (180.0 / math.pi)


@keras.saving.register_keras_serializable("whatwhere")
class StreamingMedian(keras.metrics.Metric):
    """Median of all values seen, to about 1 %, from a histogram with logarithmic bins.

    Args:
        smallest: Values below count as this.
        largest: Values above count as this.
    """

    def __init__(self, name="median", smallest=1e-3, largest=1e4, bins=1600, **kwargs):
        super().__init__(name=name, **kwargs)
        self.smallest, self.largest, self.bins = smallest, largest, bins
        self.counts = self.add_variable((bins,), "zeros", name="counts")

    def update_state(self, values, sample_weight=None):
        place = ops.log(ops.maximum(values, self.smallest) / self.smallest)
        place = place / math.log(self.largest / self.smallest) * self.bins
        index = ops.clip(ops.cast(place, "int32"), 0, self.bins - 1)
        self.counts.assign_add(ops.sum(ops.one_hot(index, self.bins, dtype=self.dtype), axis=0))

    def result(self):
        below = ops.cumsum(self.counts)
        index = ops.sum(ops.cast(below < below[-1] / 2.0, self.dtype))
        step = math.log(self.largest / self.smallest) / self.bins
        return self.smallest * ops.exp((index + 0.5) * step)

    def get_config(self):
        return {
            **super().get_config(),
            "smallest": self.smallest,
            "largest": self.largest,
            "bins": self.bins,
        }


@keras.saving.register_keras_serializable("whatwhere")
class PoseTask(Task):
    """A network with the loss and the metrics of pose regression; see `Task`.

    Targets are poses [B, 7] with w >= 0. `pose_loss` among the metrics is equation 4.5 by itself,
    whatever is trained: comparable between models, and what the best checkpoint is chosen by.

    Args:
        network: Returns a dictionary with `pose`, see `models`.
        beta: Weight of the quaternion's distance, metres a unit.
        pose_loss: "l2" (equation 4.5) or "learned" (Kendall & Cipolla 2017, from sx = 0, sq = -3).
        **kwargs: As for `Task`.

    Raises:
        ValueError: An unknown `pose_loss`.
    """

    prediction = "pose"
    monitor = "pose_loss"

    def __init__(self, network, beta=120.0, pose_loss="l2", **kwargs):
        super().__init__(network, **kwargs)
        if pose_loss not in POSE_LOSSES:
            raise ValueError(f"unknown pose loss '{pose_loss}': there are {', '.join(POSE_LOSSES)}")
        self.beta = beta
        self.pose_loss = pose_loss
        if pose_loss == "learned":
            self.log_weights = self.add_weight(
                shape=(2,), initializer=_initial_log_weights, autocast=False, name="log_weights"
            )

    def prediction_trackers(self):
        return {
            "pose_loss": keras.metrics.Mean("pose_loss"),
            "median_position_m": StreamingMedian("median_position_m"),
            "median_orientation_deg": StreamingMedian("median_orientation_deg"),
        }

    def prediction_loss(self, truth, predicted):
        position = ops.mean(position_distance(truth, predicted))
        quaternion = ops.mean(quaternion_distance(truth, predicted))
        if self.pose_loss == "l2":
            return position + self.beta * quaternion
        sx, sq = self.log_weights[0], self.log_weights[1]
        return position * ops.exp(-sx) + sx + quaternion * ops.exp(-sq) + sq

    def track_prediction(self, truth, predicted):
        position = position_distance(truth, predicted)
        quaternion = quaternion_distance(truth, predicted)
        self.trackers["pose_loss"].update_state(position + self.beta * quaternion)
        self.trackers["median_position_m"].update_state(position)
        degrees = orientation_error_deg(truth, predicted)
        self.trackers["median_orientation_deg"].update_state(degrees)

    def get_config(self):
        return {**super().get_config(), "beta": self.beta, "pose_loss": self.pose_loss}


def _initial_log_weights(shape, dtype=None):
    return ops.convert_to_tensor([0.0, -3.0], dtype=dtype)


def _norm(x):
    return ops.sqrt(ops.sum(ops.square(x), axis=-1) + 1e-12)
