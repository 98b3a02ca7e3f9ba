"""REINFORCE with a learned baseline: what the recurrent attention model's losses share."""

from keras import ops


def reinforce(rewards, outputs):
    """The losses of T-step rollouts: means over N rollouts of sums over their steps.

    Args:
        rewards: R [N], of each rollout as a whole, or R_t [N, T], what comes from step t on; carry
            no gradient.
        outputs: A network's dictionary with `baselines` b_t [N, T] and, where steps were drawn,
            `log_probabilities` log pi_t [N, T].

    Returns:
        `errors`, (R - b_t)^2 [N, T]; `baseline`, the baselines' loss sum_t (R - b_t)^2; and
        `drawn`, the loss -sum_t log pi_t (R - b_t), R - b_t without a gradient: its gradient is
        an unbiased estimate of the expected reward's, but for the sign. None if nothing was drawn.

    Reference: Mnih et al. 2014, section 3.2; Williams 1992.
    """
    returns = rewards if len(rewards.shape) == 2 else rewards[:, None]
    advantages = returns - outputs["baselines"]
    errors, drawn = ops.square(advantages), None
    if "log_probabilities" in outputs:
        drawn = -mean_of_sums(outputs["log_probabilities"] * ops.stop_gradient(advantages))
    return errors, mean_of_sums(errors), drawn


def mean_of_sums(x):
    """Over rows the mean, over steps the sum: [N, T] to a scalar."""
    return ops.mean(ops.sum(x, axis=1))
