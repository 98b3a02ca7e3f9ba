"""Plays Catch from glimpses: the Recurrent Attention Model in a world that moves."""

import keras
import numpy as np
from keras import layers, ops

from models.catch import ACTIONS, CatchGame
from models.glimpse_network import GlimpseNetwork
from models.glimpse_sensor import GlimpseSensor
from models.layer_gate import gumbel_noise
from models.location_network import LocationNetwork
from models.ram import log_normal
from models.ram_core import RAMCore


@keras.saving.register_keras_serializable("whatwhere")
class CatchPlayer(keras.Model):
    """Plays Catch from glimpses alone: the recurrent attention model with actions.

    Called on the starts of B games [B, 3], see `CatchGame.start`, it plays each to its end, in
    T = `side` - 1 steps, and returns a dictionary:
        caught: [B], 1 for each game that ended well and 0 for the others.
        baselines: [B, T], what it expects of `caught` at each step.
        entropies: [B, T] of the distribution of actions at each step, nats.
        states: [B, T + 1, 4] of the game, see `CatchGame`, before the first step to after the last.
        locations: [B, T, 2] of the glimpses, (x, y) in [-1, 1], (-1, -1) the top left corner.
        actions: [B, T], int32; 0 is left, 1 stay, 2 right.
        log_probabilities: [B, T], in training only: of the action and the next location at each
            step, given what had been seen by then.

    Step t takes a glimpse at the location that step t - 1 chose, the first at the centre, and
    from the core's new state chooses the action and the next location. In training both are drawn,
    the location from a normal distribution; otherwise they are the likeliest.

    The gradients of the actions' log-probabilities reach the core and the glimpse network, which
    here have no other teacher. Those of the locations and of the baselines end at the core, as in
    classification: a location's, 1 / `deviation` in size, would outweigh the actions'.

    Args:
        side: Of the screen, pixels.
        glimpse_size: Side of a glimpse, pixels.
        scales: Of a glimpse; scale k covers 2^k glimpse sizes.
        core: "lstm" or "relu".
        fusion: Of what was seen and where, "add" or "concatenate".
        deviation: Standard deviation of a location in training.
        location_activation: "linear" or "tanh", see `LocationNetwork`.
        location_hidden: Units of the location network's hidden layer; None for no such layer.
        hidden: Units of the core's state and of the glimpse network.
        seed: Of actions and locations.

    Raises:
        ValueError: A deviation that is not positive, or what a part raises.

    Reference: Mnih et al. 2014, sections 2, 3 and 4.2.
    """

    def __init__(
        self,
        side=24,
        glimpse_size=6,
        scales=3,
        core="lstm",
        fusion="add",
        deviation=0.1,
        location_activation="linear",
        location_hidden=None,
        hidden=256,
        seed=None,
        **kwargs,
    ):
        # Speeds of a game must not lose digits on their way in.
        super().__init__(**{"autocast": False} | kwargs)
        if deviation <= 0:
            raise ValueError(f"deviation must be positive, not {deviation}")
        self._config = {
            "side": side,
            "glimpse_size": glimpse_size,
            "scales": scales,
            "core": core,
            "fusion": fusion,
            "deviation": deviation,
            "location_activation": location_activation,
            "location_hidden": location_hidden,
            "hidden": hidden,
            "seed": seed,
        }
        self.deviation = deviation
        self.game = CatchGame(side)
        # A cell holds the number of its lit pixels: by their share, the ball in a cell of 4 x 4
        # would be a sixteenth of what it is in a cell of one.
        self.pixels = np.reshape(4.0 ** np.arange(scales, dtype="float32"), (scales, 1, 1, 1))
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.sensor = GlimpseSensor(glimpse_size, scales, name="glimpse_sensor")
        self.glimpse_network = GlimpseNetwork(fusion, units=hidden, name="glimpse_network")
        self.core = RAMCore(hidden, core, name="core")
        self.location_network = LocationNetwork(
            location_activation, location_hidden, name="location_network"
        )
        self.policy = layers.Dense(len(ACTIONS), dtype="float32", name="actions")
        self.baseline = layers.Dense(1, dtype="float32", name="baseline")

    def build(self, input_shape):
        size, scales, hidden = (self._config[n] for n in ("glimpse_size", "scales", "hidden"))
        self.glimpse_network.build((None, scales, size, size, 1), (None, 2))
        self.core.build((None, hidden))
        for head in (self.location_network, self.policy, self.baseline):
            head.build((None, hidden))

    def call(self, starts, training=False):
        played = self._play(starts, self._noise(ops.shape(starts)[0], training))
        hidden = ops.cast(played["memory"][0], "float32")
        stopped = ops.stop_gradient(hidden)
        scores = ops.log_softmax(self.policy(hidden))
        outputs = {
            "caught": self.game.caught(played["states"][:, -1]),
            "baselines": self.baseline(stopped)[..., 0],
            "entropies": -ops.sum(ops.exp(scores) * scores, axis=-1),
            "states": played["states"],
            "locations": clip(played["draws"]),
            "actions": played["actions"],
        }
        if training:
            chosen = ops.one_hot(played["actions"], len(ACTIONS))
            of_action = ops.sum(scores * chosen, axis=-1)
            # The last step's next location is never looked at.
            means = self.location_network(stopped[:, :-1])
            of_location = log_normal(played["draws"][:, 1:], means, self.deviation)
            outputs["log_probabilities"] = of_action + ops.pad(of_location, ((0, 0), (0, 1)))
        return outputs

    def _play(self, starts, noise):
        """Every game to its end: the tensors of each step, [B, T, ...], T + 1 of `states`."""
        games, state = ops.shape(starts)[0], self.game.start(starts)
        before = {
            "states": state,
            "draws": ops.zeros_like(state[:, :2]),
            "actions": ops.zeros((games,), "int32"),
            "memory": self.core.initial_state(games),
        }

        def step(past, noise):
            state, location = past["states"], clip(past["draws"])
            glimpse = self.sensor(self.game.render(state), location) * self.pixels
            memory = self.core(self.glimpse_network(glimpse, location), *past["memory"])
            draw, action = self._decide(ops.stop_gradient(memory[0]), noise)
            state = self.game.step(state, action)
            now = {"states": state, "draws": draw, "actions": action, "memory": memory}
            return now, now

        # A loop in the graph: up to a sixth slower than T copies of the step, but traced in a third
        # of the time.
        _, played = ops.scan(step, before, noise, length=self.game.steps)
        played = keras.tree.map_structure(lambda steps: ops.swapaxes(steps, 0, 1), played)
        # A step keeps what it led to: the first state and location come before them all.
        for name, kept in (("states", self.game.steps), ("draws", self.game.steps - 1)):
            parts = [before[name][:, None], played[name][:, :kept]]
            played[name] = ops.concatenate(parts, axis=1)
        return played

    def _decide(self, hidden, noise):
        """The next location [B, 2], not yet clipped, and the action [B]; neither has a gradient."""
        draw, scores = self.location_network(hidden), self.policy(hidden)
        if noise is not None:
            draw, scores = draw + noise[0], scores + noise[1]
        return ops.stop_gradient(draw), ops.cast(ops.argmax(scores, axis=-1), "int32")

    def _noise(self, games, training):
        """Of locations [T, B, 2] and of the actions' logits [T, B, 3]; None outside training."""
        if not training:
            return None
        seed, steps = self.seed_generator, self.game.steps
        shift = keras.random.normal((steps, games, 2), dtype="float32", seed=seed)
        # The arg max with Gumbel noise is a draw from the softmax.
        gumbel = gumbel_noise((steps, games, len(ACTIONS)), seed)
        return self.deviation * shift, gumbel

    def get_config(self):
        return {**super().get_config(), **self._config}


def clip(draws):
    """Locations on the screen."""
    return ops.clip(draws, -1.0, 1.0)
