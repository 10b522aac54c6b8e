"""What the composed functions' basins are like: ``python -m experiments.niching.basins``.

Prints a Markdown table of the functions of the protocol: the share of the box that belongs to the
smallest and to the largest cell, and of the local descents that end at an optimum.
"""

import jax
import numpy as np
import scipy.optimize

from experiments.common import tables
from experiments.niching.config import COMPOSED
from experiments.niching.run import problem_of
from tasks.functions import Composed, basin_shares, composed

_NUM_POINTS = 4096
_NUM_DESCENTS = 500
_AT = 1e-3  # a descent has reached an optimum if it ends nearer, in value and in place


def descents(task: Composed, count: int = _NUM_DESCENTS, seed: int = 2) -> np.ndarray:
    """Shares (K + 1,) of descents that end at each optimum, and elsewhere.

    scipy's L-BFGS-B from uniform points, with exact gradients; a long step may leave a basin.

    Args:
        task: the function.
        count: of the descents, >= 1.
        seed: of their starts.
    """
    rng, optima = np.random.default_rng(seed), task.positions
    ends = np.zeros(len(optima) + 1)
    with jax.enable_x64(True):
        slope = jax.jit(jax.value_and_grad(lambda x: task(x[None] / task.scaling)[0]))
        for start in rng.uniform(*task.bounds, (count, task.num_dims)):
            found = scipy.optimize.minimize(
                lambda x: tuple(np.asarray(part) for part in slope(x)),
                start,
                jac=True,
                method="L-BFGS-B",
                bounds=np.transpose(task.bounds),
            )
            distances = np.linalg.norm(optima - found.x, axis=1)
            near = found.fun < _AT and distances.min() < task.radius
            ends[distances.argmin() if near else -1] += 1
    return ends / count


def main() -> None:
    """Measure and print."""
    rows = []
    for function in COMPOSED:
        form = "bowls" if function.task.endswith("bowls") else "mixture"
        task = composed(form, **function.options)
        count = task.num_optima
        bowls = form == "bowls"
        shares = basin_shares(task, _NUM_POINTS, descend=bowls)[:count]
        # Bowls have kinks, at which a method for smooth functions stops: walks are measured.
        reached = np.append(shares, 1 - shares.sum()) if bowls else descents(task)
        rows.append(
            [
                problem_of(function).name,
                str(count),
                str(task.num_lesser),
                *(f"{100 * share:.1f} %" for share in (shares.min(), shares.max())),
                *(f"{100 * share:.1f} %" for share in (reached[:-1].min(), reached[-1])),
            ]
        )
    header = [
        "function",
        "optima",
        "lesser",
        "smallest cell",
        "largest",
        "descents: fewest at one",
        "elsewhere",
    ]
    print(tables.markdown(header, rows))


if __name__ == "__main__":
    main()
