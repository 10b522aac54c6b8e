"""Spiking networks by the clock: simulation and STDP beside BindsNET and spyx.

The standard benchmark of BindsNET's paper, n Poisson inputs to n LIF neurons, all to all, and
images a second of training by STDP.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the benchmark.

    Attributes:
        repetitions: timed calls of each side, the sides in turn.
        seed: of weights and spikes.
        sizes: n, inputs and as many neurons.
        num_steps: of 1 ms.
        rate: of the inputs, Hz.
        num_inputs: pixels of the images that are learned.
        neurons: of the lattice map, one size after the other.
        image_steps: of an image.
        num_images: of a timed training.
        batch_sizes: images that meet the same weights; BindsNET's have the same.
        num_networks: that are trained together, one image at a time.
        peers: Python interpreter of an environment with BindsNET and spyx, from the repository's
            root; None leaves them out.
    """

    repetitions: int = 5
    seed: int = 0
    sizes: tuple[int, ...] = (250, 500, 1000, 2500, 5000, 10_000)
    num_steps: int = 1000
    rate: float = 50.0
    num_inputs: int = 784
    neurons: tuple[int, ...] = (100, 400)
    image_steps: int = 250
    num_images: int = 64
    batch_sizes: tuple[int, ...] = (1, 32)
    num_networks: int = 16
    peers: str | None = ".peers/bin/python"


SMOKE = Config(
    repetitions=2,
    sizes=(20,),
    num_steps=20,
    num_inputs=64,
    neurons=(9,),
    image_steps=10,
    num_images=4,
    batch_sizes=(1, 2),
    num_networks=2,
    peers=None,
)
