"""One way to drive any algorithm with init, ask and tell: ours and evosax's."""

import jax
import jax.numpy as jnp

from diffevo.algorithms.registry import ALGORITHMS
from diffevo.denoiser.fit import Training

# What the learned algorithms need to be as quick to test as the others; of which an algorithm gets
# what it has. The contract holds for any setting.
QUICK = {"training": Training(num_epochs=2, batch_size=64), "num_steps": 4}


def make(name, population_size, solution, num_generations, **options):
    """A registered algorithm, small; arguments that it does not have are left out."""
    known = ALGORITHMS[name].__dataclass_fields__
    wanted = {"num_generations": num_generations} | QUICK | options
    return ALGORITHMS[name](
        population_size, solution, **{k: v for k, v in wanted.items() if k in known or k in options}
    )


def sphere(population):
    """|x - 1/2|^2 of every member; `population` is any pytree with a leading axis N."""
    leaves = jax.tree.leaves(population)
    return sum(
        jnp.sum(jnp.square(leaf.astype(jnp.float32) - 0.5).reshape(leaf.shape[0], -1), axis=1)
        for leaf in leaves
    )


def generation(algorithm, fun, key, state, params):
    """Ask, evaluate, tell. Knows nothing about the algorithm but the three signatures."""
    ask_key, tell_key = jax.random.split(key)
    population, state = algorithm.ask(ask_key, state, params)
    return algorithm.tell(tell_key, population, fun(population), state, params)


def start(algorithm, fun, key, params, population=None):
    """The state before generation 0: an evaluated population of unit Gaussians."""
    population_key, init_key = jax.random.split(jax.random.fold_in(key, 0))
    if population is None:
        population = algorithm.sample_population(population_key)
    return algorithm.init(init_key, population, fun(population), params)


def run(algorithm, fun, key, num_generations, params=None, population=None, first=0, state=None):
    """A python loop over generations first .. first + num_generations - 1, in `run`'s own state."""
    params = algorithm.default_params if params is None else params
    if state is None:
        state = start(algorithm, fun, key, params, population)
    metrics = []
    for number in range(first, first + num_generations):
        state, one = generation(algorithm, fun, jax.random.fold_in(key, 1 + number), state, params)
        metrics.append(one)
    return state, metrics


def scan(algorithm, fun, key, num_generations, params=None):
    """The same, compiled as a whole."""
    params = algorithm.default_params if params is None else params

    def step(state, number):
        return generation(algorithm, fun, jax.random.fold_in(key, 1 + number), state, params)

    state = start(algorithm, fun, key, params)
    return jax.lax.scan(step, state, jnp.arange(num_generations))
