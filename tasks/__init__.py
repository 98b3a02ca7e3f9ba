"""What a network is trained for: its loss, its metrics, and what a row of its results holds."""
