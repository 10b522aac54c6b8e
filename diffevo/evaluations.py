"""Every evaluated solution and its value in Parquet files; the one file that imports pyarrow.

A row is an evaluation: ``generation``, ``member``, ``fitness`` in the user's sign, and a column for
each leaf of the solution, named by its path: numbers, lists of numbers for arrays, and categories
as text unless they are numbers. Any reader of Parquet takes the folder, or its files, as one table.

Of a noisy function a row is a solution, its fitness the mean of its repeats; the candidates that
are evaluated again come after the members, from member N on.
"""

import os
import re
from pathlib import Path
from typing import Any

import jax
import numpy as np

try:
    import pyarrow
    import pyarrow.parquet
except ImportError as error:
    raise ImportError(
        "run_dir: to record evaluations needs pyarrow: pip install 'diffevo-jax[records]'; or say "
        "record_evaluations=False"
    ) from error

from diffevo.configuration import leaf_names
from diffevo.space import Layout, SearchSpace

# Genomes are decoded in blocks of so many rows, so that one program does for all; in fewer if these
# are more numbers than that.
_ROWS, _NUMBERS = 4096, 2**22
_NAME = re.compile(r"(\d{10})-(\d{10})\.parquet")

_decode = jax.jit(Layout.decode, static_argnums=(0, 3))


def write(
    folder: Path,
    space: SearchSpace,
    generations: np.ndarray,
    members: np.ndarray,
    genomes: np.ndarray,
    fitness: np.ndarray,
) -> None:
    """Write a part: a file for these evaluations, as a whole or not at all.

    Args:
        folder: of all parts; it exists.
        space: what is searched.
        generations: shape (n,), ascending.
        members: places in their generation, shape (n,).
        genomes: shape (n, D).
        fitness: in the user's sign, shape (n,).

    Raises:
        Exception: what pyarrow or the system raises if it cannot be written.
    """
    columns: dict[str, Any] = {
        "generation": generations.astype(np.int32),
        "member": members.astype(np.int32),
        "fitness": fitness,
    }
    leaves = _leaves(space, genomes)
    for name, values, categories in zip(leaf_names(space), leaves, space.categories, strict=True):
        if not values.size:
            continue
        # A leaf of the user's may have the name of a column of ours.
        columns[name if name not in columns else f"x.{name}"] = _column(values, categories)
    table = pyarrow.table(columns)
    place = folder / f"{generations[0]:010d}-{generations[-1]:010d}.parquet"
    temporary = folder / f".{place.name}.tmp"
    # Numbers of a search hardly repeat: no dictionary. Split by bytes, they compress a little.
    floats: Any = [f.name for f in table.schema if pyarrow.types.is_floating(f.type)]
    for field in table.schema:
        is_list = pyarrow.types.is_fixed_size_list(field.type)
        if is_list and pyarrow.types.is_floating(field.type.value_type):
            floats.append(f"{field.name}.list.element")
    texts: Any = [f.name for f in table.schema if pyarrow.types.is_dictionary(f.type)]
    pyarrow.parquet.write_table(
        table,
        temporary,
        compression="zstd",
        compression_level=1,
        use_dictionary=texts,
        use_byte_stream_split=floats,
        write_statistics=False,
    )
    os.replace(temporary, place)


def _leaves(space: SearchSpace, genomes: np.ndarray) -> list[np.ndarray]:
    """Genomes (n, D) to each leaf's values (n, ...); categories that are no numbers as indices."""
    blocks, rows = [], max(1, min(_ROWS, _NUMBERS // genomes.shape[1]))
    for begin in range(0, len(genomes), rows):
        block = genomes[begin : begin + rows]
        padded = np.zeros((rows, genomes.shape[1]), genomes.dtype)
        padded[: len(block)] = block
        decoded = jax.device_get(_decode(space.layout, space.limits, padded, True))
        blocks.append([leaf[: len(block)] for leaf in jax.tree.leaves(decoded)])
    return [np.concatenate(parts) for parts in zip(*blocks, strict=True)]


def _column(values: np.ndarray, categories: Any) -> Any:
    flat = values.ravel()
    if categories is None:
        if flat.dtype.itemsize < 4:  # bfloat16 and float16
            flat = flat.astype(np.float32)
        column = pyarrow.array(flat)
    elif categories.dtype.hasobject:
        texts = pyarrow.array([str(category) for category in categories])
        column = pyarrow.DictionaryArray.from_arrays(pyarrow.array(flat.astype(np.int32)), texts)
    else:
        column = pyarrow.array(categories[flat])
    if values.ndim == 1:
        return column
    size = int(np.prod(values.shape[1:]))
    return pyarrow.FixedSizeListArray.from_arrays(column, size)


def remove_after(folder: Path, generation: int) -> None:
    """Remove the parts of generations after one, and what is left of parts half written."""
    for path in folder.iterdir():
        name = _NAME.fullmatch(path.name)
        if path.name.endswith(".tmp") or (name and int(name[2]) > generation):
            path.unlink()


def read(folder: Path) -> Any:
    """All evaluations as a `pyarrow.Table`, in their order; None if there are none."""
    parts = sorted(path for path in folder.glob("*.parquet") if _NAME.fullmatch(path.name))
    if not parts:
        return None
    return pyarrow.concat_tables(pyarrow.parquet.read_table(part) for part in parts)
