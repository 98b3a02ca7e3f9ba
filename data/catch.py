"""Games of Catch: how each one starts, drawn from seeds.

A batch is (starts, targets): starts float32 [B, 3], the column that the ball falls from, its speed
in columns a step, and the column of the paddle's left pixel; targets float32 [B] are zeros, since
nothing but playing says what a game is worth.
"""

from dataclasses import dataclass

import tensorflow as tf

from data.batches import ahead

SIDE = 24  # of the screen, pixels
TEST_SEED = 20_140_624  # the games of a table are the same for every run

# Second half of the seed of games that are not for training. Games for training have the number
# of an epoch there, from 0: no seed serves two purposes.
FIXED = {"train": -3, "validation": -2, "test": -1}


@dataclass(frozen=True)
class CatchGames:
    """Games of one split.

    Attributes:
        split: "train", "validation" or "test".
        games: Their number in an epoch, N.
        side: Of the screen, pixels.

    Raises:
        ValueError: An unknown split, or no games.
    """

    split: str
    games: int
    side: int = SIDE

    def __post_init__(self):
        if self.split not in FIXED:
            raise ValueError(f"unknown split '{self.split}': {', '.join(FIXED)}")
        if self.games < 1:
            raise ValueError(f"games must be at least 1, not {self.games}")

    def __len__(self) -> int:
        return self.games

    @property
    def sequence_of(self) -> list[str]:
        """The split of each of the N games."""
        return [self.split] * self.games

    def train_batches(self, batch_size: int, seed: int, first_epoch: int = 0) -> tf.data.Dataset:
        """Batches without end, from the start of `first_epoch`; every epoch has N new games.

        They depend on the seed and the number of the epoch alone, so that a run that goes on in
        epoch 7 sees what it would have seen.

        Args:
            batch_size: Games in a batch; the last of an epoch has what is left.
            seed: Draws the games.
            first_epoch: Epoch to start with, from 0.
        """

        def epoch(number: tf.Tensor) -> tf.data.Dataset:
            return self._batches(tf.stack([tf.constant(seed, tf.int64), number]), batch_size)

        return ahead(tf.data.Dataset.counter(first_epoch).flat_map(epoch))

    def test_batches(self, batch_size: int) -> tf.data.Dataset:
        """The same N games whenever it is called, whatever the batch size."""
        return self._batches(tf.constant([TEST_SEED, FIXED[self.split]], tf.int64), batch_size)

    def _batches(self, seed: tf.Tensor, batch_size: int) -> tf.data.Dataset:
        starts = draw_starts(self.games, seed, self.side)
        return tf.data.Dataset.from_tensor_slices((starts, tf.zeros(self.games))).batch(batch_size)


def draw_starts(games: int, seed: tf.Tensor, side: int = SIDE) -> tf.Tensor:
    """Starts [N, 3]: any column, any speed in [-1, 1) columns a step, the paddle in the middle.

    Args:
        games: Their number, N.
        seed: int64 [2].
        side: Of the screen, pixels.
    """
    columns, speeds = tf.unstack(tf.random.split(seed, 2))
    column = tf.random.stateless_uniform([games], columns, 0, side, tf.int32)
    speed = tf.random.stateless_uniform([games], speeds, -1.0, 1.0)
    paddle = tf.fill([games], float(side // 2 - 1))  # its two pixels are the two in the middle
    return tf.stack([tf.cast(column, tf.float32), speed, paddle], axis=1)
