r"""CHARLES-D: HADES with a steering wheel.

The network learns the memory's genomes together with their traits, and is sampled with the traits
that are asked for, by classifier-free guidance: eps_u + sum_k s_k (eps_k - eps_u). Scales and
targets are traced numbers in the params: they may change in any generation, and when sampling from
a finished run.

Reference: Hartl, Zhang, Hazan, Levin. arXiv 2411.13420. Departures: guidance is on (the authors'
default is a plain conditional network, which is scale 1 for a single condition), and the fitness
condition works on the memory's own scale, so that f and a f + b are the same search.
"""

import dataclasses
from typing import final

from diffevo.algorithms.learned import LearnedDenoising
from diffevo.conditions import Condition, Fitness
from diffevo.core import archive


@final
@dataclasses.dataclass(frozen=True)
class CharlesD(LearnedDenoising):
    """CHARLES-D: see the module's first lines for what it computes.

    Attributes (those of `diffevo.HADES`, and):
        conditions: what is asked of the offspring (`diffevo.conditions`), any number at once. In
            the params, `scales[k]` and `targets[k]` belong to `conditions[k]`.
        retention: "diversity" by default: what is not asked for now may be asked for later.

    Raises:
        ValueError: an argument is out of its range; the message names it.
    """

    conditions: tuple[Condition, ...] = dataclasses.field(
        default_factory=lambda: (Fitness(),), kw_only=True
    )
    # Quality forgets what nobody asks for at the moment, and then it cannot be asked for again.
    retention: archive.Retention = dataclasses.field(default="diversity", kw_only=True)

    def __post_init__(self) -> None:
        """Check the configuration."""
        given = self.conditions
        if not isinstance(given, (tuple, list)) or not all(
            isinstance(condition, Condition) for condition in given
        ):
            raise ValueError(f"conditions: expected a tuple of conditions, got {given!r}")
        object.__setattr__(self, "conditions", tuple(given))
        super().__post_init__()

    @property
    def _conditions(self) -> tuple[Condition, ...]:
        return self.conditions
