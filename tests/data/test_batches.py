"""What every data set's batches have in common."""

import tensorflow as tf

from data.batches import ahead


def test_batches_are_made_ahead_of_use_and_in_order():
    made = []

    def batch():
        for number in range(4):
            made.append(number)
            yield number

    batches = tf.data.Dataset.from_generator(batch, output_signature=tf.TensorSpec([], tf.int64))
    taken = iter(ahead(batches))
    assert next(taken).numpy() == 0
    deadline = tf.timestamp() + 20
    while len(made) < 2 and tf.timestamp() < deadline:
        pass
    assert len(made) >= 2
    assert [number.numpy() for number in taken] == [1, 2, 3]


def test_no_thread_searches_for_better_settings():
    """Dropping a stream would wait for it."""
    assert ahead(tf.data.Dataset.range(3)).options().autotune.enabled is False
