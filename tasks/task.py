"""What every task shares: the model that `fit` runs around a network."""

import math
from pathlib import Path

import keras
from keras import ops

from files import require_space, whole_file
from models.multiply_adds import depth_shares


def attention_penalty(attention):
    """Mean over the batch of sum_i (1 - H W / T sum_t A_ti)^2 / (H W), for maps [B, T, H, W].

    Zero when the T steps together see every cell equally. Equation 4.2 as printed lacks the
    square: A sums to 1, so it is a constant without a gradient. The square is Xu et al. 2015's,
    and the two factors make the value independent of the grid and of T.
    """
    _, steps, height, width = attention.shape
    seen = ops.sum(attention, axis=1) * (height * width / steps)
    return ops.mean(ops.square(1.0 - seen))


def layer_imbalance(layer_gates):
    """Mean over layers of (1 - L f_l)^2, f_l how often all steps of a batch select layer l.

    Zero when all L layers are selected equally often, for gates [B, T, L].
    """
    frequency = ops.mean(layer_gates, axis=(0, 1))
    return ops.mean(ops.square(1.0 - frequency.shape[0] * frequency))


def weighted_by_use(losses, layer_gates=None):
    """Mean of L losses, one a layer, weighted by how often the gate selects the layer, a scalar.

    Without gates [B, T, L] all layers count alike. The weights have no gradient.
    """
    if layer_gates is None:
        return ops.mean(losses)
    used = ops.mean(layer_gates, axis=(0, 1))
    return ops.sum(ops.stop_gradient(used) * losses)


def expected_depth(layer_gates, shares):
    """Mean over the batch of how much of the trunk the steps' deepest layer needs, a scalar.

    With rows of probabilities it is the expectation, if steps choose independently; with one-hot
    rows the share itself.

    Args:
        layer_gates: [B, T, L].
        shares: Of the trunk's work down to each of the L layers, 1 for the deepest.
    """
    order = sorted(range(len(shares)), key=shares.__getitem__)
    at_most = ops.cumsum(ops.take(layer_gates, order, axis=-1), axis=-1)
    all_at_most = ops.prod(at_most, axis=1)  # [B, L]: no step goes deeper
    ascending = [shares[index] for index in order]
    expected = ascending[-1]
    for rank in range(len(order) - 1):
        saved = ascending[rank + 1] - ascending[rank]
        expected = expected - saved * ops.mean(all_at_most[:, rank])
    return expected


def perplexity(attention):
    """exp(entropy) of each map, [B, T]: the number of cells it spreads over."""
    entropy = -ops.sum(attention * ops.log(attention + 1e-12), axis=(2, 3))
    return ops.exp(entropy)


def gate_metric(step: int, tap: str) -> str:
    """Names the share of images for which a step, the first being 0, selects the layer."""
    return f"gate_step{step + 1}_{tap}"


class Task(keras.Model):
    """A network with the loss and the metrics of what it is trained for, ready for `fit`.

    The loss is that of the prediction, plus `auxiliary_weight` times that of each auxiliary
    prediction, plus `step_weight` times that of each step's answer, plus `layer_auxiliary_weight`
    times the mean of the answers' from one layer each (see `weighted_by_use`), plus
    `attention_weight` times the attention penalty, plus `balance_weight` times the imbalance of the
    layer gate, plus `compute_penalty` times the share of the trunk that the gate is expected to
    need, plus the layers' own penalties.

    Args:
        network: Returns a dictionary with `prediction`, see `models`.
        auxiliary_weight: Of each auxiliary prediction; 0.3 in GoogLeNet and PoseNet.
        step_weight: Of the answer of each step of an attention network by itself, the output
            `auxiliary_by_step`. The network's is their mean: where that counts more, steps
            learn to make up for each other's errors on the training images.
        layer_auxiliary_weight: Of the mean of those from one layer of an attention network each,
            the output `auxiliary_by_layer`; None: `auxiliary_weight`. A layer that the gate leaves
            alone is not trained for its own sake.
        attention_weight: alpha of equation 4.2, squared form.
        balance_weight: Of the layer gate's imbalance.
        compute_penalty: Of `expected_depth`.

    Attributes:
        prediction: Name of the network's output that is trained.
        monitor: Metric that says which of two models is better: the lower.
    """

    prediction: str
    monitor: str

    def __init__(
        self,
        network,
        auxiliary_weight=0.3,
        step_weight=0.3,
        layer_auxiliary_weight=None,
        attention_weight=0.0,
        balance_weight=0.0,
        compute_penalty=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.network = network
        if layer_auxiliary_weight is None:
            layer_auxiliary_weight = auxiliary_weight
        self.auxiliary_weight = auxiliary_weight
        self.step_weight = step_weight
        self.layer_auxiliary_weight = layer_auxiliary_weight
        self.attention_weight = attention_weight
        self.balance_weight = balance_weight
        self.compute_penalty = compute_penalty
        # In the weight file, so that a backup says by itself which epoch it is the end of.
        self.epochs_seen = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name="epochs_seen"
        )
        self.trackers = self.prediction_trackers()
        steps = getattr(network, "steps", 0)
        for step in range(steps if getattr(network, "gate", None) else 0):
            for tap in network.candidates:
                self._track(gate_metric(step, tap))
        for step in range(steps if getattr(network, "where", None) else 0):
            self._track(f"perplexity_step{step + 1}")
        if compute_penalty:
            self._track("depth")

    def prediction_trackers(self) -> dict[str, keras.metrics.Metric]:
        """Metrics of the prediction, by name."""
        raise NotImplementedError

    def prediction_loss(self, truth, predicted):
        """The loss of one prediction, a scalar."""
        raise NotImplementedError

    def track_prediction(self, truth, predicted) -> None:
        """Updates the metrics of the prediction."""
        raise NotImplementedError

    def build(self, input_shape):
        if not self.network.built:
            self.network.build(input_shape)

    def call(self, images, training=False):
        return self.network(images, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = self.prediction_loss(y, y_pred[self.prediction])
        for predicted in y_pred.get("auxiliary", ()):
            loss = loss + self.auxiliary_weight * self.prediction_loss(y, predicted)
        for predicted in y_pred.get("auxiliary_by_step", ()):
            loss = loss + self.step_weight * self.prediction_loss(y, predicted)
        if by_layer := y_pred.get("auxiliary_by_layer"):
            losses = ops.stack([self.prediction_loss(y, predicted) for predicted in by_layer])
            by_use = weighted_by_use(losses, y_pred.get("layer_gates"))
            loss = loss + self.layer_auxiliary_weight * by_use
        if self.attention_weight and "attention" in y_pred:
            loss = loss + self.attention_weight * attention_penalty(y_pred["attention"])
        if self.balance_weight and "layer_gates" in y_pred:
            loss = loss + self.balance_weight * layer_imbalance(y_pred["layer_gates"])
        if self.compute_penalty and "layer_gates" in y_pred:
            depth = expected_depth(y_pred["layer_gates"], depth_shares(self.network))
            self.trackers["depth"].update_state(depth, ops.shape(y_pred["layer_gates"])[0])
            loss = loss + self.compute_penalty * depth
        self._update_trackers(y, y_pred)
        for penalty in self.losses:
            loss = loss + ops.cast(penalty, loss.dtype)
        return loss

    def _track(self, name: str) -> None:
        self.trackers[name] = keras.metrics.Mean(name)

    def _update_trackers(self, truth, outputs):
        self.track_prediction(truth, outputs[self.prediction])
        if "layer_gates" in outputs:
            gates = outputs["layer_gates"]
            for step in range(self.network.steps):
                for index, tap in enumerate(self.network.candidates):
                    self.trackers[gate_metric(step, tap)].update_state(gates[:, step, index])
        if "attention" in outputs:
            spread = perplexity(outputs["attention"])
            for step in range(self.network.steps):
                self.trackers[f"perplexity_step{step + 1}"].update_state(spread[:, step])

    def save_weights(self, filepath, *args, **kwargs):
        """Keras's, but whole or not at all: a kill or a full disk leaves the file that was there.

        Raises:
            UserError: There is no room, or the place cannot be written.
        """
        variables = [*self.variables, *getattr(getattr(self, "optimizer", None), "variables", ())]
        path = Path(filepath)
        with whole_file(path) as temporary:
            # HDF5 does not say that a disk is full, it crashes.
            require_space(path, 4 * sum(math.prod(variable.shape) for variable in variables))
            super().save_weights(temporary, *args, **kwargs)

    def get_config(self):
        return {
            **super().get_config(),
            "network": keras.saving.serialize_keras_object(self.network),
            "auxiliary_weight": self.auxiliary_weight,
            "step_weight": self.step_weight,
            "layer_auxiliary_weight": self.layer_auxiliary_weight,
            "attention_weight": self.attention_weight,
            "balance_weight": self.balance_weight,
            "compute_penalty": self.compute_penalty,
        }

    @classmethod
    def from_config(cls, config):
        network = keras.saving.deserialize_keras_object(config["network"])
        return cls(**config | {"network": network})
