"""Lattice maps: inhibition over distance and over the training; voting rules."""
