"""Cart-pole: balance a pole on a cart, and tell where the cart was meanwhile.

References: Barto, Sutton, Anderson, "Neuronlike adaptive elements that can solve difficult learning
control problems", 1983; gymnax' ``CartPole-v1``. Size of the network: arXiv 2410.02543; episodes
and traits: arXiv 2411.13420.
"""

from typing import Any

from tasks.rl.control import Control, control


def cartpole(
    hidden: tuple[int, ...] = (8,), activation: str = "tanh", num_episodes: int = 8, **options: Any
) -> Control:
    """Balance the pole for 500 steps of 0.02 s, pushing the cart left or right.

    A step gives the reward 1; an episode ends when |x| > 2.4 m or |angle| > 12 degrees, and starts
    uniform in [-0.05, 0.05]^4. Fitness = -(mean return), so -``max_steps`` is perfect; x, and with
    it where the cart is kept, does not enter. Traits, all means over the episodes:

    * ``mean_position``: of the cart over an episode's steps, in metres, within +-2.4 and a step;
    * ``final_position``: the same over the last 25 steps of an episode;
    * ``survival``: share of the episodes that last ``max_steps``, in [0, 1];
    * ``pushes_right``: number of pushes to the right in an episode.

    Args:
        hidden: widths of the hidden layers of an MLP; (8,) has 58 parameters, () 10, (128, 128)
            17,410.
        activation: of those.
        num_episodes: averaged over.
        options: further ones of `tasks.rl.control.control`.
    """
    name = "cartpole" if hidden == (8,) else "_".join(["cartpole", *map(str, hidden or ["linear"])])
    options = {"name": name} | options
    return control("cartpole", hidden, activation, num_episodes, **options)
