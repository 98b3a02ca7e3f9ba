"""Bayesian PoseNet (Kendall & Cipolla 2016): many poses from one image, by dropout."""

import math

import keras
import numpy as np
from keras import ops

from models.pose_head import mean_rotation
from models.posenet import PoseNet

MASKS = 0  # the seed that the samples' dropout is drawn from


@keras.saving.register_keras_serializable("whatwhere")
class BayesianPoseNet(PoseNet):
    """`PoseNet` that keeps dropout on outside training and answers with the mean of its samples.

    Outside training it returns, besides `pose`, the mean, `uncertainty` [B, 2]: the root mean
    square distance of the samples from their mean, in metres, and the root mean square angle
    between the samples' orientations and theirs, in degrees. Both are multiplied by
    `uncertainty_scale`: 1, until `calibrate` sets it from images that were not trained on.

    What dropout leaves out is drawn once and for all, the same for every image: an image has one
    answer, alone or in a batch, live or exported. So that no feature counts for more than another
    in all of them, each is left out of as many samples, `dropout` of them: the mean position is
    that of all samples that could be drawn, which is `PoseNet`'s own.

    It is trained as `PoseNet`, whose one dropout stands before the pose; the authors' network has a
    second one, before 5b is averaged.

    Args:
        samples: Poses drawn for one image.
        **kwargs: As for `PoseNet`.

    Reference: Kendall & Cipolla, Modelling Uncertainty in Deep Learning for Camera Relocalization,
    ICRA 2016; 40 samples: section 4.
    """

    def __init__(self, samples=40, **kwargs):
        super().__init__(**kwargs)
        self._config["samples"] = samples
        self.samples = samples

    def build(self, input_shape):
        super().build(input_shape)
        self.uncertainty_scale = self.add_weight(
            (2,), "ones", trainable=False, dtype="float32", autocast=False, name="uncertainty_scale"
        )

    def calibrate(self, error_per_spread):
        """Sets `uncertainty_scale`, given the median of error / spread in metres and degrees.

        Half of the errors on images like those are then below their uncertainty.
        """
        self.uncertainty_scale.assign(error_per_spread)

    def regress(self, described, training):
        if training:
            return super().regress(described, training)
        kept = dropout_masks(self.samples, self.features, self.dropout.rate)
        # Only what comes after dropout is computed once a sample.
        drawn = ops.cast(described, "float32")[:, None] * kept
        drawn = self.head(ops.reshape(drawn, (-1, self.features)))
        mean, uncertainty = summarize(ops.reshape(drawn, (-1, self.samples, 7)))
        return {"pose": mean, "uncertainty": uncertainty * self.uncertainty_scale}


def dropout_masks(samples, features, rate):
    """What features are multiplied by in each sample, float32 [N, F]: in the mean of all, by 1."""
    kept = max(1, round(samples * (1 - rate)))
    column = np.zeros((samples, 1), np.float32)
    column[:kept] = samples / kept
    return np.random.default_rng(MASKS).permuted(np.repeat(column, features, axis=1), axis=0)


def summarize(drawn):
    """Poses [B, N, 7] to their mean [B, 7], with w >= 0, and their spread [B, 2] in m, degrees."""
    positions, quaternions = drawn[..., :3], drawn[..., 3:]
    quaternion, quaternions = mean_rotation(quaternions)
    position = ops.mean(positions, axis=1, keepdims=True)
    # From the chord between them: the cosine of a small angle would have no digits left of it.
    chord = ops.minimum(
        ops.sum(ops.square(quaternions - quaternion[:, None]), axis=-1),
        ops.sum(ops.square(quaternions + quaternion[:, None]), axis=-1),
    )
    angle = 4.0 * ops.arctan2(ops.sqrt(chord), ops.sqrt(4.0 - chord)) * (180.0 / math.pi)
    distance = ops.sum(ops.square(positions - position), axis=-1)
    spread = ops.sqrt(ops.stack([ops.mean(distance, 1), ops.mean(ops.square(angle), 1)], axis=-1))
    return ops.concatenate([position[:, 0], quaternion], axis=-1), spread
