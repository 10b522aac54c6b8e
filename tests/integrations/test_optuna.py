"""The sampler for Optuna: spaces, order of completion, failures, pruning, resumed studies."""

import collections
import math
import pickle
import warnings

import numpy as np
import pytest

pytest.importorskip("optuna")
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import TrialState

from diffevo.integrations import optuna as integration
from diffevo.integrations.optuna import DiffEvoSampler

SIZE = 8
MEMBER, SEARCH = "diffevo:member", "diffevo:search"
SPACE = {"x": FloatDistribution(-4.0, 4.0), "y": FloatDistribution(-4.0, 4.0)}


@pytest.fixture(autouse=True)
def quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    yield
    optuna.logging.set_verbosity(before)


def make(seed=0, **options):
    options = {
        "algorithm": "diffusion_evolution",
        "population_size": SIZE,
        "budget": 96,
    } | options
    return DiffEvoSampler(seed=seed, **options)


def study_of(sampler=None, **options):
    return optuna.create_study(sampler=make() if sampler is None else sampler, **options)


def sphere(trial):
    return (trial.suggest_float("x", -4.0, 4.0) - 1) ** 2 + trial.suggest_float("y", -4.0, 4.0) ** 2


def points(study, begin=0):
    return [trial.params for trial in study.trials[begin:]]


def members(study):
    """Of each search and generation the members that trials evaluated, in the trials' order."""
    tried = collections.defaultdict(list)
    for trial in study.trials:
        if MEMBER in trial.system_attrs:
            search, generation, member = trial.system_attrs[MEMBER]
            tried[search, generation].append(member)
    return dict(tried)


KINDS = {
    "real": (FloatDistribution(0.1, 0.3), float),
    "log": (FloatDistribution(1e-6, 1e-1, log=True), float),
    "steps": (FloatDistribution(0.1, 1.0, step=0.1), float),
    "int": (IntDistribution(-3, 12), int),
    "int_steps": (IntDistribution(3, 24, step=7), int),
    "int_log": (IntDistribution(1, 4096, log=True), int),
    "huge": (IntDistribution(0, 10**9), int),
    "huge_log": (IntDistribution(1, 10**9, log=True), int),
    "year": (IntDistribution(5_000_000, 5_000_003), int),
    "choice": (CategoricalDistribution(["a", None, 2.5, True]), object),
}


@pytest.mark.parametrize("name", KINDS)
def test_values_go_to_the_study_and_back(name):
    distribution, kind = KINDS[name]
    space = integration._search_space({"p": distribution})
    genomes = np.random.default_rng(0).normal(size=(400, space.num_dims))
    seen = set()
    for solution in space.solutions(genomes):
        value = integration._to_study(distribution, solution["p"])
        assert isinstance(value, kind)
        internal = distribution.to_internal_repr(value)
        assert distribution._contains(internal)
        back = integration._from_study(distribution, value)
        assert integration._to_study(distribution, back) == value
        assert space.solutions(space.encode({"p": back})[None])[0]["p"] == pytest.approx(back, 1e-5)
        seen.add(internal)
    if name in ("steps", "int", "int_steps", "year", "choice"):
        every = {"steps": 10, "int": 16, "int_steps": 4, "year": 4, "choice": 4}
        assert len(seen) == every[name]


def test_every_kind_of_parameter_is_searched():
    def objective(trial):
        values = {}
        for name, (one, _) in KINDS.items():
            if isinstance(one, CategoricalDistribution):
                values[name] = trial.suggest_categorical(name, one.choices)
            else:
                suggest = (
                    trial.suggest_float if isinstance(one, FloatDistribution) else trial.suggest_int
                )
                step = {} if one.log or one.step is None else {"step": one.step}
                values[name] = suggest(name, one.low, one.high, log=one.log, **step)
        trial.suggest_int("single", 3, 3)
        return abs(math.log10(values["log"]) + 4) + (values["choice"] is not None)

    study = study_of()
    study.optimize(objective, n_trials=24)
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)
    first = study.trials[1].system_attrs[SEARCH]
    assert sorted(first["settings"]["space"]) == sorted(KINDS)  # but not what has one value
    assert [len(of) for of in members(study).values()] == [SIZE - 1, SIZE, SIZE]


def test_finds_the_optimum_and_the_same_seed_makes_the_same_trials():
    studies = [study_of(make(seed)) for seed in (3, 3, 4)]
    for study in studies:
        study.optimize(sphere, n_trials=96)
    assert points(studies[0]) == points(studies[1]) != points(studies[2])
    assert studies[0].best_value < 0.01


def test_maximizing_is_minimizing_the_negative():
    low, high = study_of(direction="minimize"), study_of(direction="maximize")
    low.optimize(sphere, n_trials=40)
    high.optimize(lambda trial: -sphere(trial), n_trials=40)
    assert points(low) == points(high)


def test_the_order_of_completion_does_not_matter():
    one_by_one, in_batches = study_of(), study_of()
    for study in (one_by_one, in_batches):  # the first trial is random, and shows the space
        study.optimize(sphere, n_trials=1)
    one_by_one.optimize(sphere, n_trials=SIZE - 1 + 3 * SIZE)
    for size in (SIZE - 1, SIZE, SIZE, SIZE):
        trials = [in_batches.ask(SPACE) for _ in range(size)]
        for trial in reversed(trials):
            in_batches.tell(trial, sphere(trial))
    assert points(one_by_one) == points(in_batches)


def test_trials_beyond_a_generation_repeat_a_running_one():
    study = study_of()
    study.optimize(sphere, n_trials=1)
    trials = [study.ask(SPACE) for _ in range(SIZE + 1)]
    params = [trial.params for trial in trials]
    assert params[SIZE - 1] == params[0]
    assert params[SIZE] == params[1]
    for trial in trials:
        study.tell(trial, sphere(trial))
    assert study.ask(SPACE).params not in params


def test_a_trial_that_never_ends_does_not_hold_up_the_search():
    study = study_of()
    study.optimize(sphere, n_trials=3)
    study.ask(SPACE)  # whose process is killed, say
    study.optimize(sphere, n_trials=92)
    assert study.best_value < 0.05
    tried = members(study)
    assert max(generation for _, generation in tried) >= 10
    assert sum(len(of) for of in tried.values()) == 95
    assert sum(len(of) - len(set(of)) for of in tried.values()) == 1


def test_threads():
    study = study_of(make(population_size=8))
    study.optimize(sphere, n_trials=96, n_jobs=4)
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)
    assert study.best_value < 1.5  # the first trials, and so the search, depend on the threads
    # All members of all generations but the last, and few of them twice.
    tried = members(study)
    last = max(tried)
    for (search, generation), of in tried.items():
        if (search, generation) != last and generation > 0:
            assert set(of) == set(range(SIZE))
            assert len(of) <= SIZE + 3


def test_failed_trials_are_avoided():
    def objective(trial):
        value = sphere(trial)
        if trial.params["y"] < 0:
            raise RuntimeError("a crash")
        return value

    study = study_of()
    study.enqueue_trial({"x": 3.0, "y": 3.0})
    study.optimize(objective, n_trials=96, catch=RuntimeError)
    failed = [trial.state == TrialState.FAIL for trial in study.trials]
    assert 0 < np.mean(failed[-32:]) < np.mean(failed[:32])
    assert study.best_value < 0.1


def test_pruned_trials_count_with_what_they_reported():
    def objective(trial):
        value = sphere(trial)
        if trial.number > 0:
            trial.report(value + 1, 0)
            trial.report(value, 1)
            raise optuna.TrialPruned
        return value

    study, complete = study_of(), study_of()
    study.optimize(objective, n_trials=48)
    complete.optimize(sphere, n_trials=48)
    assert points(study) == points(complete)

    def silent(trial):
        if sphere(trial) > 4 and trial.number > 0:
            raise optuna.TrialPruned
        return sphere(trial)

    study = study_of()
    study.optimize(silent, n_trials=96)
    assert study.best_value < 0.1


def test_conditional_spaces_are_searched_where_they_are_shared():
    def objective(trial):
        value = sphere(trial)
        if trial.suggest_categorical("kind", ["deep", "wide"]) == "deep":
            return value + trial.suggest_int("layers", 1, 9) / 9
        return value + trial.suggest_float("width", 0.0, 1.0) + 1

    study = study_of(DiffEvoSampler(seed=0))  # niching
    study.optimize(objective, n_trials=160)
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)
    records = [trial.system_attrs.get(SEARCH) for trial in study.trials]
    spaces = [sorted(r["settings"]["space"]) for r in records if r is not None]
    assert spaces[-1] == ["kind", "x", "y"]  # after a wider one, or at once
    assert len(spaces) in (1, 2)
    shared = [sphere(optuna.trial.FixedTrial(params)) for params in points(study)]
    assert np.mean(shared[-40:]) < 0.1 * np.mean(shared[:40])


def test_parameters_set_by_hand_take_a_members_place():
    study = study_of()
    study.enqueue_trial({"x": -3.0, "y": 3.0})
    study.optimize(sphere, n_trials=20)
    study.enqueue_trial({"x": 1.0, "y": 0.0})
    study.enqueue_trial({"y": 0.5})
    study.enqueue_trial({"x": 77.0, "y": 0.0})  # outside
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Fixed parameter x")
        study.optimize(sphere, n_trials=28)
    assert study.trials[0].params == {"x": -3.0, "y": 3.0}
    assert study.trials[20].params == {"x": 1.0, "y": 0.0}
    assert study.trials[21].params["y"] == 0.5
    assert study.best_value == 0.0
    tried = members(study)
    assert [len(of) for of in list(tried.values())[:-1]] == [SIZE - 1, *[SIZE] * (len(tried) - 2)]
    assert sum(len(of) for of in tried.values()) == 47


def test_a_resumed_study_goes_on_as_if_nothing_had_happened(tmp_path):
    straight = study_of()
    straight.optimize(sphere, n_trials=60)

    def opened():
        return JournalStorage(JournalFileBackend(str(tmp_path / "journal.log")))

    study_of(storage=opened(), study_name="s").optimize(sphere, n_trials=29)
    # A sampler without a seed takes over that of the search.
    for sampler, num in ((make(seed=None), 13), (pickle.loads(pickle.dumps(make(5))), 18)):
        study = optuna.load_study(study_name="s", storage=opened(), sampler=sampler)
        study.optimize(sphere, n_trials=num)
    assert points(study) == points(straight)
    # Other settings: another search, from the best of before.
    study.sampler = make(population_size=4, budget=None)
    study.optimize(sphere, n_trials=4)
    record = study.trials[60].system_attrs[SEARCH]
    best = sorted(study.trials[:60], key=lambda trial: trial.value)[:4]
    assert record["known"] == [trial.number for trial in best]
    assert study.trials[60].system_attrs[MEMBER] == [60, 1, 0]


def test_several_samplers_on_one_storage_share_a_search(tmp_path):
    straight = study_of()
    straight.optimize(sphere, n_trials=60)
    path = str(tmp_path / "journal.log")
    study_of(storage=JournalStorage(JournalFileBackend(path)), study_name="s")
    for number in range(4):  # as two processes would
        studies = [
            optuna.load_study(
                study_name="s", storage=JournalStorage(JournalFileBackend(path)), sampler=make()
            )
            for _ in range(2)
        ]
        for turn in range(15):
            studies[(turn + number) % 2].optimize(sphere, n_trials=1)
    assert points(studies[0]) == points(straight)


def test_a_retried_trial_is_its_members_second_chance():
    study = study_of()
    study.optimize(sphere, n_trials=3)
    lost = study.ask(SPACE)
    study.tell(lost, state=TrialState.FAIL)
    # What Optuna's RetryFailedTrialCallback adds.
    failed = study.trials[lost.number]
    attributes = failed.system_attrs | {"fixed_params": failed.params}
    study.add_trial(optuna.create_trial(state=TrialState.WAITING, system_attrs=attributes))
    study.optimize(sphere, n_trials=10)
    again = study.trials[lost.number + 1]
    assert again.params == failed.params
    assert again.system_attrs[MEMBER] == failed.system_attrs[MEMBER]
    straight = study_of()
    straight.optimize(sphere, n_trials=12)
    assert points(straight)[3:] == points(study, begin=4)[:9]


def test_one_sampler_for_two_studies():
    sampler = make()
    for _ in range(2):
        study = study_of(sampler)
        study.optimize(sphere, n_trials=30)
        assert len(members(study)) == 4


def test_hyperband_shows_a_sampler_only_some_trials():
    def objective(trial):
        value = sphere(trial)
        for step in range(9):
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value

    study = study_of(pruner=optuna.pruners.HyperbandPruner(max_resource=9))
    study.optimize(objective, n_trials=64)
    tried = members(study)
    assert [len(of) for of in tried.values()][:-1] == [SIZE - 1, *[SIZE] * (len(tried) - 2)]
    assert study.best_value < 0.3


def test_bad_arguments_name_argument_expected_and_got():
    for options, message in (
        ({"algorithm": "cma"}, r"algorithm: expected 'auto' or one of .*, got 'cma'"),
        ({"algorithm": sphere}, r"algorithm: expected a name, got <function"),
        ({"population_size": 0}, r"population_size: expected an int >= 1, got 0"),
        ({"budget": 1}, r"budget: expected an int >= 2, got 1"),
        ({"seed": 0.5}, r"seed: expected an int or a key .*, got 0.5"),
        ({"independent_sampler": "tpe"}, r"independent_sampler: expected a sampler .*got 'tpe'"),
    ):
        with pytest.raises(ValueError, match=message):
            DiffEvoSampler(**options)
    study = optuna.create_study(sampler=DiffEvoSampler(), directions=["minimize", "maximize"])
    with pytest.raises(ValueError, match=r"study: expected one objective .*, got 2"):
        study.optimize(lambda trial: (sphere(trial), 0.0), n_trials=1)
