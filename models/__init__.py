"""Networks and layers, in `keras` and `keras.ops` only: they run on every Keras backend."""
