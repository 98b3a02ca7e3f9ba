"""Data sets, one interface: readers, TFDS builders, pose arithmetic and the input pipeline."""
