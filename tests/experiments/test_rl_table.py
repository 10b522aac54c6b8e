"""The parts of the control table that its toy run does not check."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo.core.posterior import estimate_x0
from experiments.common.chunks import repetition_keys
from experiments.rl_table import evolve, methods, reference, report
from experiments.rl_table.authors import FLOOR, Floored
from experiments.rl_table.config import ENVIRONMENTS, SMOKE, Config
from experiments.rl_table.games import Games


@pytest.mark.parametrize(("num_dims", "latent"), [(2, None), (58, None), (58, 2)])
def test_the_authors_estimator(num_dims, latent, rng):
    genomes = rng.normal(size=(40, num_dims))
    log_weights = -rng.uniform(0, 40, 40)
    log_weights -= log_weights.max()
    z = genomes if latent is None else genomes @ rng.normal(size=(num_dims, latent)) / num_dims**0.5
    alpha = 0.3
    distances = ((z[:, None] - np.sqrt(alpha) * z[None]) ** 2).sum(axis=2)
    kernel = np.exp(-distances / (2 * (1 - alpha)))
    weights = (np.exp(log_weights) + FLOOR) * (kernel + FLOOR)
    expected = weights @ genomes / weights.sum(axis=1, keepdims=True)
    options = {} if latent is None else {"latent": jnp.asarray(z, jnp.float32)}
    found = Floored().estimate(
        jnp.asarray(genomes, jnp.float32), jnp.asarray(log_weights, jnp.float32), alpha, **options
    )
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-4)
    sound = estimate_x0(
        jnp.asarray(genomes, jnp.float32), jnp.asarray(log_weights, jnp.float32), alpha, **options
    )
    # The floor matters in 58 dimensions and in none of the others.
    assert (np.abs(found - sound).max() > 0.1) == (num_dims == 58 and latent is None)


def test_every_published_cell_is_there():
    scalings = {Config().scaling, *Config().side_scalings}
    assert set(reference.RETURNS) == set(ENVIRONMENTS)
    assert set(reference.SUCCESS) == set(ENVIRONMENTS) - {"pendulum"}
    for table in (reference.RETURNS, reference.SUCCESS):
        for rows in table.values():
            assert set(rows) == scalings
            assert all(len(row) == len(reference.METHODS) for row in rows.values())


def test_a_deviation_is_in_standard_errors():
    cell = {"environment": "cartpole", "method": "raw", "scaling": 10.0, "mean": 478.71 + 3.0}
    cell["runs"] = {"n": 100, "sd": 15.0}
    assert report.deviation(cell) == pytest.approx(3.0 / (15.0 * np.sqrt(0.02)))
    assert report.deviation(cell | {"method": "raw, no floor"}) is None


def test_games_are_the_tasks_whatever_their_number(monkeypatch):
    games = Games.of("cartpole", (2,), 10.0, 30)
    assert games.task.num_dims == 16
    monkeypatch.setattr("experiments.rl_table.games._MOST_ROWS", 4)
    genomes = np.random.default_rng(0).normal(size=(6, 16)).astype(np.float32)
    key = jax.random.key(3)
    played = games(genomes, key)
    parts = [genomes[:4], genomes[[4, 5, 0, 1]]]
    expected = np.concatenate(
        [
            -games.task.evaluate(10.0 * jnp.asarray(part), jax.random.fold_in(key, number))[0]
            for number, part in enumerate(parts)
        ]
    )
    np.testing.assert_array_equal(played.returns, expected[:6])
    assert set(played.success) <= {0.0, 1.0}
    np.testing.assert_array_equal(played.success, played.returns == 30)


def _generation(returns, named=None):
    returns = np.asarray(returns, float)
    genomes = returns[..., None] * np.ones(3)
    return evolve.Generation(genomes, returns, np.zeros_like(returns), named)


def test_the_best_of_the_last_evaluated():
    recent = evolve.Recent(4)
    recent.add(_generation([[9.0, 9.5]]))  # forgotten
    recent.add(_generation([[1.0, 2.0]]))
    recent.add(_generation([[4.0, 3.0]]))
    np.testing.assert_array_equal(recent.best(3)[0, :, 0], [4.0, 3.0, 2.0])
    recent.add(_generation([[0.0, 5.0]], named=np.full((1, 2, 3), -7.0)))
    np.testing.assert_array_equal(recent.best(3)[0, :, 0], [-7.0, 5.0, 4.0])
    np.testing.assert_array_equal(recent.best(4)[0, :, 0], [-7.0, -7.0, 5.0, 4.0])
    np.testing.assert_array_equal(recent.best(1)[0, :, 0], [-7.0])


class _Line:
    """Games on a line: the return is minus the squared distance of the genome from 2."""

    def __call__(self, genomes, key):
        del key
        returns = -np.sum((np.asarray(genomes) - 2.0) ** 2, axis=1)
        return returns, np.zeros_like(returns)


@pytest.mark.parametrize("name", ["pycma", "cma_es", "niching", "latent_paper"])
def test_runs_are_apart_and_improve(name):
    config = dataclasses.replace(SMOKE, generations=8, population_size=32, temperature=5.0)
    method = methods.FAIR[name](config, 3)
    keys = repetition_keys(0, 2)
    seen = []
    evolve.evolve(method, _Line(), keys, 8, lambda number, one: seen.append((number, one)))
    assert [number for number, _ in seen] == list(range(8))
    means = np.stack([one.returns.mean(axis=1) for _, one in seen])
    assert np.all(means[-1] > means[0] + 2.0)
    first = seen[0][1].genomes
    assert first.shape == (2, method.population_size, 3)
    assert not np.allclose(first[0], first[1])
    has_answer = name != "latent_paper"
    assert all((one.named is not None) == has_answer for _, one in seen)
    if has_answer:
        distances = [np.linalg.norm(one.named[:, 0] - 2.0, axis=1) for _, one in seen]
        assert np.all(distances[-1] < distances[0])


def test_populations_are_the_methods_own():
    config = Config()
    sizes = {name: make(config, 58).population_size for name, make in methods.FAIR.items()}
    assert sizes["cma_es"] == sizes["pycma"] == sizes["niching"] == 16
    assert all(sizes[name] == 256 for name in ("diffusion", "latent", "hades"))
    assert all(sizes[name] == 64 for name in ("open_es", "pgpe", "simple_ga"))
