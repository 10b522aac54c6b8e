"""The temperature of the weighting."""
