"""Training for scene recognition: loss, metrics, and the model that `fit` runs."""

import keras
from keras import ops

from tasks.task import Task


def cross_entropy(labels, logits):
    """Softmax cross-entropy of each image, [B], for labels [B] and logits [B, K] (equation 4.6)."""
    return keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)


@keras.saving.register_keras_serializable("whatwhere")
class SceneTask(Task):
    """A network with the loss and the metrics of scene recognition; see `Task`.

    Targets are labels [B], 0..K-1; the network returns a dictionary with `logits` [B, K].
    """

    prediction = "logits"
    monitor = "cross_entropy"

    def prediction_trackers(self):
        return {name: keras.metrics.Mean(name) for name in ("cross_entropy", "accuracy")}

    def prediction_loss(self, truth, predicted):
        return ops.mean(cross_entropy(truth, predicted))

    def track_prediction(self, truth, predicted):
        self.trackers["cross_entropy"].update_state(cross_entropy(truth, predicted))
        right = ops.equal(ops.cast(truth, "int32"), ops.cast(ops.argmax(predicted, -1), "int32"))
        self.trackers["accuracy"].update_state(ops.cast(right, "float32"))
