"""Pytrees of small arrays as few arrays, and back."""

import jax
import jax.numpy as jnp
import numpy as np

from diffevo.packing import Packing

TREE = {
    "few": jnp.arange(6.0).reshape(2, 3),
    "flag": jnp.asarray([True, False]),
    "many": jnp.ones((200, 100)),
    "number": jnp.asarray(7, jnp.int32),
    "none": jnp.zeros((0, 4)),
    "scalar": jnp.asarray(2.5),
    "key": jax.random.key(3),
}


def test_there_and_back():
    packing = Packing.of(TREE)
    packed = jax.jit(packing.pack)(TREE)
    # One array for each of three dtypes, the large one, the key.
    assert len(packed) == 5
    back = packing.unpack(packed)
    assert jax.tree.structure(back) == jax.tree.structure(TREE)
    for name, leaf in TREE.items():
        assert back[name].shape == leaf.shape, name
        assert back[name].dtype == leaf.dtype, name
        if name != "key":
            np.testing.assert_array_equal(back[name], leaf)
    assert jax.random.key_data(back["key"]).tolist() == jax.random.key_data(TREE["key"]).tolist()


def test_packings_of_like_trees_are_one():
    like = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), TREE)
    assert Packing.of(like) == Packing.of(TREE)
    assert hash(Packing.of(like)) == hash(Packing.of(TREE))


def test_numpy_arrays_are_unpacked_as_numpy():
    tree = {"a": np.arange(3.0), "b": np.ones((2, 2))}
    packing = Packing.of(tree)
    back = packing.unpack([np.asarray(array) for array in packing.pack(tree)])
    assert all(isinstance(leaf, np.ndarray) for leaf in back.values())
    np.testing.assert_array_equal(back["b"], tree["b"])
