"""The layer gate, "what": picks one layer of the network at each step."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("whatwhere")
class LayerGate(layers.Layer):
    """Hidden state [B, H, W, C] to a gate row [B, L]: one-hot, differentiable in training.

    The state is averaged over space, embedded, and scored against L layers. In training,
    Gumbel noise is added and the arg max taken; its gradient is the softmax's at `temperature`
    (straight-through). Otherwise the row is the arg max of the logits, without noise. All of it in
    float32.

    Args:
        num_layers: Candidate layers, L.
        embedding: Dimension E of the gate embedding.
        seed: Of the Gumbel noise.
        kernel_regularizer: Penalty on its kernels.

    Attributes:
        temperature: Scalar weight that is not trained; lower it during training.
        softness: Scalar weight in 0..1 that is not trained. Training rows are
            softness * softmax(logits) + (1 - softness) * the sampled row: at 1 every layer
            receives a gradient, at 0, as in testing, only the chosen one.
        noise: Scale of the Gumbel noise, not trained. At 0 training takes the layers that testing
            will take, by margins that may be small.

    Reference: thesis, sections 4.3 and 4.3.1, equations 4.3 and 4.4; Jang et al. 2017.
    """

    def __init__(
        self,
        num_layers: int,
        embedding: int = 16,
        seed: int | None = None,
        kernel_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_layers = num_layers
        self.embedding = embedding
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.embed = self._dense(embedding, "embedding", activation="tanh")
        self.score = self._dense(num_layers, "logits")

    def build(self, input_shape):
        self.embed.build((None, input_shape[-1]))
        self.score.build((None, self.embedding))
        self.temperature = self._schedule_weight("temperature", 1.0)
        self.softness = self._schedule_weight("softness", 0.0)
        self.noise = self._schedule_weight("noise", 1.0)

    def _dense(self, units: int, name: str, **kwargs) -> layers.Dense:
        return layers.Dense(
            units, kernel_regularizer=self.kernel_regularizer, dtype="float32", name=name, **kwargs
        )

    def _schedule_weight(self, name: str, value: float):
        return self.add_weight(
            shape=(), dtype="float32", initializer=keras.initializers.Constant(value),
            trainable=False, autocast=False, name=name,
        )  # fmt: skip

    def call(self, hidden, training=False):
        pooled = ops.mean(ops.cast(hidden, "float32"), axis=(1, 2))
        logits = self.score(self.embed(pooled))
        if not training:
            return one_hot_argmax(logits)
        noise = self.noise * gumbel_noise(ops.shape(logits), self.seed_generator)
        sampled = straight_through(logits + noise, self.temperature)
        return self.softness * ops.softmax(logits) + (1.0 - self.softness) * sampled

    def get_config(self):
        return {
            **super().get_config(),
            "num_layers": self.num_layers,
            "embedding": self.embedding,
            "seed": self.seed,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


def gumbel_noise(shape, seed):
    """Samples -log(-log u), u uniform, in float32; finite for every u."""
    uniform = keras.random.uniform(shape, 1e-6, 1.0 - 1e-6, dtype="float32", seed=seed)
    return -ops.log(-ops.log(uniform))


def one_hot_argmax(logits):
    """[B, L] logits to one-hot rows, float32; of equal logits the first."""
    # TensorFlow's arg max tells -0.0 from 0.0, by operations that LiteRT does not have.
    _, largest = ops.top_k(logits, 1)
    return ops.one_hot(largest[:, 0], logits.shape[-1], dtype="float32")


def straight_through(logits, temperature):
    """One-hot arg max of `logits` [B, L] with the gradient of softmax(logits / temperature)."""
    soft = ops.softmax(logits / temperature)
    # `soft - stop_gradient(soft)` is exactly 0, so the value stays exactly one-hot.
    return one_hot_argmax(logits) + (soft - ops.stop_gradient(soft))
