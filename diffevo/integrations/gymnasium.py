"""Policies in Gymnasium's environments, a generation side by side; the one file that imports it."""

import functools
import itertools
from collections.abc import Callable
from typing import Any, Self

import jax
import numpy as np

try:
    import gymnasium
    from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv
except ImportError as error:
    raise ImportError(
        "MeanReturn: needs Gymnasium: pip install 'diffevo-jax[gymnasium]'"
    ) from error

from diffevo.algorithms.base import check_int

PyTree = Any

_MODES = {
    "sync": SyncVectorEnv,
    # JAX has threads, so a process must not be forked.
    "async": functools.partial(AsyncVectorEnv, context="spawn"),
}


class MeanReturn:
    """The mean return of each of a population of policies: ``maximize(fun, ..., batched=True)``.

    Every policy plays the same episodes, in each generation again, so that the value depends on
    nothing but the policy. An episode is over when its environment says so, or after ``max_steps``.
    Usable in a with statement, which closes the environments at the end.

    Args:
        environment: Gymnasium's id, or a function that makes one.
        act: a JAX function from (solution, observation), one of each, to an action.
        num_episodes: E, for each policy.
        max_steps: of an episode; None: as many as the environment allows, which has to end then.
        seed: of the episodes.
        num_environments: how many are stepped at a time; None: all N E of a generation.
        mode: "sync", one after the other in this process, or "async", a process each, which imports
            your script anew: guard it by ``if __name__ == "__main__"``.
        **options: for the environment, if it is an id.

    Raises:
        ValueError: an argument does not fit.

    Example:
        >>> import diffevo
        >>> from diffevo.integrations.gymnasium import MeanReturn
        >>> def push(weights, observation):
        ...     return (weights @ observation > 0).astype(int)
        >>> fun = MeanReturn("CartPole-v1", push, max_steps=50)
        >>> bounds = [-1.0] * 4, [1.0] * 4
        >>> diffevo.maximize(fun, bounds, batched=True, budget=64, population_size=16).fun
        50.0
    """

    def __init__(
        self,
        environment: str | Callable[[], Any],
        act: Callable[[PyTree, Any], Any],
        *,
        num_episodes: int = 1,
        max_steps: int | None = None,
        seed: int = 0,
        num_environments: int | None = None,
        mode: str = "sync",
        **options: Any,
    ):
        check_int("num_episodes", num_episodes)
        for name, value in (("max_steps", max_steps), ("num_environments", num_environments)):
            if value is not None:
                check_int(name, value)
        if mode not in _MODES:
            raise ValueError(f"mode: expected one of {list(_MODES)}, got {mode!r}")
        if not callable(act):
            raise ValueError(f"act: expected a function, got {act!r:.80}")
        if isinstance(environment, str):
            self._make = functools.partial(gymnasium.make, environment, **options)
        elif callable(environment) and not options:
            self._make = environment
        else:
            raise ValueError(
                "environment: expected an id, or a function without more arguments, "
                f"got {environment!r:.80} and {options!r:.80}"
            )
        self._act = jax.jit(jax.vmap(act))
        self._seeds = np.random.default_rng(seed).integers(2**31, size=num_episodes).tolist()
        self._max_steps = max_steps
        self._num_environments = num_environments
        self._mode = mode
        self._games: Any = None

    def __call__(self, population: PyTree) -> np.ndarray:
        """The mean return of each policy.

        Args:
            population: leaves with a leading axis N.

        Returns:
            Shape (N,), higher is better.
        """
        policies = jax.tree.map(np.asarray, population)  # no tracer: this cannot be compiled
        num = len(jax.tree.leaves(policies)[0])
        episodes = [(policy, seed) for policy in range(num) for seed in self._seeds]
        size = self._num_environments or len(episodes)
        returns: list[float] = []
        for begin in range(0, len(episodes), size):
            some = episodes[begin : begin + size]
            # The environments left over play an episode that is not counted.
            whole = some + some[-1:] * (size - len(some))
            returns += self._play(policies, whole)[: len(some)].tolist()
        return np.mean(np.reshape(returns, (num, -1)), axis=1)

    def _play(self, policies: PyTree, episodes: list[tuple[int, int]]) -> np.ndarray:
        """The return of each of the pairs of a policy and a seed."""
        who = np.array([policy for policy, _ in episodes])
        players = jax.tree.map(lambda leaf: leaf[who], policies)
        games = self._started(len(episodes))
        observations, _ = games.reset(seed=[seed for _, seed in episodes])
        returns, goes_on = np.zeros(len(episodes)), np.ones(len(episodes), bool)
        steps = itertools.count() if self._max_steps is None else range(self._max_steps)
        for _ in steps:
            actions = jax.tree.map(np.asarray, self._act(players, observations))
            observations, rewards, terminated, truncated, _ = games.step(actions)
            returns += np.where(goes_on, rewards, 0.0)
            # An environment that has ended begins another episode, which is not counted.
            goes_on &= ~(terminated | truncated)
            if not goes_on.any():
                break
        return returns

    def _started(self, num: int) -> Any:
        if self._games is None or self._games.num_envs != num:
            self.close()
            self._games = _MODES[self._mode]([self._make] * num)
        return self._games

    def close(self) -> None:
        """Close the environments; another call opens new ones."""
        if self._games is not None:
            self._games.close()
            self._games = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()
