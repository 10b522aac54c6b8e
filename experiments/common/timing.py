"""Timing compiled programs: compile time apart, two sides in turn, medians and ratios."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np


@dataclass(frozen=True)
class Program:
    """A compiled program and its arguments.

    Attributes:
        compiled: takes the arguments.
        arguments: of a call.
        compile_seconds: from Python function to machine code.
        temporary_bytes: what XLA allocates beside arguments and results.
    """

    compiled: Callable[..., Any]
    arguments: tuple[Any, ...]
    compile_seconds: float
    temporary_bytes: int

    @classmethod
    def of(cls, function: Callable[..., Any], *arguments: Any) -> "Program":
        """Compile a function for these arguments."""
        start = time.perf_counter()
        compiled = jax.jit(function).lower(*arguments).compile()
        seconds = time.perf_counter() - start
        analysis = compiled.memory_analysis()
        temporary = 0 if analysis is None else int(analysis.temp_size_in_bytes)
        return cls(compiled, arguments, seconds, temporary)

    def on(self, *arguments: Any) -> "Program":
        """The same program on other arguments of the same shapes."""
        return replace(self, arguments=arguments)

    def call(self) -> Any:
        """Run it once, wait for the result and return it."""
        return jax.block_until_ready(self.compiled(*self.arguments))


def seconds_in_turn(programs: list[Program], repetitions: int) -> np.ndarray:
    """Run the programs A B A B ... after one uncounted round.

    Returns:
        Seconds, shape (len(programs), repetitions). Column by column the sides ran next to each
        other, so their ratio is fair on a machine whose speed drifts.
    """
    for program in programs:
        program.call()
    taken = np.empty((len(programs), repetitions))
    for repetition in range(repetitions):
        for row, program in enumerate(programs):
            start = time.perf_counter()
            program.call()
            taken[row, repetition] = time.perf_counter() - start
    return taken
