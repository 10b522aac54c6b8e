"""Which claim, with which seeds: one folder an experiment, run by ``python -m experiments``."""
