"""The measurement behind the scale-free default weighting."""
