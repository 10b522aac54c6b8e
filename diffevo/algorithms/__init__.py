"""Algorithms: assembly only; every equation lives in `diffevo.core`."""
