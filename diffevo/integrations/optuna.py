"""A sampler for Optuna; the one file of the library that imports it.

The study's trials are the memory of the search. A trial's system attributes say which member of
which generation it evaluates, and the first trial of a search also what determines the search. So
a study that is resumed, by another process or another sampler of the same settings, goes on where
it was: generations that are over are told again from the trials.
"""

import math
import threading
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

try:
    from optuna.distributions import (
        BaseDistribution,
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
        distribution_to_json,
    )
    from optuna.samplers import BaseSampler, RandomSampler
    from optuna.study import Study, StudyDirection
    from optuna.trial import FrozenTrial, TrialState
except ImportError as error:
    raise ImportError("DiffEvoSampler: needs Optuna: pip install 'diffevo-jax[optuna]'") from error

from diffevo.optimizer import Optimizer
from diffevo.space import Choice, Integer, Real, SearchSpace

_SEARCH, _MEMBER = "diffevo:search", "diffevo:member"
_NO_MEMBER = -1, -1, -1  # of search, generation and member
# Beyond so many values an `Integer` may not do, and real numbers that are rounded do as well.
_MOST_VALUES = 2**17


class DiffEvoSampler(BaseSampler):
    """Samples trials by a search of diffevo.

    The search is over the parameters that all completed trials share. Others (those of a branch
    that not every trial takes), and all parameters of the first trial, are drawn by the
    independent sampler. When it turns out that fewer parameters are shared, a new search begins
    with the best trials so far.

    A failed trial, and a pruned one that reported nothing, are failed members; a pruned one counts
    with the last value that it reported. Parameters that were set by hand (``enqueue_trial``) take
    a member's place. Trials that are asked for while the rest of their generation runs repeat a
    running one: with ``n_jobs`` take a population size that is a multiple of it, and by ask and
    tell ask for at most a population at once.

    Args:
        algorithm: "auto", or a registered name.
        population_size: N; None: what the algorithm does best with.
        budget: trials that are planned, if known: a schedule is made for so many.
        seed: None: another one each time. A search that is resumed keeps its own.
        independent_sampler: for what is not searched; None: a random one.

    Raises:
        ValueError: an argument does not fit; when sampling, the study has several objectives or a
            parameter's range does not fit into float32.

    Example:
        >>> import optuna
        >>> from diffevo.integrations.optuna import DiffEvoSampler
        >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
        >>> sampler = DiffEvoSampler(algorithm="diffusion_evolution", population_size=16, seed=0)
        >>> study = optuna.create_study(sampler=sampler)
        >>> study.optimize(lambda trial: trial.suggest_float("x", -4, 4) ** 2, n_trials=80)
        >>> study.best_value < 1e-2
        True
    """

    def __init__(
        self,
        *,
        algorithm: str = "auto",
        population_size: int | None = None,
        budget: int | None = None,
        seed: int | None = None,
        independent_sampler: BaseSampler | None = None,
    ):
        if not isinstance(algorithm, str):
            raise ValueError(f"algorithm: expected a name, got {algorithm!r:.80}")
        if independent_sampler is not None and not isinstance(independent_sampler, BaseSampler):
            raise ValueError(
                f"independent_sampler: expected a sampler or None, got {independent_sampler!r:.80}"
            )
        options = {"algorithm": algorithm, "population_size": population_size, "budget": budget}
        # In any space, so that what does not fit is said here and not in the second trial.
        Optimizer(([0.0], [1.0]), seed=0 if seed is None else seed, **options)
        self._options = options
        self._seed = seed
        self._independent = independent_sampler or RandomSampler(seed=seed)
        self._forget()

    def _forget(self) -> None:
        """Know nothing of any study."""
        self._lock = threading.RLock()
        self._study_name: str | None = None
        self._search: _Search | None = None
        # What the completed trials share, and the first trial that may still change it.
        self._shared: dict[str, BaseDistribution] | None = None
        self._open = 0

    def __getstate__(self) -> dict[str, Any]:
        """All but what is in the study."""
        return {name: getattr(self, name) for name in ("_options", "_seed", "_independent")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self._forget()

    def reseed_rng(self) -> None:
        """See Optuna's `BaseSampler`; the search keeps its seed."""
        self._independent.reseed_rng()

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """See Optuna's `BaseSampler`."""
        self._independent.before_trial(study, trial)
        if "fixed_params" in trial.system_attrs:
            # It may never ask for a parameter, and is to be part of the search all the same.
            self.sample_relative(study, trial, self.infer_relative_search_space(study, trial))

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """See Optuna's `BaseSampler`."""
        self._independent.after_trial(study, trial, state, values)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """See Optuna's `BaseSampler`."""
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The parameters that all completed trials share, in alphabetical order.

        Raises:
            ValueError: the study has several objectives.
        """
        if len(study.directions) > 1:
            raise ValueError(
                f"study: expected one objective for DiffEvoSampler, got {len(study.directions)}"
            )
        with self._lock:
            if self._study_name != study.study_name:
                self._forget()
                self._study_name = study.study_name
            trials = _trials(study)
            for one in trials[self._open :]:
                if one.state == TrialState.COMPLETE:
                    known = one.distributions if self._shared is None else self._shared
                    self._shared = {
                        name: distribution
                        for name, distribution in sorted(known.items())
                        if one.distributions.get(name) == distribution
                    }
            rest = trials[self._open :]
            self._open = next((t.number for t in rest if not t.state.is_finished()), len(trials))
            shared = self._shared or {}
            return {name: one for name, one in shared.items() if not one.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The parameters of the member that the trial is to evaluate; see Optuna's `BaseSampler`.

        Raises:
            ValueError: a parameter's range does not fit into float32.
        """
        if not search_space:
            return {}
        with self._lock:
            trials = _trials(study)
            search = self._search_over(search_space, study, trial, trials)
            search.take_in(trials)
            member = search.member_for(trial.number, trials)
            study._storage.set_trial_system_attr(
                trial._trial_id, _MEMBER, [search.first, search.generation, member]
            )
            return search.parameters(member)

    def _search_over(
        self,
        space: dict[str, BaseDistribution],
        study: Study,
        trial: FrozenTrial,
        trials: list[FrozenTrial],
    ) -> "_Search":
        """The search over a space: the one at hand, one that the study knows, or a new one."""
        described = {name: distribution_to_json(one) for name, one in space.items()}
        settings = self._options | {"space": described}
        if self._search is not None and self._search.settings == settings:
            return self._search
        maximize = study.direction == StudyDirection.MAXIMIZE
        for one in trials:
            record = one.system_attrs.get(_SEARCH)
            if record is not None and record["settings"] == settings:
                self._search = _Search(space, maximize, record, trials)
                return self._search
        seed = self._seed
        if seed is None:
            seed = int(np.random.default_rng().integers(2**31))
        done = [one for one in trials if one.state == TrialState.COMPLETE]
        sign = -1.0 if maximize else 1.0
        best = sorted(done, key=lambda one: sign * _value(one))
        record = {
            "settings": settings,
            "first": trial.number,
            "seed": seed,
            "known": [one.number for one in best[: self._size(space)]],
        }
        study._storage.set_trial_system_attr(trial._trial_id, _SEARCH, record)
        self._search = _Search(space, maximize, record, trials)
        return self._search

    def _size(self, space: dict[str, BaseDistribution]) -> int:
        return Optimizer(space=_search_space(space), **self._options).population_size


class _Search:
    """A search over a space, as far as the study's trials say.

    Args:
        space: not empty.
        maximize: whether the study does.
        record: what the search's first trial remembers of it.
        trials: of the study.

    Attributes:
        settings: what determines it.
        first: number of its first trial.
        generation: whose members are being evaluated.
    """

    def __init__(
        self,
        space: dict[str, BaseDistribution],
        maximize: bool,
        record: dict[str, Any],
        trials: list[FrozenTrial],
    ):
        self.settings: dict[str, Any] = record["settings"]
        self.first: int = record["first"]
        self._space = space
        options = {name: self.settings[name] for name in self.settings if name != "space"}
        self._optimizer = Optimizer(
            space=_search_space(space),
            maximize=maximize,
            seed=jax.random.fold_in(jax.random.key(record["seed"]), self.first),
            **options,
        )
        for number in record["known"]:
            solution = self._solution(trials[number], {})
            if solution is not None:
                self._optimizer.suggest(solution, _value(trials[number]))
        self._begin = self.first  # no trial before it is of this generation
        self._ask()

    def _ask(self) -> None:
        self._asked: list[dict[str, Any]] = self._optimizer.ask()
        self.generation = self._optimizer.generation + 1

    def take_in(self, trials: list[FrozenTrial]) -> None:
        """Tell the generations that are over."""
        while True:
            chosen = []
            for tried in self._by_member(trials):
                good = [trial for trial in tried if not math.isnan(_value(trial))]
                if not good and not (tried and all(trial.state.is_finished() for trial in tried)):
                    return
                chosen.append((good or tried)[0])
            xs, values = [], []
            for trial, asked in zip(chosen, self._asked, strict=True):
                solution = self._solution(trial, asked)
                xs.append(asked if solution is None else solution)
                values.append(None if solution is None else _value(trial))
            self._optimizer.tell(xs, values)
            self._ask()
            self._begin = self._first_of_generation(trials)

    def member_for(self, number: int, trials: list[FrozenTrial]) -> int:
        """Which member a trial is to evaluate: its own if it has one, else the one tried least."""
        by_member = self._by_member(trials)
        for member, tried in enumerate(by_member):
            if any(trial.number == number for trial in tried):
                return member
        pending = [
            (len(tried), member)
            for member, tried in enumerate(by_member)
            if all(math.isnan(_value(trial)) for trial in tried)
        ]
        return min(pending)[1]

    def parameters(self, member: int) -> dict[str, Any]:
        """What the study calls a member."""
        asked = self._asked[member]
        return {name: _to_study(one, asked[name]) for name, one in self._space.items()}

    def _first_of_generation(self, trials: list[FrozenTrial]) -> int:
        """Number of the first trial that may belong to this generation or a later one."""
        for trial in trials[self._begin :]:
            search, generation, _ = trial.system_attrs.get(_MEMBER, _NO_MEMBER)
            is_later = search == self.first and generation >= self.generation
            if is_later or not trial.state.is_finished():
                return trial.number
        return len(trials)

    def _by_member(self, trials: list[FrozenTrial]) -> list[list[FrozenTrial]]:
        """The trials of each member of this generation."""
        tried: list[list[FrozenTrial]] = [[] for _ in self._asked]
        for trial in trials[self._begin :]:
            search, generation, member = trial.system_attrs.get(_MEMBER, _NO_MEMBER)
            if (search, generation) == (self.first, self.generation):
                tried[member].append(trial)
        return tried

    def _solution(self, trial: FrozenTrial, asked: dict[str, Any]) -> dict[str, Any] | None:
        """What a trial evaluated, as a solution; None if it lies outside the space.

        A trial that ended before it took all its parameters has the others as asked.
        """
        try:
            solution = asked | {
                name: _from_study(one, trial.params[name])
                for name, one in self._space.items()
                if name in trial.params
            }
            if solution != asked:
                self._optimizer.space.encode(solution)
        except ValueError:
            return None
        return solution


def _trials(study: Study) -> list[FrozenTrial]:
    """All trials by number; under Hyperband, a study given to a sampler shows only some."""
    return study._storage.get_all_trials(study._study_id, deepcopy=False)


def _value(trial: FrozenTrial) -> float:
    """A trial's value, of a pruned one the last it reported; NaN: none, or none yet."""
    return math.nan if trial.value is None else trial.value


def _search_space(space: dict[str, BaseDistribution]) -> SearchSpace:
    return SearchSpace({name: _leaf(distribution) for name, distribution in space.items()})


def _leaf(distribution: BaseDistribution) -> Real | Integer | Choice:
    """What a parameter is in a `SearchSpace`: with steps the number of steps from its low end."""
    if isinstance(distribution, CategoricalDistribution):
        return Choice(range(len(distribution.choices)))
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high = distribution.low, distribution.high
    if distribution.step is None:
        return Real(low, high, log=distribution.log)
    if not distribution.log:
        low, high = 0, round((high - low) / distribution.step)
    if high <= _MOST_VALUES:
        return Integer(low, high, log=distribution.log)
    return Real(low - 0.5, high + 0.5, log=distribution.log)


def _to_study(distribution: BaseDistribution, value: Any) -> Any:
    """The study's value of a solution's."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[value]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    if distribution.step is None:
        return value
    value = round(value)
    if not distribution.log:
        value = distribution.low + value * distribution.step
    return min(max(value, distribution.low), distribution.high)


def _from_study(distribution: BaseDistribution, value: Any) -> Any:
    """A solution's value of the study's.

    Raises:
        ValueError: it is none of a parameter's choices.
    """
    if isinstance(distribution, CategoricalDistribution):
        return int(distribution.to_internal_repr(value))
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    if distribution.step is None or distribution.log:
        return value
    return round((value - distribution.low) / distribution.step)
