"""Training of the Recurrent Attention Model: what an image shows, and where to look for it."""

import keras
from keras import ops

from tasks.reinforce import reinforce
from tasks.scene import SceneTask, cross_entropy


@keras.saving.register_keras_serializable("whatwhere")
class RAMTask(SceneTask):
    """A network with the loss and the metrics of classification by glimpses; see `Task`.

    The reward R of a rollout is 1 if its arg max is the label, else 0. To the cross-entropy come,
    for a network that returns `log_probabilities` log pi_t and `baselines` b_t,
        baseline_weight * sum_t (R - b_t)^2 - reinforce_weight * sum_t log pi_t (R - b_t),
    averaged over rollouts, R - b_t of the second sum without a gradient (REINFORCE), and
    `glimpse_weight` times the mean over t of the cross-entropy after glimpse t: what is seen first
    then has a gradient that does not come through all later steps. Other networks train by
    cross-entropy alone.

    Targets are labels [B]; a network may return M rows for each, as `RAM` does in training.

    Args:
        network: Returns a dictionary with `logits` [B * M, K].
        baseline_weight: Of the baselines' squared error.
        reinforce_weight: Of the locations' part.
        glimpse_weight: Of the cross-entropy after each glimpse; 0 in the paper.

    Reference: Mnih et al. 2014, section 3.2.
    """

    def __init__(
        self, network, baseline_weight=1.0, reinforce_weight=1.0, glimpse_weight=0.0, **kwargs
    ):
        super().__init__(network, **kwargs)
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
        right = ops.equal(ops.cast(labels, "int32"), ops.argmax(y_pred["logits"], axis=-1))
        errors, baseline, drawn = reinforce(ops.cast(right, "float32"), y_pred)
        self.trackers["baseline_error"].update_state(errors)
        if drawn is not None:
            loss += self.baseline_weight * baseline + self.reinforce_weight * drawn
        return loss

    def get_config(self):
        return {
            **super().get_config(),
            "baseline_weight": self.baseline_weight,
            "reinforce_weight": self.reinforce_weight,
            "glimpse_weight": self.glimpse_weight,
        }
