"""The network of delays: it answers as its events say, learns, and refuses what does not fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks.snn import voting, weightless
from tasks.snn.patterns import Patterns
from tasks.snn.weightless import Memory, Weightless

PATTERNS = Patterns(num_classes=4, num_inputs=20, num_steps=16, jitter=1.0, lost=0.05)
NETWORK = Weightless(20, 8, 16, 16)


def test_patterns():
    times, labels = PATTERNS.draw(jax.random.key(0), 400)
    assert times.shape == (400, 20)
    assert np.bincount(labels).tolist() == [100] * 4
    lost = np.asarray(times) == 16
    assert lost.mean() == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 8000))
    prototypes = np.asarray(PATTERNS.prototypes)
    inside = ~lost & (np.abs(prototypes[labels] - 7.5) < 4)
    away = (np.asarray(times) - prototypes[labels])[inside]
    assert away.std() == pytest.approx(np.sqrt(1 + 1 / 12), abs=0.05)
    for bad in ({"jitter": -1.0}, {"lost": 2.0}, {"num_inputs": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(bad))}: expected"):
            Patterns(**bad)


def test_answer_is_that_of_the_events(rng):
    """Potentials from the times of arrival, in float64, and the first to pass fires."""
    network = NETWORK.replace(neuron=NETWORK.neuron.replace(threshold=3.0))
    times = rng.integers(0, 18, 20)  # 16 and 17: no spike
    delays = rng.uniform(0, 16, (20, 8)).astype(np.float32)
    theta = rng.uniform(0, 1, 8).astype(np.float32)
    said = jax.jit(weightless.answer)(network, Memory(delays, theta), jnp.asarray(times))
    potentials, tau = np.zeros((network.duration, 8)), network.neuron.tau
    for t in range(network.duration):
        for i in range(20):
            for j in range(8):
                arrival = times[i] + int(np.round(delays[i, j]))
                if times[i] < 16 and arrival <= t:
                    potentials[t, j] += np.exp(-(t - arrival) / tau)
    np.testing.assert_allclose(said.margin, potentials.max(axis=0) - 3 - theta, atol=1e-4)
    excess = potentials - 3 - theta
    first = np.argmax((excess >= 0).any(axis=1))
    assert (excess >= 0).any()
    assert int(said.fired.min()) == first
    assert int(np.argmin(said.fired)) == np.argmax(excess[first])


@pytest.mark.slow
def test_delays_alone_learn_patterns():
    key = jax.random.key(0)
    times, labels = PATTERNS.draw(key, 200)
    new_times, new_labels = PATTERNS.draw(jax.random.key(1), 200)
    start = weightless.init(NETWORK, key)
    after = weightless.train(NETWORK, start, times, labels, key, num_epochs=3, num_classes=4)
    found = []
    for memory in (start, after):
        seen, asked = (weightless.answers(NETWORK, memory, t) for t in (times, new_times))
        voters = voting.assign(weightless.nearest(seen), labels, 4)
        said = voting.most_spiked(voters, weightless.nearest(asked))
        found.append(np.mean(np.asarray(said) == np.asarray(new_labels)))
    assert found[1] > 0.8  # 200 samples: standard error .028; chance is .25
    assert found[1] > found[0] + 0.1


def test_learning_moves_the_winner_towards_its_spike():
    memory = weightless.init(NETWORK, jax.random.key(2))
    times = PATTERNS.prototypes[0]
    said = weightless.answer(NETWORK, memory, times)
    after = weightless.learn(NETWORK, memory, times, 0, 4)
    winner = int(np.argmax(said.margin))
    moved = np.abs(np.asarray(after.delays - memory.delays)).sum(axis=0)
    assert moved[winner] > 0
    assert np.all(np.delete(moved, winner) == 0)
    before, now = (
        np.std(np.asarray(times) + np.asarray(m.delays)[:, winner]) for m in (memory, after)
    )
    assert now < before  # arrivals draw together
    assert after.theta[winner] > 0
    backwards = weightless.learn(
        NETWORK.replace(teach="reward"), memory, times, (winner + 1) % 4, 4
    )
    change = np.asarray(backwards.delays - memory.delays)[:, winner]
    kept = (np.asarray(backwards.delays)[:, winner] > 0) & (
        np.asarray(backwards.delays)[:, winner] < 16
    )
    np.testing.assert_allclose(
        change[kept], -0.3 * np.asarray(after.delays - memory.delays)[:, winner][kept], atol=1e-4
    )


def test_learning_keeps_the_mean_delay():
    """Else delays drift to the longest: a neuron fires after most of its inputs have arrived."""
    key = jax.random.key(3)
    memory = weightless.init(NETWORK, key)._replace(delays=jnp.full((20, 8), 8.0))
    network = NETWORK.replace(rate=0.05)  # far from both ends, where clipping would move it
    times = PATTERNS.prototypes.at[0, :5].set(16)  # five inputs are silent
    after = weightless.train(network, memory, times, jnp.arange(4), key, num_classes=4)
    assert np.abs(np.asarray(after.delays) - 8).max() > 0.05
    np.testing.assert_allclose(np.mean(after.delays, axis=0), 8.0, atol=1e-4)


def test_a_teacher_lets_the_class_alone_learn():
    memory = weightless.init(NETWORK, jax.random.key(2))
    taught = NETWORK.replace(teach="teacher")
    after = weightless.learn(taught, memory, PATTERNS.prototypes[0], 3, 4)
    moved = np.abs(np.asarray(after.delays - memory.delays)).sum(axis=0)
    assert moved[[3, 7]].sum() > 0
    assert moved[[0, 1, 2, 4, 5, 6]].sum() == 0


def test_class_best():
    values = jnp.array([[1.0, 5.0, 2.0, 3.0, 4.0]])
    np.testing.assert_array_equal(weightless.class_best(values, 3), [[3.0, 5.0, 2.0]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"delays": np.full((20, 8), 17.0)}, r"delays: expected steps in \[0, 16\]"),
        ({"delays": np.zeros((20, 7))}, r"delays: expected shape \(20, 8\), got \(20, 7\)"),
        ({"times": np.zeros((3, 19))}, r"times: expected shape \(n, 20\), got \(3, 19\)"),
    ],
)
def test_bad_input(change, message):
    given = {"delays": np.zeros((20, 8)), "times": np.zeros((3, 20))} | change
    with pytest.raises(ValueError, match=message):
        weightless.answers(NETWORK, Memory(given["delays"], np.zeros(8)), given["times"])
    with pytest.raises(ValueError, match="teach: expected one of"):
        Weightless(3, 3, teach="me")
