"""The BBOB adapter: against evosax itself, and against the definitions of RR-6829 in float64."""

import importlib
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

problems = pytest.importorskip("evosax.problems")

from tasks.functions import BBOB, BBOB_FUNCTIONS, bbob  # noqa: E402
from tasks.functions.bbob import Instance, draw_instance, evaluate  # noqa: E402

N = 32
TAU = 2 * np.pi
GALLAGHER = ("gallagher_101_me", "gallagher_21_hi")


def oscillate(x):
    log = np.log(np.abs(x), where=x != 0, out=np.zeros_like(x))
    c1, c2 = np.where(x > 0, 10, 5.5), np.where(x > 0, 7.9, 3.1)
    return np.sign(x) * np.exp(log + 0.049 * (np.sin(c1 * log) + np.sin(c2 * log)))


def skew(x, beta):
    ramp = np.linspace(0, 1, x.shape[1])
    positive = np.maximum(x, 0)
    return np.where(x > 0, positive ** (1 + beta * ramp * np.sqrt(positive)), x)


def stretch(x, alpha):
    return x * np.sqrt(alpha) ** np.linspace(0, 1, x.shape[1])


def penalty(x):
    return np.sum(np.maximum(0, np.abs(x) - 5) ** 2, axis=1)


def rastrigin(z):
    return np.sum(10 - 10 * np.cos(TAU * z) + z**2, axis=1)


def rosenbrock_terms(z):
    return 100 * (z[:, :-1] ** 2 - z[:, 1:]) ** 2 + (z[:, :-1] - 1) ** 2


def definition(function, x, x_opt, R, Q):
    """RR-6829 in float64, (N, D) -> (N,); where evosax departs from it, as noted in BBOB."""
    D = x.shape[1]
    ramp = np.linspace(0, 1, D)
    signs = np.where(x_opt > 0, 1.0, -1.0)
    rotated = (x - x_opt) @ R.T
    scale = max(1, np.sqrt(D) / 8)
    match function:
        case "sphere":
            return np.sum((x - x_opt) ** 2, axis=1)
        case "ellipsoidal":
            return oscillate(x - x_opt) ** 2 @ 10 ** (6 * ramp)
        case "rastrigin":
            return rastrigin(stretch(skew(oscillate(x - x_opt), 0.2), 10))
        case "bueche_rastrigin":
            z = oscillate(x - x_opt)
            odd = np.arange(D) % 2 == 1  # the definition: even, counted from 0
            z = stretch(np.where((z > 0) & odd, 10 * z, z), 10)
            return rastrigin(z) + 100 * penalty(x)
        case "linear_slope":
            slope = signs * 10**ramp
            z = np.where(x * signs * 5 < 25, x, 5 * signs)
            return np.sum(5 * np.abs(slope) - slope * z, axis=1)
        case "attractive_sector":
            z = stretch(rotated, 10) @ Q.T
            z = np.where(z * x_opt > 0, 100 * z, z)
            return oscillate(np.sum(z**2, axis=1)) ** 0.9
        case "step_ellipsoidal":
            z_hat = stretch(rotated, 10)
            fine = np.floor(0.5 + 10 * z_hat) / 10
            z = np.where(np.abs(z_hat) > 0.5, np.floor(0.5 + z_hat), fine) @ Q.T
            core = 100 * (z**2 @ 100**ramp)  # the definition: without the factor 100
            return 0.1 * np.maximum(np.abs(z_hat[:, 0]) / 1e4, core) + penalty(x)
        case "rosenbrock":
            return rosenbrock_terms(scale * (x - x_opt) + 1).sum(axis=1)
        case "rosenbrock_rotated":
            return rosenbrock_terms(scale * x @ R.T + 0.5).sum(axis=1)
        case "ellipsoidal_rotated":
            return oscillate(rotated) ** 2 @ 10 ** (6 * ramp)
        case "discus":
            return oscillate(rotated) ** 2 @ np.r_[1e6, np.ones(D - 1)]
        case "bent_cigar":
            return (skew(rotated, 0.5) @ R.T) ** 2 @ np.r_[1, np.full(D - 1, 1e6)]
        case "sharp_ridge":
            z = stretch(rotated, 10) @ Q.T
            return z[:, 0] ** 2 + 100 * np.linalg.norm(z[:, 1:], axis=1)
        case "different_powers":
            return np.sqrt(np.sum(np.abs(rotated) ** (2 + 4 * ramp), axis=1))
        case "rastrigin_rotated":
            return rastrigin(stretch(skew(oscillate(rotated), 0.2) @ Q.T, 10) @ R.T)
        case "weierstrass":
            z = stretch(oscillate(rotated) @ Q.T, 0.01) @ R.T
            half, three = 0.5 ** np.arange(12), 3.0 ** np.arange(12)
            waves = np.cos(TAU * (z[..., None] + 0.5) * three) @ half
            floor = np.cos(np.pi * three) @ half
            return 10 * (waves.mean(axis=1) - floor) ** 3 + 10 / D * penalty(x)
        case "schaffers_f7" | "schaffers_f7_ill_cond":
            z = stretch(skew(rotated, 0.5) @ Q.T, 1000 if function.endswith("cond") else 10)
            s = np.hypot(z[:, :-1], z[:, 1:])
            waves = np.sqrt(s) * (1 + np.sin(50 * s**0.2) ** 2)
            return waves.mean(axis=1) ** 2 + 10 * penalty(x)
        case "griewank_rosenbrock":
            s = rosenbrock_terms(scale * x @ R.T + 0.5)
            return 10 * (s / 4000 - np.cos(s)).mean(axis=1) + 10
        case "schwefel":
            best = 4.2096874633
            z = 2 * signs * x
            z[:, 1:] += 0.25 * (z[:, :-1] - best)
            z = 100 * (stretch(z - best, 10) + best)
            waves = (z * np.sin(np.sqrt(np.abs(z)))).mean(axis=1)
            return 4.189828872724339 - waves / 100 + 100 * penalty(z / 100)
        case "katsuura":
            z = stretch(rotated, 100) @ Q.T
            powers = 2.0 ** np.arange(1, 31)  # the definition: to 32
            jags = np.sum(
                np.abs(z[..., None] * powers - np.rint(z[..., None] * powers)) / powers, 2
            )
            product = np.prod(1 + np.arange(1, D + 1) * jags, axis=1)
            return 10 / D**2 * (product ** (10 / D**1.2) - 1) + penalty(x)
        case "lunacek":
            mu, s = 2.5, 1 - 1 / (2 * np.sqrt(D + 20) - 8.2)
            x_hat = 2 * signs * x
            near = np.sum((x_hat - mu) ** 2, axis=1)
            far = D + s * np.sum((x_hat + np.sqrt((mu**2 - 1) / s)) ** 2, axis=1)
            z = stretch((x_hat - mu) @ R.T, 100) @ Q.T
            waves = 10 * np.sum(1 - np.cos(TAU * z), axis=1)
            return np.minimum(near, far) + waves + 1e4 * penalty(x)
    raise AssertionError(function)


# Relative tolerance where float32 cannot do better: cosines of large arguments.
ROUNDING = {"weierstrass": 2e-2, "griewank_rosenbrock": 2e-2, "katsuura": 2e-3}


@pytest.mark.parametrize("function", [f for f in BBOB_FUNCTIONS if f not in GALLAGHER])
def test_is_the_definition(function):
    num_dims = 5
    task = bbob(function, num_dims, seed=7)
    x_opt, R, Q = (np.asarray(a, dtype=np.float64) for a in draw_instance(num_dims, 7))
    genomes = np.random.default_rng(3).normal(size=(N, num_dims)).astype(np.float32)
    genomes *= np.where(np.arange(N) % 2, 0.3, 1.2)[:, None].astype(np.float32)  # in and outside
    expected = definition(function, 5 * genomes.astype(np.float64), x_opt, R, Q)
    rtol = ROUNDING.get(function, 1e-3)
    np.testing.assert_allclose(task(jnp.asarray(genomes)), expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("function", GALLAGHER)
def test_gallagher_near_its_highest_peak(function):
    # In two dimensions the peak's axes come in one of two orders, which evosax draws.
    task = bbob(function, 2)
    _, R, _ = (np.asarray(a, dtype=np.float64) for a in draw_instance(2, 0))
    offsets = np.random.default_rng(4).normal(size=(N, 2)) * 0.02
    x = np.asarray(task.optima, dtype=np.float64) + offsets
    alpha = 1000.0 if function == "gallagher_101_me" else 1e6
    axes = alpha ** np.array([-0.25, 0.25])
    candidates = []
    for order in itertools.permutations(axes):
        exponent = ((offsets @ R.T) ** 2) @ np.array(order) / (2 * 2)
        candidates.append(oscillate(10 - 10 * np.exp(-exponent)) ** 2)
    fitness = np.asarray(task(jnp.asarray(x / 5, dtype=jnp.float32)))
    assert any(np.allclose(fitness, c, rtol=1e-2, atol=1e-6) for c in candidates)


def test_names_are_evosax_names():
    assert tuple(problems.bbob_fns) == BBOB_FUNCTIONS


def test_seeds_are_instances():
    genomes = jnp.ones((N, 2))
    assert bbob("sphere", 2, 0) != bbob("sphere", 2, 1)
    assert not np.allclose(bbob("sphere", 2, 0)(genomes), bbob("sphere", 2, 1)(genomes))
    np.testing.assert_array_equal(bbob("sphere", 2, 1)(genomes), BBOB("sphere", 2, 1)(genomes))


@pytest.mark.parametrize("num_dims", [2, 9])
def test_instances_are_shifts_in_the_box_and_rotations(num_dims):
    instance = draw_instance(num_dims, 4)
    assert np.abs(instance.x_opt).max() <= 4
    for matrix in (instance.R, instance.Q):
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(num_dims), atol=1e-6)
        assert np.linalg.det(matrix) == pytest.approx(1, abs=1e-5)
    assert not np.allclose(instance.R, instance.Q)


def test_gallagher_seeds_move_the_lesser_peaks():
    task = bbob("gallagher_21_hi", 2, seed=0)
    genomes = np.random.default_rng(5).uniform(-1, 1, size=(N, 2)).astype(np.float32)
    x_opt, R, _ = draw_instance(2, 0)
    first, second = (  # one shift, one rotation, two seeds
        evaluate(task.function, Instance(x_opt, R, np.full_like(R, seed)), 5 * genomes)
        for seed in (0, 1)
    )
    np.testing.assert_allclose(first, task(jnp.asarray(genomes)), rtol=1e-5)
    assert not np.allclose(first, second, rtol=0.1)


def test_runs_inside_scan_and_vmap():
    task = bbob("rosenbrock_rotated", 2, seed=5)

    def body(best, genomes):
        return jnp.minimum(best, task(genomes).min()), None

    optimum = jnp.broadcast_to(task.optima / 5, (N, 2))
    runs = jnp.stack([jnp.stack([optimum * 0, optimum]), jnp.stack([optimum, optimum * 0])])
    best = jax.jit(jax.vmap(lambda run: jax.lax.scan(body, jnp.inf, run)[0]))(runs)
    np.testing.assert_allclose(best, 0, atol=1e-4)


def test_runs_under_strict_promotion():
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        assert bbob("discus", 2, seed=9)(jnp.ones((N, 2))).shape == (N,)


def test_far_outside_is_the_worst_value():
    fitness = bbob("lunacek", 2)(jnp.full((N, 2), 1e30, dtype=jnp.float32))
    np.testing.assert_array_equal(fitness, np.inf)


def test_bad_arguments_name_argument_expected_and_got():
    with pytest.raises(ValueError, match=r"function: expected one of .*'sphere'.*got 'cube'"):
        bbob("cube")
    with pytest.raises(ValueError, match="num_dims: expected at least 2, got 1"):
        bbob("sphere", 1)
    with pytest.raises(ValueError, match="seed: expected at least 0, got -1"):
        bbob("sphere", 2, -1)


def test_without_evosax_the_install_command_is_named(monkeypatch):
    def missing(name, *args):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r'pip install "diffevo-jax\[experiments\]"'):
        bbob("sphere")
