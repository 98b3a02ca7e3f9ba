"""MNIST (LeCun et al. 1998): handwritten digits, plain, translated and among clutter."""
