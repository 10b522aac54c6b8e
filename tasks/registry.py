"""All tasks by name. What is registered here is tested by tests/tasks/test_tasks_contract.py."""

from collections.abc import Callable
from functools import partial
from typing import Any

from tasks.alignment import CASES, compromise
from tasks.base import Task
from tasks.functions import (
    BBOB_FUNCTIONS,
    CEC2013_FUNCTIONS,
    ackley,
    bbob,
    beale,
    cec2013,
    composed,
    double_peak,
    dynamic_double_peak,
    himmelblau,
    ising,
    leading_ones,
    lp_rastrigin,
    lp_sphere,
    nk,
    onemax,
    oscillating_double_peak,
    rastrigin,
    rates,
    rosenbrock,
    rotated_rastrigin,
    two_peaks,
    two_peaks_step,
)
from tasks.lora.classification import digits as lora_digits
from tasks.quine import quine
from tasks.reservoir import reservoir
from tasks.rl import ENVIRONMENTS, cartpole, control
from tasks.rl.spiking_agents import spiking_agents
from tasks.snn import evolved as snn

TASKS: dict[str, Callable[..., Task]] = {
    "rosenbrock": rosenbrock,
    "beale": beale,
    "himmelblau": himmelblau,
    "ackley": ackley,
    "rastrigin": rastrigin,
    **{f"rastrigin_{d}d": partial(rastrigin, d) for d in (4, 32, 256)},
    **{f"rastrigin_2d_target_{d}d": partial(rastrigin, 2, d) for d in (4, 32, 256)},
    "two_peaks": two_peaks,
    "two_peaks_std_0.25": partial(two_peaks, std=0.25),
    "two_peaks_step": two_peaks_step,
    "double_peak": double_peak,
    "double_peak_m_1": partial(double_peak, 1.0),
    "dynamic_double_peak": dynamic_double_peak,
    "oscillating_double_peak": oscillating_double_peak,
    "rotated_rastrigin": rotated_rastrigin,
    "rates": rates,
    "rates_product_only": partial(rates, product_only=True),
    "onemax": onemax,
    "onemax_4": partial(onemax, 32, 4),
    "leading_ones": leading_ones,
    "nk": nk,
    "nk_random": partial(nk, 16, adjacent=False),
    "ising_ring": ising,
    "ising_torus": partial(ising, torus=True),
    "ising_torus_glass": partial(ising, torus=True, glass=True),
    **{name: partial(control, name) for name in ENVIRONMENTS},
    "cartpole": cartpole,
    "cartpole_128_128": partial(cartpole, (128, 128)),
    "spiking_cartpole": partial(spiking_agents, "cartpole"),
    "spiking_cartpole_constants": partial(spiking_agents, "cartpole", "constants"),
    **{f"bbob_{function}": partial(bbob, function) for function in BBOB_FUNCTIONS},
    **{f"cec2013_{function}": partial(cec2013, function) for function in CEC2013_FUNCTIONS},
    "composed_bowls": partial(composed, "bowls"),
    "composed_mixture": partial(composed, "mixture"),
    "lora_digits": lora_digits,
    "lp_sphere": lp_sphere,
    "lp_rastrigin": lp_rastrigin,
    **{f"compromise_{case}": partial(compromise, case) for case in CASES},
    "snn_delays_digits": snn.delays,
    "snn_delays_patterns": partial(snn.delays, "patterns"),
    "snn_lattice_constants": snn.constants,
    "snn_local_constants": partial(snn.constants, "local"),
    "quine": quine,
    "quine_absolute": partial(quine, fitness="absolute"),
    "reservoir_digits": reservoir,
}


def make(name: str, **options: Any) -> Task:
    """The task registered under ``name``; options go to its factory.

    Args:
        name: key of ``TASKS``.
        options: keyword arguments of the factory, e.g. ``num_dims=10, seed=3`` for BBOB.

    Returns:
        The task.

    Raises:
        ValueError: for an unknown name.
    """
    if name not in TASKS:
        raise ValueError(f"name: expected one of {', '.join(TASKS)}; got {name!r}")
    return TASKS[name](**options)
