"""How a data set's batches are made ready."""

import tensorflow as tf


def ahead(batches: tf.data.Dataset) -> tf.data.Dataset:
    """The same batches, made while the ones before them are in use.

    By as many threads as there are processors, without TensorFlow's search for better numbers: who
    drops a stream waits for the thread that searches, which often misses the word to stop and
    sleeps on, after minutes of training up to a minute.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options)
