"""Control tasks: the genome holds the parameters of a policy, the fitness is minus its return."""

from tasks.rl.cartpole import CartPole, cartpole
from tasks.rl.policies import MLP

__all__ = ["MLP", "CartPole", "cartpole"]
