"""What is optimised: tasks for diffevo, by name in ``TASKS``. Run from a clone, not installed."""

from tasks.base import Task
from tasks.registry import TASKS, make

__all__ = ["TASKS", "Task", "make"]
