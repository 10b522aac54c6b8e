"""One search with the sharded evaluator, for processes: prints what the tests compare.

python -m tests.evaluators.sharded_search ALGORITHM [ADDRESS NUM_PROCESSES PROCESS]

Instead of an algorithm, "exact" is the search that every evaluator makes. RUN_DIR in the
environment has the search recorded, and resumed; LAST ends it after that generation.
"""

import json
import os
import sys

import jax
import jax.numpy as jnp
import numpy as np

BOX = ([-4.0] * 3, [4.0] * 3)
# Neither 8 devices nor batches of 4 divide them.
SIZE = 21
WEIGHTS = np.random.default_rng(0).normal(size=(3, 64)).astype(np.float32)


def network(x, key):
    """Matrix products, which round differently for other numbers of rows; and noise."""
    hidden = jnp.tanh(jnp.tanh(x @ WEIGHTS) @ WEIGHTS.T)
    return jnp.sum((hidden - 0.5) ** 2) + jnp.sum(x**2) + 0.1 * jax.random.normal(key)


def search(algorithm, evaluator, run_dir=None, last=99):
    """Bits of the best genome and of the last population, and its value."""
    import diffevo

    result = diffevo.minimize(
        network,
        BOX,
        algorithm=algorithm,
        population_size=SIZE,
        max_generations=6,
        noisy=True,
        evaluator=evaluator,
        # Only the first process decides: the others would stop at once.
        callback=lambda info: jax.process_index() > 0 or info["generation"] >= last,
        run_dir=run_dir,
        resume=run_dir is not None,
    )
    return found(result)


def exact(evaluator):
    """The same of a search whose values do not depend on how they are rounded."""
    import diffevo
    from tests.evaluators import functions

    is_traced = evaluator == "traceable" or not hasattr(evaluator, "start")
    return found(
        diffevo.minimize(
            functions.exact if is_traced else functions.exact_and_late,
            ([-4.0] * 2, [4.0] * 2),
            algorithm="diffusion_evolution",
            population_size=16,
            budget=64,
            evaluator=evaluator,
        )
    )


def found(result):
    """What is compared of a result."""
    population = np.asarray(result.population)
    return {
        "x": np.asarray(result.x).tobytes().hex(),
        "population": population.tobytes().hex(),
        "fun": result.fun,
        "nit": result.nit,
    }


def main(algorithm, *processes):
    if processes:
        address, num, index = processes
        jax.distributed.initialize(address, int(num), int(index))
    from diffevo.evaluators.sharded import Sharded

    if algorithm == "exact":
        result = exact(Sharded())
    else:
        run_dir, last = os.environ.get("RUN_DIR"), int(os.environ.get("LAST", "99"))
        result = search(algorithm, Sharded(batch_size=4), run_dir, last)
    print(json.dumps(result | {"devices": jax.device_count(), "processes": jax.process_count()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
