"""One episode of a controller, step by step, and its frames as a GIF.

The frames show what the environment reports, drawn with Pillow: Gymnasium's own need pygame. The
only file of the tasks that imports Pillow.

Shape letters: T steps, O observation, D parameters.
"""

import functools
import importlib
import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from tasks.rl.control import Control
from tasks.rl.environments import Environment
from tasks.rl.gridworld import SIZE
from tasks.rl.policies import act, start
from tasks.rl.simulator import simulator

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

_WIDTH, _HEIGHT = 400, 300
_SKY, _INK, _BODY, _ACCENT = "#ffffff", "#1b1b1b", "#0072B2", "#D55E00"
_CELL = 30  # pixels of a cell of MinAtar
# One colour for each of MinAtar's planes; Okabe and Ito's.
_PLANES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")

Drawer = Callable[["ImageDraw", np.ndarray], None]


class Episode(NamedTuple):
    """One episode.

    Attributes:
        observations: before every action and after the last: shape (T + 1, O).
        actions: numbers (T,), or (T, A) where they are continuous.
        rewards: shape (T,).
    """

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray


def play(task: Control, genome: Array, key: Array) -> Episode:
    """Let a controller play one episode: the first that ``task.evaluate`` plays with that key.

    Args:
        task: of any environment that gymnax has, with shared episodes.
        genome: shape (D,).
        key: of the episode.

    Returns:
        The episode until its end or its time limit.

    Raises:
        ValueError: the genome does not fit.
    """
    genome = jnp.asarray(genome)
    if genome.shape != (task.num_dims,):
        raise ValueError(f"genome: expected shape ({task.num_dims},), got {genome.shape}")
    observations, actions, rewards, alive = map(np.asarray, _play(task, genome, key))
    length = int(alive.sum())
    return Episode(observations[: length + 1], actions[:length], rewards[:length])


@functools.partial(jax.jit, static_argnames="task")
def _play(task: Control, genome: Array, key: Array) -> tuple[Array, Array, Array, Array]:
    """All steps to the time limit; those with alive (T,) count."""
    environment, policy = task.environment, task.policy
    reset, step = simulator(environment)
    parameters = task.spec.unravel(task.scaling * genome)
    centre, gain = (jnp.asarray(part, genome.dtype) for part in environment.normalizer())
    # The keys of `tasks.rl.control`, of the first of its episodes.
    start_key, step_key = jax.random.split(key) if environment.draws == "steps" else (key, key)
    number = 1 if environment.draws == "nothing" else task.num_episodes
    start_key, step_key = (jax.random.split(key, number)[0] for key in (start_key, step_key))
    first, state = reset(start_key)

    def advance(carry: tuple[Any, ...], time: Array) -> tuple[Any, Any]:
        observation, state, memory, alive = carry
        inputs = (jnp.ravel(observation) - centre) * gain
        outputs, memory = act(policy, parameters, inputs, memory)
        action = environment.action(outputs)
        observation, state, reward, ended = step(jax.random.fold_in(step_key, time), state, action)
        row = jnp.ravel(observation), action, reward, alive
        return (observation, state, memory, alive & ~ended), row

    begin = first, state, start(policy, ()), jnp.asarray(True)
    _, rows = jax.lax.scan(advance, begin, jnp.arange(environment.max_steps))
    observations, actions, rewards, alive = rows
    return jnp.concatenate([jnp.ravel(first)[None], observations]), actions, rewards, alive


def frame(environment: Environment, observation: np.ndarray) -> "Image":
    """What an observation (O,) shows.

    Raises:
        ValueError: nobody has drawn this environment.
        ImportError: without Pillow, with the command that installs it.
    """
    drawn = _DRAWERS.get(environment.name)
    planes = len(environment.observation_shape) == 3
    if drawn is None and not planes:
        raise ValueError(
            f"environment: expected one of {', '.join(_DRAWERS)}, or one that shows planes, "
            f"got {environment.name!r}"
        )
    try:
        module = importlib.import_module("PIL.Image")
        drawing = importlib.import_module("PIL.ImageDraw")
    except ImportError as error:
        raise ImportError('Frames need Pillow: pip install "diffevo-jax[experiments]"') from error
    if drawn is None:
        shape = environment.observation_shape
        image = module.new("RGB", (shape[1] * _CELL, shape[0] * _CELL), _INK)
        _planes(drawing.Draw(image), observation.reshape(shape))
        return image
    image = module.new("RGB", (_WIDTH, _HEIGHT), _SKY)
    drawn(drawing.Draw(image), observation)
    return image


def write(path: Path, frames: Sequence["Image"], milliseconds: int = 40) -> None:
    """Write frames as a GIF that plays for ever.

    Args:
        path: of the file, which is replaced.
        frames: one or more of one size.
        milliseconds: that each is shown, a multiple of 10: GIF counts hundredths of a second.

    Raises:
        ValueError: there are no frames.
    """
    if not frames:
        raise ValueError("frames: expected at least one, got none")
    path.parent.mkdir(parents=True, exist_ok=True)
    frames[0].save(
        path,
        format="GIF",
        save_all=True,
        append_images=list(frames[1:]),
        duration=milliseconds,
        loop=0,
    )


def _at(x: float, y: float, scale: float, ground: float) -> tuple[float, float]:
    """Pixels of a point whose unit is ``scale`` pixels, x from the middle, y up from ``ground``."""
    return _WIDTH / 2 + scale * x, ground - scale * y


def _disc(draw: "ImageDraw", center: tuple[float, float], radius: float, color: str) -> None:
    x, y = center
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)


def _cartpole(draw: "ImageDraw", observation: np.ndarray) -> None:
    """A track of +-2.4 m, the cart, and the pole of 1 m."""
    position, _, angle, _ = observation.tolist()
    scale, ground = _WIDTH / 5.2, 220.0
    draw.line((*_at(-2.4, 0, scale, ground), *_at(2.4, 0, scale, ground)), fill=_INK)
    for side in (-2.4, 2.4):
        draw.line((*_at(side, -0.1, scale, ground), *_at(side, 0.1, scale, ground)), fill=_INK)
    x, y = _at(position, 0, scale, ground)
    draw.rectangle((x - 22, y - 10, x + 22, y + 10), fill=_BODY)
    top = _at(position + math.sin(angle), math.cos(angle), scale, ground)
    draw.line((x, y, *top), fill=_ACCENT, width=6)


def _acrobot(draw: "ImageDraw", observation: np.ndarray) -> None:
    """Two links of length 1 and the height that the tip must reach."""
    cos_a, sin_a, cos_b, sin_b = observation[:4].tolist()
    scale, ground = 62.0, _HEIGHT / 2
    elbow = sin_a, -cos_a
    tip = (
        elbow[0] + sin_a * cos_b + cos_a * sin_b,
        elbow[1] - cos_a * cos_b + sin_a * sin_b,
    )
    draw.line((*_at(-2.4, 1, scale, ground), *_at(2.4, 1, scale, ground)), fill="#999999")
    points = [_at(*point, scale, ground) for point in ((0.0, 0.0), elbow, tip)]
    for one, other in itertools.pairwise(points):
        draw.line((*one, *other), fill=_BODY, width=7)
    for point in points[:2]:
        _disc(draw, point, 7, _INK)
    _disc(draw, points[2], 7, _ACCENT)


def _mountain_car(draw: "ImageDraw", observation: np.ndarray) -> None:
    """The valley sin(3 x) from -1.2 to 0.6, the flag near 0.5, and the car."""
    position = float(observation[0])

    def place(x: float) -> tuple[float, float]:
        return _at(x + 0.3, 0.45 * math.sin(3 * x), _WIDTH / 1.9, 180.0)

    draw.line([place(x) for x in np.linspace(-1.2, 0.6, 90).tolist()], fill=_INK, width=2)
    flag = place(0.475)
    draw.line((*flag, flag[0], flag[1] - 45), fill=_INK, width=2)
    draw.polygon(
        [(flag[0], flag[1] - 45), (flag[0] + 20, flag[1] - 38), (flag[0], flag[1] - 31)],
        fill=_ACCENT,
    )
    x, y = place(position)
    _disc(draw, (x, y - 10), 10, _BODY)


def _pendulum(draw: "ImageDraw", observation: np.ndarray) -> None:
    """A rod of length 1; angle 0 is upright."""
    cos, sin = observation[:2].tolist()
    pivot = _at(0, 0, 110.0, _HEIGHT / 2)
    # Gymnasium counts the angle against the clock.
    draw.line((*pivot, *_at(-sin, cos, 110.0, _HEIGHT / 2)), fill=_BODY, width=14)
    _disc(draw, pivot, 8, _INK)


def _gridworld(draw: "ImageDraw", observation: np.ndarray) -> None:
    """Cells, the goal in the bottom right one, and where the agent is."""
    cell = _HEIGHT / SIZE
    for line in range(SIZE + 1):
        draw.line((0, line * cell, SIZE * cell, line * cell), fill="#999999")
        draw.line((line * cell, 0, line * cell, SIZE * cell), fill="#999999")
    goal = (SIZE - 1) * cell
    draw.rectangle((goal, goal, goal + cell, goal + cell), fill=_ACCENT)
    row, column = observation.tolist()
    _disc(draw, ((column + 0.5) * cell, (row + 0.5) * cell), cell / 3, _BODY)


def _swimmer(draw: "ImageDraw", observation: np.ndarray) -> None:
    """Three links of length 1 from above, the first one's tip, which leads, in the middle."""
    angle, scale, ground = 0.0, 90.0, _HEIGHT / 2
    point = (0.0, 0.0)
    for turn, color in zip(observation[:3].tolist(), (_ACCENT, _BODY, _BODY), strict=True):
        angle += turn
        after = point[0] - math.cos(angle), point[1] - math.sin(angle)
        ends = *_at(*point, scale, ground), *_at(*after, scale, ground)
        draw.line(ends, fill=color, width=16)
        _disc(draw, ends[2:], 8, _INK)
        point = after


def _planes(draw: "ImageDraw", planes: np.ndarray) -> None:
    """MinAtar: a colour a plane, the last ones on top."""
    for row, column, plane in np.argwhere(planes > 0).tolist():
        x, y = column * _CELL, row * _CELL
        draw.rectangle((x, y, x + _CELL - 2, y + _CELL - 2), fill=_PLANES[plane % len(_PLANES)])


_DRAWERS: dict[str, Drawer] = {
    "CartPole-v1": _cartpole,
    "Acrobot-v1": _acrobot,
    "MountainCar-v0": _mountain_car,
    "MountainCarContinuous-v0": _mountain_car,
    "Pendulum-v1": _pendulum,
    "Gridworld": _gridworld,
    "Swimmer-v5": _swimmer,
}
