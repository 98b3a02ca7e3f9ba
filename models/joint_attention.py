"""Joint spatial and layer attention: T looks at an image, each at one layer and one place."""

import keras
from keras import layers, ops

from models.class_head import ClassHead
from models.conv_lstm import ConvLSTMCell
from models.googlenet import CHANNELS, STRIDES, TAPS, GoogLeNet, check_taps
from models.layer_adapter import LayerAdapter, select
from models.layer_gate import LayerGate
from models.pose_head import PoseHead, mean_rotation, unit
from models.spatial_attention import SpatialAttention


@keras.saving.register_keras_serializable("whatwhere")
class JointAttention(keras.Model):
    """Attends to *what* (a layer of GoogLeNet) and *where* (a place of its map), T times.

    Called on RGB images [B, S, S, 3] in 0..255, or on the `features` of some, it returns a
    dictionary:
        pose: [B, 7] position in metres and unit quaternion w, x, y, z; or, with `classes`,
        logits: [B, K].
        layer_gates: [B, T, L] rows, one-hot outside training. Absent without layer attention.
        attention: [B, T, G, G] maps, each of sum 1. Absent without spatial attention.
        auxiliary_by_step: in training, a list of each step's pose [B, 7] or logits [B, K]; empty
            for T = 1, whose only step's are the network's.
        auxiliary_by_layer: in training, the same from each layer by itself.

    Every tap is brought to one grid and depth (pooling or resizing, 1x1 convolution, batch
    normalisation, ReLU) so that one layer can stand in for another.

    Each step answers by one dense layer on its hidden state and its glimpse, both averaged over
    space, with weights of its own for the glimpses of each layer; the network's answer is the mean
    of the T answers. For logits and positions that is the thesis's one dense layer on all hidden
    states (4.5), with the glimpses added, and with each step's part held to the answer by itself:
    alone, the recurrent part learns a small training set by heart. Quaternions are normalised
    before the mean and after it.

    Args:
        steps: Recurrent steps, T.
        candidates: The layers to choose from, L of them.
        layer_attention: False takes the one candidate at every step (the ablation
            `spatial_attention`).
        attention: Form of the spatial attention, or None for no map (the ablation
            `layer_attention`).
        activation: Of the spatial attention.
        grid: Side G of the common grid.
        depth: Channels of the common grid.
        hidden: Channels of the ConvLSTM's state.
        kernel_sizes: Of the ConvLSTM.
        reduction: Channels before the larger kernels of the ConvLSTM and of the attention's
            embedding, see `StackedConv2D`; None for full kernels, as in the thesis.
        gate_embedding: Dimension E of the layer gate's embedding.
        dropout: Rate before the last layer.
        initial_pose: Where the pose head starts: the training set's mean pose.
        classes: Number of classes, K, of a network that tells scenes apart; None for poses.
        mean_rgb: Mean of the training images, per channel.
        l2: Weight of the penalty on the sum of squares of each kernel; biases have none.
        seed: Of the gate's noise and of dropout.

    Attributes:
        plan: Integer weight [T] that is not trained: the candidate, by its number, that a step has
            settled on, whatever the gate says; -1 leaves the choice to the gate. None without layer
            attention.

    Raises:
        ValueError: T = 0, an unknown layer, or several candidates without layer attention.

    Reference: thesis, chapter 4.
    """

    def __init__(
        self,
        steps=3,
        candidates=("3b", "4e", "5b"),
        layer_attention=True,
        attention="multi_convolutional",
        activation="leaky_relu",
        grid=7,
        depth=256,
        hidden=96,
        kernel_sizes=(1, 3, 5, 7),
        reduction=None,
        gate_embedding=16,
        dropout=0.5,
        initial_pose=(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0),
        classes=None,
        mean_rgb=(123.0, 117.0, 104.0),
        l2=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if steps < 1:
            raise ValueError(f"steps must be at least 1, not {steps}")
        candidates = check_taps(candidates)
        if not layer_attention and len(candidates) > 1:
            raise ValueError(
                f"without layer attention there is one layer, not '{','.join(candidates)}'"
            )
        self._config = {
            "steps": steps,
            "candidates": candidates,
            "layer_attention": layer_attention,
            "attention": attention,
            "activation": activation,
            "grid": grid,
            "depth": depth,
            "hidden": hidden,
            "kernel_sizes": tuple(kernel_sizes),
            "reduction": reduction,
            "gate_embedding": gate_embedding,
            "dropout": dropout,
            "initial_pose": tuple(float(value) for value in initial_pose),
            "classes": classes,
            "mean_rgb": tuple(float(value) for value in mean_rgb),
            "l2": l2,
            "seed": seed,
        }
        self.steps = steps
        self.candidates = candidates
        self.grid = grid
        regularizer = keras.regularizers.L2(l2) if l2 else None
        self.trunk = GoogLeNet(mean_rgb, max(candidates, key=TAPS.index), l2, name="trunk")
        self.adapters = [
            LayerAdapter(grid, depth, regularizer, name=f"adapter_{tap}") for tap in candidates
        ]
        self.gate = (
            LayerGate(len(candidates), gate_embedding, seed, regularizer, name="layer_gate")
            if layer_attention
            else None
        )
        self.plan = None
        self.where = (
            SpatialAttention(
                attention, activation, regularizer, reduction, name="spatial_attention"
            )
            if attention
            else None
        )
        self.cell = ConvLSTMCell(hidden, kernel_sizes, regularizer, reduction, name="conv_lstm")
        self.dropout = layers.Dropout(dropout, seed=seed, dtype="float32", name="dropout")
        self.prediction = "pose" if classes is None else "logits"
        self.step_heads = [
            self._new_head(regularizer, f"head_step{step + 1}") for step in range(steps)
        ]
        self.auxiliary_heads = [
            self._new_head(regularizer, f"auxiliary_head_{tap}") for tap in candidates
        ]

    def _new_head(self, regularizer, name):
        if self._config["classes"] is None:
            return PoseHead(self._config["initial_pose"], regularizer, name=name)
        return ClassHead(self._config["classes"], regularizer, name=name)

    def build(self, input_shape):
        depth, hidden = self._config["depth"], self._config["hidden"]
        feature_shape = (None, self.grid, self.grid, depth)
        hidden_shape = (None, self.grid, self.grid, hidden)
        self.trunk.build(input_shape)
        self.trunk.built = True
        for tap, adapter in zip(self.candidates, self.adapters, strict=True):
            side = input_shape[1] // STRIDES[tap]
            adapter.build((None, side, input_shape[2] // STRIDES[tap], CHANNELS[tap]))
        if self.gate:
            self.gate.build(hidden_shape)
            self.plan = self.add_weight(
                shape=(self.steps,), dtype="int32", trainable=False, name="plan",
                initializer=keras.initializers.Constant(-1),
            )  # fmt: skip
        if self.where:
            self.where.build(feature_shape, hidden_shape)
        self.cell.build(feature_shape)
        for head in self.step_heads:
            head.build((None, hidden + len(self.candidates) * depth))
        for head in self.auxiliary_heads:
            head.build((None, depth))

    def features(self, images):
        """The trunk's maps of images [B, S, S, 3] on the common grid: tap to [B, G, G, C].

        What `call` starts with, and takes in the images' place: under a trunk that does not learn
        they need be computed only once.
        """
        maps = self.trunk(images)
        return {
            tap: adapter.to_grid(maps[tap])
            for tap, adapter in zip(self.candidates, self.adapters, strict=True)
        }

    def call(self, images, training=False):
        maps = images if isinstance(images, dict) else self.features(images)
        features = [
            adapter(maps[tap], training=training)
            for tap, adapter in zip(self.candidates, self.adapters, strict=True)
        ]
        batch = ops.shape(features[0])[0]
        outputs, answers = self.look(batch, lambda gate: features, training)
        if training:
            outputs["auxiliary_by_step"] = answers if self.steps > 1 else []
            outputs["auxiliary_by_layer"] = [
                head(pool(feature), training=True)
                for head, feature in zip(self.auxiliary_heads, features, strict=True)
            ]
        return outputs

    def look(self, batch, read, training=False):
        """The T steps.

        Args:
            batch: B.
            read: Takes a row of the gate [B, L], or None where there is no gate, to the L
                candidates' maps [B, G, G, D]; those of which the row has nothing may be zeros.
            training: As in `call`.

        Returns:
            The dictionary that `call` returns, without those of training alone, and each
            step's answer.
        """
        hidden, cell = self.cell.initial_state(batch)
        answers, gates, attention = [], [], []
        for step, head in enumerate(self.step_heads):
            gate = self._choose(step, hidden, training) if self.gate else None
            gates.append(gate)
            features = read(gate)
            glimpse, where = select(features, gate), None
            if self.where:
                glimpse, where = self.where(glimpse, hidden)
                attention.append(where)
            hidden, cell = self.cell(glimpse, hidden, cell)
            seen = ops.concatenate([pool(hidden), by_layer(features, gate, where)], axis=-1)
            answers.append(head(self.dropout(seen, training=training), training=training))
        outputs = {self.prediction: self._mean(answers, training)}
        if self.gate:
            outputs["layer_gates"] = ops.stack(gates, axis=1)
        if self.where:
            outputs["attention"] = ops.stack(attention, axis=1)
        return outputs, answers

    def _choose(self, step, hidden, training):
        """A step's row [B, L]: the gate's, or that of the layer which the step has settled on."""
        settled = self.plan[step]
        return ops.where(
            settled < 0,
            self.gate(hidden, training=training),
            ops.one_hot(settled, len(self.candidates), dtype="float32"),
        )

    def _mean(self, answers, training):
        """Of the steps' logits or poses; in training the quaternions' signs count, as in a head."""
        mean = sum(answers) / len(answers)
        if self.prediction == "logits":
            return mean
        if training:
            quaternion = unit(mean[:, 3:])
        else:
            quaternion, _ = mean_rotation(ops.stack([answer[:, 3:] for answer in answers], axis=1))
        return ops.concatenate([mean[:, :3], quaternion], axis=-1)

    def load_own_variables(self, store):
        if len(store.keys()):  # files from before there was a plan have none: the gate chooses
            super().load_own_variables(store)

    def get_config(self):
        return {**super().get_config(), **self._config}


def pool(maps, attention=None):
    """Mean over space, in float32: maps [B, H, W, C] to [B, C]; weighted by attention [B, H, W]."""
    maps = ops.cast(maps, "float32")
    if attention is None:
        return ops.mean(maps, axis=(1, 2))
    return ops.sum(attention[..., None] * maps, axis=(1, 2))


def by_layer(features, gate, attention):
    """What there is of each layer in a glimpse, averaged over space, side by side: [B, L D].

    With a one-hot row of the gate [B, L] the other layers' parts are zero. They are averages of
    the layers themselves, not of what was selected: so a mixture trains each layer's weights on
    that layer, and the gate's gradient says what another layer would have answered by its own.
    """
    seen = [pool(feature, attention) for feature in features]
    if gate is not None:
        seen = [gate[:, index, None] * part for index, part in enumerate(seen)]
    return ops.concatenate(seen, axis=-1)
