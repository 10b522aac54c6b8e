"""One search with the sharded evaluator, for processes: prints what the tests compare.

python -m tests.evaluators.sharded_search ALGORITHM [ADDRESS NUM_PROCESSES PROCESS]
"""

import json
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


def search(algorithm, evaluator):
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
        callback=lambda info: jax.process_index() > 0,
    )
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

    found = search(algorithm, Sharded(batch_size=4))
    print(json.dumps(found | {"devices": jax.device_count(), "processes": jax.process_count()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
