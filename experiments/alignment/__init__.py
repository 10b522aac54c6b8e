"""Alignment: the misalignment measure, its simulations, and evolved policies."""
