r"""HADES: a diffusion model learns the history of the search, and its samples are the offspring.

What a generation does is in `diffevo.algorithms.learned`; HADES asks nothing of its offspring but
that they be like what did well.

Reference: Hartl, Zhang, Hazan, Levin. Heuristically Adaptive Diffusion-Model Evolutionary Strategy.
arXiv 2411.13420 (Advanced Science 2026). Written from its description. Departures: the selection's
default takes out the density of the memory (`weighting.RouletteWheel()` is the authors');
everything is in standardised genomes; a mutation rate between 0 and 1 adds noise for every sampler,
and unbiased mutation takes effect (neither does in the authors' code).
"""

import dataclasses
from typing import final

from diffevo.algorithms.learned import LearnedDenoising
from diffevo.conditions import Condition


@final
@dataclasses.dataclass(frozen=True)
class HADES(LearnedDenoising):
    """HADES: `diffevo.algorithms.learned` says what it computes.

    Attributes:
        population_size: N >= 1; 256 is the authors'.
        solution: template of one solution, any pytree of floating-point arrays.
        network: a Flax module (linen), see `diffevo.denoiser.network`: `MLP`, `ResidualMLP`, or
            `ChunkAttention` for thousands of dimensions.
        prediction: what it learns: "eps", "x0", "v" or "flow" (`diffevo.denoiser.process`).
        training: epochs, batches, cold or continued (`diffevo.denoiser.fit.Training`).
        training_data: "weighted": the fitness weighs the loss; "resampled": it decides how often a
            row is in the data set (the authors' GA mode).
        training_interval: train every so many generations.
        selection: fitness to weight of the memory and of crossover's parents
            (`diffevo.weighting`). By default the authors' roulette wheel with the density taken
            out, without which one of two equal peaks is lost.
        buffer_size: memory, in populations, >= 1.
        retention: what it keeps when full: "quality" or "diversity" (`diffevo.core.archive`).
        elite_ratio: share of the population that survives into the next one.
        crossover_ratio: share of the rest that are crossovers of the elite.
        forget_best: mutate the elite too; False evaluates it again unchanged.
        schedule: of the diffusion, a name in `diffevo.schedules.SCHEDULES` or a function of T.
        num_levels: boundaries of that schedule; between them levels are interpolated.
        num_steps: of the sampler; any number, few are fast.
        sampler: "ddim" (`noise_scale` 0 to 1) or "heun" (second order, no noise, twice the calls).
        readaptation_steps: denoising steps after mutation; 0 leaves the noise.

    Raises:
        ValueError: an argument is out of its range; the message names it.

    Reference: arXiv 2411.13420.
    """

    @property
    def _conditions(self) -> tuple[Condition, ...]:
        return ()
