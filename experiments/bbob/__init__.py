"""The 24 noiseless BBOB functions: run lengths beside CMA-ES with restarts."""
