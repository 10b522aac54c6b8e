"""Roll-outs: environment steps per second beside evosax's GymnaxProblem; a whole cart-pole run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the benchmark.

    Attributes:
        repetitions: timed calls of either side, in turn, and timed whole experiments.
        seed: of genomes and episodes.
        environments: keys of `tasks.rl.ENVIRONMENTS`; () is all that gymnax has.
        population_size: N, of roll-outs and of the whole experiment.
        num_episodes: E, of a roll-out.
        num_steps: of an episode at most.
        classic_hidden: of the policies of the five classic environments.
        minatar_hidden: of those of MinAtar's games.
        generations: evaluated populations of the whole cart-pole experiment, the first included.
        cartpole_steps: of its episodes at most.
        cartpole_scaling: its policies' parameters = scaling * genome.
        cartpole_temperature: of its fitness, exp((R - R_max) / T) of a return R.
    """

    repetitions: int = 7
    seed: int = 0
    environments: tuple[str, ...] = ()
    population_size: int = 256
    num_episodes: int = 4
    num_steps: int = 200
    classic_hidden: tuple[int, ...] = (8,)
    minatar_hidden: tuple[int, ...] = (32,)
    generations: int = 10
    cartpole_steps: int = 500
    cartpole_scaling: float = 100.0
    cartpole_temperature: float = 10.0


SMOKE = Config(
    repetitions=2,
    environments=("cartpole",),
    population_size=8,
    num_episodes=2,
    num_steps=10,
    generations=3,
    cartpole_steps=10,
)
