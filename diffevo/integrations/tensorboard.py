"""A logger for TensorBoard; the one file that imports tensorboardX, which needs no PyTorch."""

import os

try:
    from tensorboardX import SummaryWriter
except ImportError as error:
    raise ImportError(
        "TensorBoard: needs tensorboardX: pip install 'diffevo-jax[tensorboard]'"
    ) from error

from diffevo.integrations.logger import Logger


class TensorBoard(Logger):
    """Writes each generation's numbers as scalars: ``minimize(..., callback=TensorBoard(DIR))``.

    A search that is resumed may log to the same directory again. ``tensorboard --logdir DIR``,
    which is another package, shows it.

    Args:
        log_dir: directory for the event file; made if need be.
    """

    def __init__(self, log_dir: str | os.PathLike[str]):
        self._writer = SummaryWriter(os.fspath(log_dir))

    def write(self, numbers: dict[str, float], generation: int) -> None:
        """See `Logger`."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, generation)

    def close(self) -> None:
        """See `Logger`."""
        self._writer.close()
