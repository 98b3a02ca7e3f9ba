"""Training for camera pose: losses, metrics, and the model that `fit` runs."""

import math

import keras
from keras import ops

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


def attention_penalty(attention):
    """Mean over the batch of sum_i (1 - H W / T sum_t A_ti)^2 / (H W), for maps [B, T, H, W].

    Zero when the T steps together see every cell equally. Equation 4.2 as printed lacks the
    square: A sums to 1, so it is a constant without a gradient. The square is Xu et al. 2015's,
    and the two factors make the value independent of the grid and of T.
    """
    _, steps, height, width = attention.shape
    seen = ops.sum(attention, axis=1) * (height * width / steps)
    return ops.mean(ops.square(1.0 - seen))


def perplexity(attention):
    """exp(entropy) of each map, [B, T]: the number of cells it spreads over."""
    entropy = -ops.sum(attention * ops.log(attention + 1e-12), axis=(2, 3))
    return ops.exp(entropy)


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
class PoseTask(keras.Model):
    """A network with the loss and the metrics of pose regression, ready for `compile` and `fit`.

    Targets are poses [B, 7] with w >= 0. The loss is the pose loss, plus `auxiliary_weight` times
    that of each auxiliary pose, plus `attention_weight` times the attention penalty, plus
    the layers' own penalties. `pose_loss` among the metrics is equation 4.5 by itself, whatever
    is trained: comparable between models, and what the best checkpoint is chosen by.

    Args:
        network: Returns a dictionary with `pose`, see `models`.
        beta: Weight of the quaternion's distance, metres a unit.
        pose_loss: "l2" (equation 4.5) or "learned" (Kendall & Cipolla 2017, from sx = 0, sq = -3).
        auxiliary_weight: Of each auxiliary pose; 0.3 in PoseNet.
        attention_weight: alpha of equation 4.2, squared form.

    Raises:
        ValueError: An unknown `pose_loss`.
    """

    def __init__(
        self,
        network,
        beta=120.0,
        pose_loss="l2",
        auxiliary_weight=0.3,
        attention_weight=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if pose_loss not in POSE_LOSSES:
            raise ValueError(f"unknown pose loss '{pose_loss}': there are {', '.join(POSE_LOSSES)}")
        self.network = network
        self.beta = beta
        self.pose_loss = pose_loss
        self.auxiliary_weight = auxiliary_weight
        self.attention_weight = attention_weight
        if pose_loss == "learned":
            self.log_weights = self.add_weight(
                shape=(2,), initializer=_initial_log_weights, autocast=False, name="log_weights"
            )
        # In the weight file, so that a backup says by itself which epoch it is the end of.
        self.epochs_seen = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name="epochs_seen"
        )
        self.trackers = {
            "pose_loss": keras.metrics.Mean("pose_loss"),
            "median_position_m": StreamingMedian("median_position_m"),
            "median_orientation_deg": StreamingMedian("median_orientation_deg"),
        }
        steps = getattr(network, "steps", 0)
        for step in range(steps if getattr(network, "gate", None) else 0):
            for tap in network.candidates:
                self._track(f"gate_step{step + 1}_{tap}")
        for step in range(steps if getattr(network, "where", None) else 0):
            self._track(f"perplexity_step{step + 1}")

    def _track(self, name: str) -> None:
        self.trackers[name] = keras.metrics.Mean(name)

    def build(self, input_shape):
        if not self.network.built:
            self.network.build(input_shape)

    def call(self, images, training=False):
        return self.network(images, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = self._combine(y, y_pred["pose"])
        for pose in y_pred.get("auxiliary_poses", ()):
            loss = loss + self.auxiliary_weight * self._combine(y, pose)
        if self.attention_weight and "attention" in y_pred:
            loss = loss + self.attention_weight * attention_penalty(y_pred["attention"])
        self._update_trackers(y, y_pred)
        for penalty in self.losses:
            loss = loss + ops.cast(penalty, loss.dtype)
        return loss

    def _combine(self, truth, predicted):
        position = ops.mean(position_distance(truth, predicted))
        quaternion = ops.mean(quaternion_distance(truth, predicted))
        if self.pose_loss == "l2":
            return position + self.beta * quaternion
        sx, sq = self.log_weights[0], self.log_weights[1]
        return position * ops.exp(-sx) + sx + quaternion * ops.exp(-sq) + sq

    def _update_trackers(self, truth, outputs):
        position = position_distance(truth, outputs["pose"])
        quaternion = quaternion_distance(truth, outputs["pose"])
        self.trackers["pose_loss"].update_state(position + self.beta * quaternion)
        self.trackers["median_position_m"].update_state(position)
        degrees = orientation_error_deg(truth, outputs["pose"])
        self.trackers["median_orientation_deg"].update_state(degrees)
        if "layer_gates" in outputs:
            frequency = ops.mean(outputs["layer_gates"], axis=0)
            for step in range(self.network.steps):
                for index, tap in enumerate(self.network.candidates):
                    name = f"gate_step{step + 1}_{tap}"
                    self.trackers[name].update_state(frequency[step, index])
        if "attention" in outputs:
            spread = ops.mean(perplexity(outputs["attention"]), axis=0)
            for step in range(self.network.steps):
                self.trackers[f"perplexity_step{step + 1}"].update_state(spread[step])

    def get_config(self):
        return {
            **super().get_config(),
            "network": keras.saving.serialize_keras_object(self.network),
            "beta": self.beta,
            "pose_loss": self.pose_loss,
            "auxiliary_weight": self.auxiliary_weight,
            "attention_weight": self.attention_weight,
        }

    @classmethod
    def from_config(cls, config):
        network = keras.saving.deserialize_keras_object(config["network"])
        return cls(**config | {"network": network})


def _initial_log_weights(shape, dtype=None):
    return ops.convert_to_tensor([0.0, -3.0], dtype=dtype)


def _norm(x):
    return ops.sqrt(ops.sum(ops.square(x), axis=-1) + 1e-12)
