"""Which claim, with which seeds: one folder an experiment, run by ``python -m experiments``."""

import os

# One thread for numpy's and LAPACK's linear algebra, said before numpy is imported: with matrices
# of 32 to 256 rows its threads only wait for each other (CMA-ES in 32 dimensions: 16 times slower
# on two cores). XLA's own threads are not concerned.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
