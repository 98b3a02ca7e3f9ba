"""How fast it is, beside PyTorch and the processor itself: `python -m benchmarks.run`."""
