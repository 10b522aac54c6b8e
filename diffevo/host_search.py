"""The search of `minimize` for a plain Python function, one generation after the other."""

import dataclasses
import math
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from diffevo import checkpoint, search
from diffevo.evaluators.host import (
    Evaluate,
    Evaluator,
    Outcome,
    Serial,
    are_floats,
    as_number,
    why_no_number,
)
from diffevo.journal import Journal, Value
from diffevo.optimizer import Optimizer
from diffevo.progress import progress_bar
from diffevo.records import RunDirectory
from diffevo.result import Result
from diffevo.stopping import MESSAGES

PyTree = Any


def run(
    fun: Callable[[PyTree], Any],
    optimizer: Optimizer,
    evaluator: Evaluator,
    batched: bool | None,
    began: float,
    callback: Callable[[dict[str, Any]], bool | None] | None,
    progress: bool | None,
    seeded: bool = False,
    record: RunDirectory | None = None,
) -> Result:
    """Drive an optimizer until it stops.

    The search does not depend on the evaluator, the number of its workers, or the order in which
    they finish: a generation is told when all of it is evaluated.

    Args:
        fun: the user's function.
        optimizer: a new one.
        evaluator: how fun is called.
        batched: whether fun takes a population; None: found out by a serial evaluator, no for
            others.
        began: when the search began, by `time.monotonic`.
        callback: as in `diffevo.minimize`.
        progress: as in `diffevo.minimize`.
        seeded: whether fun takes pairs of a solution and a seed for its noise.
        record: where the search is recorded, and perhaps goes on from.

    Returns:
        The result, with ``stop_reason``.

    Raises:
        RuntimeError: all evaluations of the first generation failed, and not by NaN; the cause is
            the first exception.
        TimeoutError: none of them was done in time.
    """
    rules = optimizer.setup.rules
    deadline = math.inf if rules.timeout is None else began + rules.timeout
    batched = False if batched is None and not isinstance(evaluator, Serial) else batched
    form = _Form(batched, seeded)
    total = None if rules.last is None else optimizer.setup.nfev(rules.last)
    reason, is_warned = None, False
    is_whole = True  # no generation is half told
    journal = None if record is None else record.journal
    if record is not None:
        _restore(record, optimizer, form)
        # A run that has ended stays so, unless its rules have changed.
        reason = optimizer.stop()
        if reason is not None:
            _add_metrics(record, optimizer)
            record.save(optimizer.generation, lambda: _snapshot(optimizer, form))
            return optimizer.result
    with progress_bar(progress) as bar, evaluator.start(fun, form.accept) as evaluate:
        task = bar.add_task("diffevo", total=total, best="")
        try:
            while reason is None:
                values: list[Value] = []
                try:
                    _evaluate(evaluate, optimizer, form, deadline, values, journal)
                except KeyboardInterrupt:
                    reason = "interrupt"
                num = len(values) - values.count(None)
                if num == 0 and optimizer.generation < 0:
                    if reason == "interrupt":
                        raise KeyboardInterrupt
                    raise TimeoutError(
                        f"timeout: no evaluation was done within {rules.timeout:g} s"
                    )
                if reason is None and num < len(values):
                    reason = "timeout"
                if num == 0:
                    break
                first = None
                if not are_floats(values):
                    first = next((v for v in values if isinstance(v, BaseException)), None)
                if optimizer.generation < 0 and reason != "interrupt":
                    _check_first(values)
                # Half a generation is part of the result, not of the record: whoever resumes
                # evaluates the rest of it.
                is_whole = num == len(values)
                if record is None or not is_whole:
                    _add_metrics(record, optimizer)
                    optimizer.tell(None, values)
                else:
                    if journal is not None:
                        journal.add(optimizer.generation + 1, bool(form.batched), values)
                    _tell(record, optimizer, values)
                    record.save_if_due(optimizer.generation, lambda: _snapshot(optimizer, form))
                if first is not None and not is_warned:
                    is_warned = True
                    warnings.warn(
                        f"fun: an evaluation failed, {type(first).__name__}: {first}. Failed "
                        "members count as worst; the first of them are in result.failures.",
                        RuntimeWarning,
                        stacklevel=4,
                    )
                stopped = False
                if callback is not None or not bar.disable:
                    info = optimizer.info
                    bar.update(task, completed=info["nfev"], best=f"best {info['fun']:.6g}")
                    stopped = callback is not None and bool(callback(info))
                reason = reason or optimizer.stop()
                if reason != "ftarget" and stopped:
                    reason = "callback"
        except KeyboardInterrupt:
            if optimizer.generation < 0:
                raise
            reason = "interrupt"
    if is_whole:
        _add_metrics(record, optimizer)
    if record is not None and is_whole and not optimizer.is_asked:
        record.save(optimizer.generation, lambda: _snapshot(optimizer, form))
    assert reason is not None
    return dataclasses.replace(optimizer.result, stop_reason=reason, message=MESSAGES[reason])


@dataclasses.dataclass
class _Form:
    """Which form the user's function has, as far as is known: of one solution or of a population.

    Attributes:
        batched: None: not known yet.
        seeded: whether it takes pairs of a solution and a seed.
        num: members of the generation that is being evaluated.
    """

    batched: bool | None
    seeded: bool
    num: int = 0

    def accept(self, value: Any) -> bool:
        """Whether a value will do: a number other than NaN, or one for each of a population."""
        if self.batched:
            return _is_batch(value, self.num)
        number = as_number(value)
        return number is not None and not math.isnan(number)


def _tell(record: RunDirectory, optimizer: Optimizer, values: list[Value]) -> None:
    """Tell a whole generation, and record it."""
    optimizer.tell(None, values)
    # Members whose values were known are not evaluated.
    num = len(values) // optimizer.setup.costs.num_repeats
    genomes, fitness = (array[None, :num] for array in optimizer.told)
    record.add_evaluations(optimizer.generation, genomes, fitness)
    if record.metrics_are_due:
        _add_metrics(record, optimizer)


def _add_metrics(record: RunDirectory | None, optimizer: Optimizer) -> None:
    """Record the metrics of the generations told that are not recorded yet."""
    if record is not None and record.next_metrics <= optimizer.generation:
        first = record.next_metrics
        record.add_metrics(optimizer.metrics(first), first)


def _snapshot(optimizer: Optimizer, form: _Form) -> tuple[PyTree, dict[str, Any]]:
    arrays, reasons = optimizer.snapshot()
    return arrays, {"reasons": reasons, "batched": form.batched}


def _restore(record: RunDirectory, optimizer: Optimizer, form: _Form) -> None:
    """Go on from the checkpoint, and from what was evaluated after it."""
    if record.restored is not None:
        _, arrays, notes = record.restored
        tree: dict[str, Any] = {name: value for name, value in arrays.items() if "." not in name}
        tree["state"] = checkpoint.from_arrays(optimizer.state_like, arrays, "state")
        tree["history"] = checkpoint.under("history", arrays)
        optimizer.restore(tree, notes["texts"]["reasons"])
        form.batched = notes["texts"]["batched"]
    for done in [] if record.journal is None else record.journal.generations:
        optimizer.ask()
        form.batched = done.batched
        _tell(record, optimizer, done.values)


def _evaluate(
    evaluate: Evaluate,
    optimizer: Optimizer,
    form: _Form,
    deadline: float,
    values: list[Value],
    journal: Journal | None = None,
) -> None:
    """Fill in the values of the next generation; what is done by the deadline or an interrupt."""
    xs = optimizer.ask()
    form.num = len(xs)
    values += [None] * len(xs)
    generation, seeds = optimizer.generation + 1, np.zeros(0, np.uint32)
    if form.seeded:
        key = search.noise_key(optimizer.setup.key, generation)
        seeds = np.asarray(jax.random.bits(key, (len(xs),), np.uint32))
        xs = list(zip(xs, seeds.tolist(), strict=True))
    if journal is not None and journal.unfinished[0] == generation:
        for member, value in journal.unfinished[1].items():
            values[member] = value

    def singles(begin: int, end: int) -> None:
        places = [place for place in range(begin, end) if values[place] is None]
        outcomes = [Outcome(None, None, 0)] * len(places)
        if journal is not None:
            outcomes = journal.watched(generation, places)
        try:
            if places:
                evaluate([xs[place] for place in places], deadline, outcomes)
        finally:
            for place, outcome in zip(places, outcomes, strict=True):
                values[place] = _value(outcome)

    def batch() -> None:
        outcomes = [Outcome(None, None, 0)]
        try:
            whole = optimizer.ask(batched=True)
            evaluate([(whole, seeds) if form.seeded else whole], deadline, outcomes)
        finally:
            values[:] = _values(outcomes[0], len(xs))

    if form.batched:
        batch()
    elif form.batched is False:
        singles(0, len(xs))
    else:
        singles(0, 1)
        first = values[0]
        if isinstance(first, BaseException):
            # It may want a population: if so, it gives a number for each of it.
            form.batched = True
            batch()
            form.batched = not any(isinstance(value, BaseException) for value in values)
            if not form.batched:
                values[:] = [first, *[None] * (len(xs) - 1)]
        else:
            form.batched = False
        if not form.batched:
            singles(1, len(xs))


def _check_first(values: list[Value]) -> None:
    done = [value for value in values if value is not None]
    errors = [value for value in done if isinstance(value, BaseException)]
    if len(errors) == len(done):
        raise RuntimeError(
            f"fun: all {len(done)} evaluations of the first generation failed, the first with "
            f"{type(errors[0]).__name__}: {errors[0]}"
        ) from errors[0]


def _value(outcome: Outcome) -> Value:
    if outcome.attempts == 0 or outcome.error is not None:
        return outcome.error
    number = as_number(outcome.value)
    return ValueError(why_no_number(outcome.value)) if number is None else number


def _values(outcome: Outcome, num: int) -> list[Value]:
    if outcome.attempts == 0 or outcome.error is not None:
        return [outcome.error] * num
    if not _is_batch(outcome.value, num):
        shape = np.shape(outcome.value) if hasattr(outcome.value, "shape") else "no such"
        kind = type(outcome.value).__name__
        return [ValueError(f"expected {num} numbers, got {kind} of {shape} shape")] * num
    if isinstance(outcome.value, np.ndarray) and outcome.value.dtype.kind in "fiub":
        return outcome.value.astype(float).tolist()
    return [_value(dataclasses.replace(outcome, value=value)) for value in outcome.value]


def _is_batch(value: Any, num: int) -> bool:
    if isinstance(value, (list, tuple)):
        return len(value) == num
    return getattr(value, "shape", None) == (num,)
