"""Controllers of a run, played and drawn: ``python -m experiments play RUN``."""

from collections.abc import Iterator
from pathlib import Path

import jax

from experiments import registry
from tasks.rl import watch
from tasks.rl.saved import load

_MOST_FRAMES = 150


def find(run: str) -> list[Path]:
    """Files of saved controllers.

    Args:
        run: one of them, a folder that has some in it or below it, or an experiment's name: the
            results of its full protocol, or else of its last run of another size.

    Returns:
        The paths, sorted.

    Raises:
        ValueError: there is no controller.
    """
    path = Path(run)
    if path.is_file():
        return [path]
    places = [path]
    if run in registry.names():
        places = [
            registry.ROOT / run / "results",
            registry.REPOSITORY / "runs" / run,
            registry.REPOSITORY / "runs" / "smoke" / run,
        ]
    for place in places:
        found = sorted(place.rglob("*.safetensors"))
        if found:
            return found
    raise ValueError(
        "run: expected a .safetensors file of a controller, a folder with one, or an experiment "
        f"that saves them, got {run!r}"
    )


def play(files: list[Path], out: Path | None, seed: int) -> Iterator[tuple[Path, float, int]]:
    """Play one episode of each controller and write it as a GIF.

    Args:
        files: of controllers.
        out: folder for the GIFs; None is where each controller lies.
        seed: of the episodes.

    Yields:
        (path of the GIF, return of the episode, its steps).
    """
    for file in files:
        task, genome = load(file)
        episode = watch.play(task, genome, jax.random.key(seed))
        every = -(-len(episode.observations) // _MOST_FRAMES)
        frames = [
            watch.frame(task.environment, observation)
            for observation in episode.observations[::every]
        ]
        path = (out or file.parent) / f"{file.stem}.gif"
        # A MinAtar frame holds for longer: its steps are moves, not motion.
        still = len(task.environment.observation_shape) == 3
        watch.write(path, frames, 100 if still else 40)
        yield path, float(episode.rewards.sum()), len(episode.rewards)
