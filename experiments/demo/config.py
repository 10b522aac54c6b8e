"""Table 1 small, for `make demo`: the same code on the five functions, few repetitions.

Everything but the sizes is table1's; only pycma, the slow second opinion on CMA-ES, is left out.
"""

from experiments.table1.config import RIVALS, TWO_DIMS
from experiments.table1.config import SMOKE as TABLE1_SMOKE
from experiments.table1.config import Config as Table1Config

OF_RECORD = False  # results go to runs/demo: the numbers of record are table1's


def Config() -> Table1Config:
    """Table 1's configuration at the demonstration's size."""
    rivals = tuple(name for name in RIVALS if name != "pycma")
    return Table1Config(repetitions=4, functions=TWO_DIMS, rivals=rivals, chunk_size=4)


SMOKE = TABLE1_SMOKE
