"""Converted to a spiking network, does a ReLU policy lose less when its view is disturbed?

MinAtar Breakout; networks trained by DQN and evolved ones. How many steps and which percentile a
conversion takes; both networks behind occlusion bars, missing pixels, noise and attacks; leaky
neurons, whose five scales diffusion evolution searches for.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class DQN:
    """Settings of deep Q-learning, see `experiments.snn_conversion.dqn`.

    Attributes:
        num_steps: of all environments together.
        num_environments: E.
        capacity: of the ring, in transitions.
        batch_size: B.
        num_batches: fitted after each step of all environments.
        learning_rate: of Adam.
        discount: gamma, in [0, 1].
        target_every: updates between copies of the network into the target network.
        first_epsilon: the share of random actions at the start.
        last_epsilon: it is reached linearly.
        exploration: the share of the steps by when.
        warm_up: transitions before the first update.
    """

    num_steps: int = 1_000_000
    num_environments: int = 16
    capacity: int = 100_000
    batch_size: int = 64
    num_batches: int = 1
    learning_rate: float = 1e-3
    discount: float = 0.99
    target_every: int = 200
    first_epsilon: float = 1.0
    last_epsilon: float = 0.05
    exploration: float = 0.3
    warm_up: int = 5_000


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study; chosen by exploratory runs on other seeds, see the README.

    Attributes:
        repetitions: networks of each source, trained from other seeds.
        seed: repetition r uses fold_in(key(seed), r).
        epsilon: share of random actions, in evolution and in all tests, as in the paper.
        max_steps: of an episode, in evolution and in all tests.
        dqn: of the Q-networks.
        hidden: their hidden layers.
        evolved_hidden: hidden layers of the evolved policies.
        scaling: of their genomes.
        population_size: of the evolution.
        num_generations: evaluated populations.
        run_episodes: of an evaluation.
        choose_episodes: that the last population is judged by, to choose its best.
        num_collected: episodes whose observations normalise the weights.
        steps: T of the conversions.
        percentiles: of the activations that become a rate of 1.
        chosen_steps: T behind the perturbations, one of ``steps``.
        chosen_percentile: percentile behind the perturbations, one of ``percentiles``.
        num_episodes: of a test.
        widths: rows of an occlusion bar; it takes all places in turn, an episode each.
        shares: of missing pixels.
        stds: of Gaussian noise.
        strengths: of attacks by the gradient's sign.
        leaky_repetitions: networks of five layers that leaky neurons are made of.
        leaky_hidden: their hidden layers.
        leaky_steps: T.
        leak: of the neurons; the paper's.
        leaky_population: candidates in a generation.
        leaky_budget: evaluations.
        leaky_episodes: of an evaluation; the paper's.
        leaky_range: log10 of the scales that are searched, in thresholds.
    """

    repetitions: int = 10
    seed: int = 20261205
    epsilon: float = 0.05
    max_steps: int = 500
    dqn: DQN = DQN()
    hidden: tuple[int, ...] = (64,)
    evolved_hidden: tuple[int, ...] = (16,)
    scaling: float = 0.3
    population_size: int = 64
    num_generations: int = 600
    run_episodes: int = 4
    choose_episodes: int = 50
    num_collected: int = 20
    steps: tuple[int, ...] = (10, 30, 100, 300)
    percentiles: tuple[float, ...] = (95.0, 99.0, 99.9, 100.0)
    chosen_steps: int = 100
    chosen_percentile: float = 99.9
    num_episodes: int = 30
    widths: tuple[int, ...] = (1, 2, 3, 4)
    shares: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2, 0.4)
    stds: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.5)
    strengths: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1, 0.2)
    leaky_repetitions: int = 3
    leaky_hidden: tuple[int, ...] = (32, 32, 32, 32)
    leaky_steps: int = 50
    leak: float = 0.01
    leaky_population: int = 28
    leaky_budget: int = 420
    leaky_episodes: int = 5
    leaky_range: tuple[float, float] = (-1.0, 2.0)


SMOKE = Config(
    repetitions=3,
    max_steps=30,
    dqn=DQN(num_steps=400, num_environments=4, capacity=200, batch_size=8, warm_up=40),
    hidden=(4,),
    evolved_hidden=(4,),
    population_size=8,
    num_generations=3,
    run_episodes=2,
    choose_episodes=2,
    num_collected=2,
    steps=(5,),
    percentiles=(99.9, 100.0),
    chosen_steps=5,
    num_episodes=4,
    widths=(1,),
    shares=(0.2,),
    stds=(0.2,),
    strengths=(0.1,),
    leaky_repetitions=3,
    leaky_hidden=(4,),
    leaky_steps=5,
    leaky_population=4,
    leaky_budget=20,
    leaky_episodes=2,
)
