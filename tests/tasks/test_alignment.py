"""Misalignment against all pairs in float64, its laws; policies against agents and an optimizer."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.alignment import (
    CASES,
    MEANS,
    MODERATION,
    VEHICLE,
    Policy,
    compromise,
    full_conflict,
    misalignment,
    strain,
)
from tasks.alignment.simulations import expected, populations, primary_shares

PLAIN = {
    "geometric": lambda a, b: np.sqrt(a * b),
    "arithmetic": lambda a, b: (a + b) / 2,
    "harmonic": lambda a, b: 2 * a * b / (a + b) if a + b else 0.0,
    "min": min,
    "max": max,
    "none": lambda a, b: 1.0,
}


def pairs(goals, weights, conflict, mean):
    """Strain of each agent by all pairs, in float64."""
    n = len(goals)
    sums = np.zeros(n)
    for i in range(n):
        for j in range(n):
            if i != j:
                sums[i] += conflict[goals[i], goals[j]] * PLAIN[mean](weights[i], weights[j])
    return sums / (n - 1)


def random_conflict(rng, num_goals, num_areas=1):
    upper = np.triu(rng.uniform(size=(num_areas, num_goals + 1, num_goals + 1)), 1)
    upper[:, 0] = 0
    return upper + np.swapaxes(upper, 1, 2)


@pytest.mark.parametrize("mean", MEANS)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_counting_goals_is_all_pairs(mean, seed):
    size = 9
    rng = np.random.default_rng(seed)
    goals = rng.integers(0, 5, size)
    weights = rng.choice([0.0, 1e-7, 1e-3, 0.3, 1.0, rng.uniform()], size)
    (conflict,) = random_conflict(rng, 4)
    wanted = pairs(goals, weights, conflict, mean)
    found = strain(jnp.asarray(goals), jnp.asarray(weights), jnp.asarray(conflict), mean)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=3e-7)
    whole = misalignment(goals, weights, conflict, mean=mean)
    np.testing.assert_allclose(whole, wanted.mean(), rtol=1e-5, atol=3e-7)


def test_areas_are_averaged_and_may_differ(rng):
    goals, weights = rng.integers(0, 4, (3, 12)), rng.uniform(size=(3, 12))
    conflict = random_conflict(rng, 3, 3)
    single = [
        float(misalignment(g, w, c)) for g, w, c in zip(goals, weights, conflict, strict=True)
    ]
    assert float(misalignment(goals, weights, conflict)) == pytest.approx(np.mean(single), rel=1e-6)
    scaled = misalignment(goals, weights, conflict, rescaled=True)
    assert float(scaled) == pytest.approx(1.5 * np.mean(single), rel=1e-6)


def test_order_of_agents_and_names_of_goals_do_not_matter(rng):
    goals, weights = rng.integers(0, 4, 20), rng.uniform(size=20)
    (conflict,) = random_conflict(rng, 3)
    before = float(misalignment(goals, weights, conflict))
    order, names = rng.permutation(20), np.array([0, 3, 1, 2])
    renamed = np.zeros_like(conflict)
    renamed[np.ix_(names, names)] = conflict
    after = float(misalignment(names[goals][order], weights[order], renamed))
    assert after == pytest.approx(before, rel=1e-5)


@pytest.mark.parametrize("num_goals", [2, 3, 5])
def test_limit_of_equally_held_goals_at_a_hundred_thousand_agents(num_goals):
    goals = 1 + np.random.default_rng(0).integers(0, num_goals, 100_000)
    assert float(misalignment(goals)) == pytest.approx(1 - 1 / num_goals, abs=5e-4)
    # All pairs would be 10^10 numbers: it counts goals instead, or does not fit this machine.
    assert float(misalignment(goals, rescaled=True)) == pytest.approx(1, abs=1e-3)


def test_one_agent_and_none_with_a_goal_are_aligned():
    assert misalignment([2]) == 0
    assert misalignment([0, 0, 0], conflict=full_conflict(2)) == 0
    assert misalignment([1, 2], [0, 1]) == 0


def test_simulated_populations_have_the_expected_mean():
    keys = jax.random.split(jax.random.key(0), 400)
    for shares, weight in ((np.full(3, 1 / 3), 1.0), (primary_shares(0.7, 4, "halving"), 0.5)):
        found = np.asarray(populations(keys, shares, weight, 20, 40, 2)).mean(axis=1)
        error = found.std() / 20
        assert abs(found.mean() - expected(shares, weight)) < 4 * error


def test_fewer_agents_are_a_smaller_population():
    keys = jax.random.split(jax.random.key(0), 50)
    pairs = np.asarray(populations(keys, np.full(3, 1 / 3), 1.0, 2, 40, 5))
    assert set(np.unique(pairs.round(4))) == {0, 1}
    assert np.all(np.asarray(populations(keys, np.full(3, 1 / 3), 1.0, 1, 40, 5)) == 0)


def test_primary_shares():
    np.testing.assert_allclose(primary_shares(0.4, 4), [0.4, 0.2, 0.2, 0.2])
    np.testing.assert_allclose(primary_shares(0.2, 4, "halving"), [0.2, 0.4, 0.2, 0.2])
    np.testing.assert_allclose(primary_shares(0.3, 2, "halving"), [0.3, 0.7])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0],), "goals: expected at least one integer"),
        (([],), "goals"),
        (([1, 3], None, full_conflict(2)), r"goals: expected integers in \[0, 2\].*1 to 3"),
        (([1, 2], [0.5]), r"weights: expected shape \(1, 2\)"),
        (([1, 2], [0.5, 1.5]), r"weights: expected numbers in \[0, 1\], got 0.5 to 1.5"),
        (([1, 2], [0.5, np.nan]), "weights"),
        (([1, 2], None, np.ones((3, 2))), "conflict: expected square"),
        (([1, 2], None, 2 * full_conflict(2)), r"conflict: expected numbers in \[0, 1\]"),
        (([1, 2], None, np.eye(3)), "conflict: expected 0 on the diagonal"),
        (([1, 2], None, 1 - np.eye(3)), "conflict: expected 0 in row 0"),
        (([1, 2], None, np.triu(full_conflict(2))), "conflict: expected symmetric"),
    ],
)
def test_bad_populations_name_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        misalignment(*arguments)


def test_bad_names_and_numbers_are_refused():
    with pytest.raises(ValueError, match=r"mean: expected one of .*'median'"):
        misalignment([1, 2], mean="median")
    with pytest.raises(ValueError, match="rescaled: expected at least 2 goals, got 1"):
        misalignment([1, 1], rescaled=True)
    with pytest.raises(ValueError, match="case: expected one of moderation, vehicle; got 'war'"):
        compromise("war")
    for name, value in (("care", 1.5), ("exponent", 0.5), ("floor", 1.0)):
        with pytest.raises(ValueError, match=f"{name}: expected .*{value}"):
            dataclasses.replace(compromise(), **{name: value})
    for name, value, message in (
        ("sizes", (0.5, 0.5), r"sizes: expected shape \(4,\), got \(2,\)"),
        ("sizes", (0.6, 0.6, 0.1, 0.1), "sizes: expected positive shares"),
        ("weights", ((2.0,) * 3,) * 4, r"weights: expected numbers in \[0, 1\]"),
        ("held", (((0.5,) * 4,) * 3,) * 4, "held: expected shares with a sum of at most 1, got 2"),
        ("goals", (("a",), ("b", "c")), "goals: expected shape"),
        ("machines", 1.0, "machines: expected a share in"),
    ):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(MODERATION, **{name: value})
    with pytest.raises(ValueError, match="primary: expected"):
        primary_shares(1.2, 3)
    with pytest.raises(ValueError, match="num_goals: expected at least 2"):
        primary_shares(0.5, 1)
    with pytest.raises(ValueError, match="rest: expected"):
        primary_shares(0.5, 3, "all")


@pytest.mark.parametrize("case", [MODERATION, VEHICLE])
def test_outcomes_are_those_of_as_many_agents(case):
    """Twenty thousand agents, counted one by one, with the compromise as one more goal."""
    task = compromise(case.name)
    k, num_areas = case.num_goals, len(case.areas)
    rng = np.random.default_rng(1)
    # Shares in hundredths, so that every kind of machine is a whole number of agents.
    shares = rng.multinomial(100, np.full(k + 1, 1 / (k + 1)), size=num_areas) / 100
    blend = rng.dirichlet(np.ones(k), size=num_areas)
    weights = rng.uniform(0.25, 1.0, num_areas)
    policy = Policy(*(jnp.asarray(part[None]) for part in (shares, blend, weights)))
    outcome = task.outcome(policy)

    goals, strengths, conflicts = [], [], []
    half = 10_000
    group_of = np.repeat(
        np.arange(len(case.groups)), np.round(half * np.array(case.sizes)).astype(int)
    )
    for area in range(num_areas):
        conflict = np.zeros((k + 2, k + 2))
        conflict[: k + 1, : k + 1] = case.conflict[area]
        offence = (np.sqrt(case.conflict[area, 1:, 1:]) @ blend[area]) ** 2
        conflict[1 : k + 1, k + 1] = conflict[k + 1, 1 : k + 1] = offence
        conflicts.append(conflict)
        held = []
        for group in range(len(case.groups)):
            members = int(np.sum(group_of == group))
            counts = np.round(members * np.array(case.held[group][area])).astype(int)
            held += [np.repeat(np.arange(1, k + 1), counts), np.zeros(members - counts.sum(), int)]
        machines = np.repeat(np.arange(1, k + 2), np.round(half * shares[area]).astype(int))
        goals.append(np.concatenate([*held, machines]))
        own = np.array(case.weights)[:, area][group_of]
        strengths.append(np.concatenate([own, np.full(half, weights[area])]))
    tables = map(jnp.asarray, (np.array(goals), np.array(strengths), np.array(conflicts)))
    each = jax.vmap(lambda *area: strain(*area[:3]))(*tables)
    each = np.asarray(each).mean(axis=0)
    assert float(outcome.population[0]) == pytest.approx(each.mean(), rel=1e-4)
    for group in range(len(case.groups)):
        mine = each[:half][group_of == group].mean()
        assert float(outcome.groups[0, group]) == pytest.approx(mine, rel=1e-4)


def test_a_pure_blend_is_its_goal():
    task = compromise("vehicle")
    pure = task.pure_policies()
    assert pure.shares.shape == (64, 3, 5)
    blended = pure._replace(shares=jnp.zeros_like(pure.shares).at[..., -1].set(1.0))
    for one, other in zip(task.outcome(pure), task.outcome(blended), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_pure_policies_with_several_weights():
    rows = np.array([[0.5, 0.5, 0.5], [1.0, 0.25, 0.25]])
    policy = compromise().pure_policies(rows)
    assert policy.shares.shape == (128, 3, 5)
    np.testing.assert_array_equal(policy.weights[:2], rows)
    np.testing.assert_array_equal(policy.shares[0], policy.shares[1])


def test_weights_keep_to_floor_and_mean():
    task = compromise()
    weights = task.decode(5 * jax.random.normal(jax.random.key(0), (64, task.num_dims))).weights
    assert weights.min() >= 0.25
    assert weights.max() <= 1
    np.testing.assert_allclose(weights.mean(axis=1), 0.5, rtol=1e-5)


@pytest.mark.parametrize(
    "case",
    [pytest.param(name, marks=pytest.mark.slow if name == "moderation" else ()) for name in CASES],
)
def test_descent_beats_the_best_pure_goal_and_traits_agree(case):
    task = compromise(case, care=0.0)
    pure = task.fitness(task.outcome(task.pure_policies()))
    value = jax.jit(jax.value_and_grad(lambda genome: task(genome[None])[0]))
    found = scipy.optimize.minimize(
        lambda x: [np.asarray(part, float) for part in value(jnp.asarray(x, jnp.float32))],
        np.random.default_rng(0).normal(size=task.num_dims),
        jac=True,
        method="L-BFGS-B",
    )
    assert found.fun < float(pure.min()) - 0.005
    fitness, traits = task.evaluate(jnp.asarray(found.x[None], jnp.float32), jax.random.key(0))
    np.testing.assert_allclose(fitness, traits["population"], rtol=1e-5)
    mixed = (traits["population"] + traits["worst_off"]) / 2
    np.testing.assert_allclose(compromise(case)(jnp.asarray(found.x[None])), mixed, rtol=1e-5)
    favours = [traits[f"favours_{name}"][0] for name in task.case.groups]
    assert sum(favours) == pytest.approx(0, abs=1e-6)
