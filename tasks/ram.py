"""Training of the Recurrent Attention Model: what an image shows, and where to look for it."""

import keras
import numpy as np
from keras import ops

from tasks.reinforce import reinforce
from tasks.scene import SceneTask, cross_entropy

REWARDS = ("right", "probability")


@keras.saving.register_keras_serializable("whatwhere")
class RAMTask(SceneTask):
    """A network with the loss and the metrics of classification by glimpses; see `Task`.

    To the cross-entropy come, for a network that returns `log_probabilities` log pi_t and
    `baselines` b_t,
        baseline_weight * sum_t (R_t - b_t)^2 - reinforce_weight * sum_t log pi_t (R_t - b_t),
    averaged over rollouts, R_t - b_t of the second sum without a gradient (REINFORCE), and
    `glimpse_weight` times the mean over t of the cross-entropy after glimpse t: what is seen first
    then has a gradient that does not come through all later steps. Other networks train by
    cross-entropy alone.

    The reward is the paper's, "right": R_t = R is 1 if the last glimpse's arg max is the label,
    else 0. Or "probability": R_t is the mean of the label's probabilities after glimpses t ... T.
    It tells a nearly right answer from a wrong one, and an early glimpse is worth more where it
    shows the digit, not only where the last answer depends on it.

    Targets are labels [B]; a network may return M rows for each, as `RAM` does in training.

    Args:
        network: Returns a dictionary with `logits` [B * M, K].
        baseline_weight: Of the baselines' squared error.
        reinforce_weight: Of the locations' part.
        glimpse_weight: Of the cross-entropy after each glimpse; 0 in the paper.
        reward: "right" or "probability".

    Raises:
        ValueError: An unknown reward.

    Reference: Mnih et al. 2014, section 3.2.
    """

    def __init__(
        self,
        network,
        baseline_weight=1.0,
        reinforce_weight=1.0,
        glimpse_weight=0.0,
        reward="right",
        **kwargs,
    ):
        super().__init__(network, **kwargs)
        if reward not in REWARDS:
            raise ValueError(f"unknown reward '{reward}': {' or '.join(REWARDS)}")
        self.reward = reward
        self.baseline_weight = baseline_weight
        self.reinforce_weight = reinforce_weight
        self.glimpse_weight = glimpse_weight

    def prediction_trackers(self):
        trackers = super().prediction_trackers()
        if getattr(self.network, "baseline", None):
            trackers["baseline_error"] = keras.metrics.Mean("baseline_error")
        return trackers

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        images, rows = ops.shape(y)[0], ops.shape(y_pred["logits"])[0]
        labels = ops.broadcast_to(ops.reshape(y, (-1, 1)), (images, rows // images))
        labels = ops.reshape(labels, (-1,))
        loss = super().compute_loss(x, labels, y_pred, sample_weight, training)
        if training and self.glimpse_weight and "logits_by_glimpse" in y_pred:
            by_glimpse = y_pred["logits_by_glimpse"]
            repeated = ops.broadcast_to(labels[:, None], ops.shape(by_glimpse)[:2])
            loss += self.glimpse_weight * ops.mean(cross_entropy(repeated, by_glimpse))
        if "baselines" not in y_pred:
            return loss
        errors, baseline, drawn = reinforce(self._rewards(labels, y_pred), y_pred)
        self.trackers["baseline_error"].update_state(errors)
        if drawn is not None:
            loss += self.baseline_weight * baseline + self.reinforce_weight * drawn
        return loss

    def _rewards(self, labels, y_pred):
        """R [N] or R_t [N, T]; see `reinforce`."""
        if self.reward == "right":
            right = ops.equal(ops.cast(labels, "int32"), ops.argmax(y_pred["logits"], axis=-1))
            return ops.cast(right, "float32")
        logits = ops.stop_gradient(y_pred["logits_by_glimpse"])
        is_label = ops.one_hot(labels, logits.shape[-1], dtype="float32")[:, None]
        probabilities = ops.sum(ops.softmax(logits) * is_label, axis=-1)
        glimpses = logits.shape[1]
        later = np.tri(glimpses, dtype="float32")  # [t', t]: glimpse t' is t or comes after it
        return ops.matmul(probabilities, later / later.sum(axis=0))

    def get_config(self):
        return {
            **super().get_config(),
            "baseline_weight": self.baseline_weight,
            "reinforce_weight": self.reinforce_weight,
            "glimpse_weight": self.glimpse_weight,
            "reward": self.reward,
        }
