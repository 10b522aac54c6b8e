"""Control tasks: the genome holds the parameters of a policy, the fitness is minus its return."""

from tasks.rl.cartpole import cartpole
from tasks.rl.control import Control, control
from tasks.rl.environments import ENVIRONMENTS, Environment, Trait
from tasks.rl.episodes import Statistics
from tasks.rl.policies import MLP, IntegrateAndFire, Pooled, Recurrent, Spiking

__all__ = [
    "ENVIRONMENTS",
    "MLP",
    "Control",
    "Environment",
    "IntegrateAndFire",
    "Pooled",
    "Recurrent",
    "Spiking",
    "Statistics",
    "Trait",
    "cartpole",
    "control",
]
