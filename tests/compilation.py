"""Cheap compilations, for tests in which it does not matter how a program rounds.

`jax_disable_most_optimizations` leaves on what costs most in our large programs: XLA's emitters of
fused loops. Without them a generation of niching compiles in less than half of the time and holds
two thirds of the memory maps. JAX has no setting for XLA's options other than XLA_FLAGS, which hold
for a whole process, so that the tests of arithmetic would lose the users' own compilation too, and
in which an option that a version of XLA does not know is fatal.
"""

import functools
import os
from typing import Any

import jax
from jax._src import compiler

OPTIONS = {"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1}


@functools.cache
def known() -> dict[str, Any]:
    """Those of the options that this version of XLA has."""
    found = {}
    for name, value in OPTIONS.items():
        try:
            jax.jit(lambda x: x, compiler_options={name: value}).lower(0.0).compile()
        except jax.errors.JaxRuntimeError as error:
            if "No such compile option" not in str(error):
                raise
        else:
            found[name] = value
    return found


def install() -> None:
    """From now on, wherever most optimisations are off, these are too. Call it once."""
    original = compiler.get_compile_options
    options = known()

    @functools.wraps(original)
    def get_compile_options(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if jax.config.read("jax_disable_most_optimizations"):
            result.env_option_overrides = [*result.env_option_overrides, *options.items()]
        return result

    compiler.get_compile_options = get_compile_options


def environment() -> dict[str, str]:
    """The same for another process, whatever it runs: variables to add to its environment."""
    flags = [f"--{name}={str(value).lower()}" for name, value in known().items()]
    return {
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "XLA_FLAGS": " ".join([os.environ.get("XLA_FLAGS", ""), *flags]).strip(),
    }
