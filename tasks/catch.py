"""Training to play Catch: REINFORCE on where to look and on what to do."""

import keras
from keras import ops

from tasks.reinforce import mean_of_sums, reinforce
from tasks.task import Task


@keras.saving.register_keras_serializable("whatwhere")
class CatchTask(Task):
    """A player with the loss and the metrics of games that are won or lost; see `Task`.

    With the reward R = 1 for a ball caught and 0 for one missed, the loss of a game is
    (1 - R) + sum_t baseline_weight (R - b_t)^2
    - reinforce_weight log pi_t stop_gradient(R - b_t) - entropy_weight H_t,
    its mean over games; the first term has no gradient. Outside training nothing is drawn, and the
    terms with log pi_t and H_t are left out.

    Inputs are starts of games [B, 3]; targets are not used. The network returns a dictionary with
    `caught` [B], `baselines`, `entropies` and in training `log_probabilities`, all [B, T].

    Args:
        network: Plays whole games, see `models.catch_player`.
        baseline_weight: Of the baselines' squared error.
        reinforce_weight: Of the log-probabilities.
        entropy_weight: Of the entropy H_t of the actions at each step, which keeps the player
            trying actions.

    Reference: Mnih et al. 2014, section 3.2; the entropy is Williams and Peng's, 1991.
    """

    prediction = "caught"
    monitor = "missed"

    def __init__(
        self,
        network,
        baseline_weight=1.0,
        reinforce_weight=1.0,
        entropy_weight=0.01,
        **kwargs,
    ):
        self.baseline_weight = baseline_weight
        self.reinforce_weight = reinforce_weight
        self.entropy_weight = entropy_weight
        # Speeds of a game must not lose digits on their way to the network.
        super().__init__(network, **{"autocast": False} | kwargs)

    def prediction_trackers(self):
        names = ("caught", "missed", "baseline_error", "entropy")
        return {name: keras.metrics.Mean(name) for name in names}

    def prediction_loss(self, truth, predicted):
        return ops.mean(1.0 - predicted)

    def track_prediction(self, truth, predicted):
        self.trackers["caught"].update_state(predicted)
        self.trackers["missed"].update_state(1.0 - predicted)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        errors, baseline, drawn = reinforce(y_pred["caught"], y_pred)
        self.trackers["baseline_error"].update_state(errors)
        self.trackers["entropy"].update_state(y_pred["entropies"])
        loss += self.baseline_weight * baseline
        if drawn is not None:
            loss += self.reinforce_weight * drawn
            loss -= self.entropy_weight * mean_of_sums(y_pred["entropies"])
        return loss

    def get_config(self):
        return {
            **super().get_config(),
            "baseline_weight": self.baseline_weight,
            "reinforce_weight": self.reinforce_weight,
            "entropy_weight": self.entropy_weight,
        }
