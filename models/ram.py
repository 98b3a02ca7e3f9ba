"""The Recurrent Attention Model: classifies an image from a few glimpses of it."""

import math

import keras
from keras import layers, ops

from models.class_head import ClassHead
from models.glimpse_network import GlimpseNetwork
from models.glimpse_sensor import GlimpseSensor
from models.location_network import LocationNetwork
from models.ram_core import RAMCore

LOCATIONS = ("learned", "random")


@keras.saving.register_keras_serializable("whatwhere")
class RAM(keras.Model):
    """Images [B, S, S, C] in 0..255 to class scores, by T glimpses.

    Returns a dictionary; N is B, or B * `samples` in training:
        logits: [N, K], after the last glimpse.
        locations: [N, T, 2] of the glimpses, (x, y) in [-1, 1], (-1, -1) the top left corner.
        baselines: [N, T], the reward expected before each glimpse.
        logits_by_glimpse: [N, T, K], after each glimpse.
        log_probabilities: [N, T] of the locations drawn, in training only.
    With random locations there are neither baselines nor log-probabilities.

    A location comes from the core's state before the glimpse, the first from a state of zeros: it
    is the same for all images. In training it is drawn from a normal distribution around what the
    location network says; otherwise it is what the network says. A drawn location may lie
    outside the image: the glimpse is then taken at the edge, while the log-probability is the
    drawn one's. Locations carry no gradient, and those of log-probabilities and baselines end at
    the core's state: logits alone train the core and what is before it, unless `reinforce_core`.

    Args:
        classes: Their number, K.
        glimpses: T.
        glimpse_size: Side of a glimpse, pixels.
        scales: Of a glimpse; scale k covers 2^k glimpse sizes.
        core: "relu" or "lstm", see `RAMCore`.
        fusion: "add" or "concatenate", see `GlimpseNetwork`.
        location: "learned", or "random": uniform over the image. Outside training these are the
            same for every batch of a size.
        deviation: Of a drawn location, in each coordinate; the image is 2 wide.
        samples: Rollouts of each image in training, M: rows b * M .. b * M + M - 1 are image b's.
        location_activation: "linear" or "tanh", see `LocationNetwork`.
        location_hidden: Units of a hidden layer in the location network; None for none.
        reinforce_core: Whether the gradient of log-probabilities goes on into the core and what is
            before it, which then learn what the location network needs to know.
        hidden: Units of the core and of the glimpse's features.
        l2: Weight of the penalty on the sum of squares of each kernel; biases have none.
        seed: Of the locations drawn in training.

    Raises:
        ValueError: An unknown core, fusion or location, or a number that is too small.

    Reference: Mnih et al. 2014, sections 3 and 4.
    """

    def __init__(
        self,
        classes=10,
        glimpses=6,
        glimpse_size=8,
        scales=1,
        core="relu",
        fusion="add",
        location="learned",
        deviation=0.1,
        samples=1,
        location_activation="linear",
        location_hidden=None,
        reinforce_core=False,
        hidden=256,
        l2=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self._config = {
            "classes": classes,
            "glimpses": glimpses,
            "glimpse_size": glimpse_size,
            "scales": scales,
            "core": core,
            "fusion": fusion,
            "location": location,
            "deviation": deviation,
            "samples": samples,
            "location_activation": location_activation,
            "location_hidden": location_hidden,
            "reinforce_core": reinforce_core,
            "hidden": hidden,
            "l2": l2,
            "seed": seed,
        }
        for name in ("glimpses", "glimpse_size", "scales", "samples"):
            if self._config[name] < 1:
                raise ValueError(f"{name} must be at least 1, not {self._config[name]}")
        if deviation <= 0:
            raise ValueError(f"deviation must be positive, not {deviation}")
        if location not in LOCATIONS:
            raise ValueError(f"unknown location '{location}': {' or '.join(LOCATIONS)}")
        self.glimpses = glimpses
        self.deviation = deviation
        self.samples = samples
        self.reinforce_core = reinforce_core
        self.hidden = hidden
        self.seed_generator = keras.random.SeedGenerator(seed)
        regularizer = keras.regularizers.L2(l2) if l2 else None
        self.sensor = GlimpseSensor(glimpse_size, scales, name="glimpse_sensor")
        self.glimpse_network = GlimpseNetwork(
            fusion, units=hidden, kernel_regularizer=regularizer, name="glimpse_network"
        )
        self.core = RAMCore(hidden, core, regularizer, name="core")
        self.head = ClassHead(classes, regularizer, name="class_head")
        self.location_network = self.baseline = None
        if location == "learned":
            self.location_network = LocationNetwork(
                location_activation, location_hidden, regularizer, name="location_network"
            )
            self.baseline = layers.Dense(
                1, kernel_regularizer=regularizer, dtype="float32", name="baseline"
            )

    def build(self, input_shape):
        glimpse = (self.sensor.scales, self.sensor.size, self.sensor.size, input_shape[-1])
        self.glimpse_network.build((None, *glimpse), (None, 2))
        state = (None, self.hidden)
        for part in (self.core, self.head, self.location_network, self.baseline):
            if part:
                part.build(state)

    def call(self, images, training=False):
        images = ops.cast(images, "float32") / 255.0
        rows = ops.shape(images)[0] * (self.samples if training else 1)
        noise = self._noise(rows, training)
        row_sums = self.sensor.row_sums(images)
        state, before, after, drawn = [], ops.zeros((rows, self.hidden)), [], []
        for step in range(self.glimpses):
            location = noise[step]
            if self.location_network:
                location = self.location_network(before if step == 0 else after[-1]) + location
            drawn.append(ops.stop_gradient(location))
            seen = ops.clip(drawn[-1], -1.0, 1.0)
            features = self.glimpse_network(self.sensor.look(row_sums, seen), seen)
            state = self.core(features, *state)
            after.append(ops.cast(state[0], "float32"))
        drawn = ops.stack(drawn, axis=1)
        outputs = {"locations": ops.clip(drawn, -1.0, 1.0)}
        outputs["logits_by_glimpse"] = self.head(ops.stack(after, axis=1))
        outputs["logits"] = outputs["logits_by_glimpse"][:, -1]
        if self.location_network:
            # Once more for all T at once, where the locations above were drawn one by one: the
            # gradient of one product costs less than T.
            states = ops.stack([before, *after[:-1]], axis=1)
            stopped = ops.stop_gradient(states)
            outputs["baselines"] = self.baseline(stopped)[..., 0]
            if training:
                means = self.location_network(states if self.reinforce_core else stopped)
                outputs["log_probabilities"] = log_normal(drawn, means, self.deviation)
        return outputs

    def _noise(self, rows, training):
        """What is random in the locations, [T, N, 2]."""
        shape = (self.glimpses, rows, 2)
        if not self.location_network:
            # A number instead of a generator draws the same each time.
            seed = self.seed_generator if training else 0
            return keras.random.uniform(shape, -1.0, 1.0, dtype="float32", seed=seed)
        if not training:
            return ops.zeros(shape)
        drawn = keras.random.normal(shape, dtype="float32", seed=self.seed_generator)
        return self.deviation * drawn

    def get_config(self):
        return {**super().get_config(), **self._config}


def log_normal(x, mean, deviation):
    """Log-density [...] of vectors x [..., D] under Normal(mean [..., D], deviation^2 I)."""
    distance = ops.sum(ops.square((x - mean) / deviation), axis=-1)
    return -0.5 * distance - x.shape[-1] * math.log(math.sqrt(2 * math.pi) * deviation)
