"""Functions that take their noise from the search: `fun(x, key)`."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any


def takes_key(fun: Callable[..., Any]) -> bool:
    """Whether a function has to be given a second argument."""
    try:
        parameters = inspect.signature(fun).parameters.values()
    except (ValueError, TypeError):  # one of C's, of which Python does not know
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p for p in parameters if p.kind in positional and p.default is p.empty]
    return len(needed) == 2


@dataclasses.dataclass(frozen=True)
class WithKey:
    """A function of a solution and a key as one of the pair; picklable if the function is."""

    fun: Callable[[Any, Any], Any]

    def __call__(self, pair: tuple[Any, Any]) -> Any:
        """What fun gives for the two."""
        return self.fun(*pair)
