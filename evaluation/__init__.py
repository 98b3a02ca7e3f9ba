"""From a trained run to predictions, metrics, pictures and report, for each task."""
