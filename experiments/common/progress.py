"""A live progress bar for long runs, in one place so that every experiment looks the same."""

from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress


class Progress:
    """One bar at the bottom of the terminal; a context manager.

    Args:
        console: where to draw; None draws nothing at all, for tests and notebooks.
    """

    def __init__(self, console: Console | None = None):
        self._console = console
        self._bar = RichProgress(
            TextColumn("{task.description}", justify="left"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=console is None,
        )
        self._task: Any = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        del kind, error, traceback
        self._bar.stop()

    def begin(self, total: float, description: str = "") -> None:
        """Start a new bar of this many steps; the one before is removed."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(description, total=total)

    def describe(self, description: str) -> None:
        """Say what is being done now."""
        if self._task is not None:
            self._bar.update(self._task, description=description)

    def advance(self, steps: float = 1) -> None:
        """Count steps as done."""
        if self._task is not None:
            self._bar.advance(self._task, steps)

    def print(self, *items: Any) -> None:
        """Print above the bar: text, tables, anything rich can draw."""
        if self._console is not None:
            self._console.print(*items, highlight=False)
