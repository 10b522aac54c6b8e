"""The scaffold with adapters: the equation, its counts, any layer, many models, bad arguments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from tasks.lora import LADDER, Classifier, ConvNet, LowRank, Transformer
from tasks.lora.backbones import FAMILIES, check_fingerprints, draw, fingerprint, key_of

TINY = LowRank(Classifier((16, 12)), (20,), rank=4, alpha=2.0)
CONVOLUTIONS = LowRank(ConvNet(8, (6, 8)), (64,), rank=3, trained=("Dense_0",))
LANGUAGE = LowRank(Transformer(11, 6, 8, 1, 2), (6,), rank=2, alpha=16.0, input_dtype="int32")
MODELS = {"mlp": TINY, "convolutions": CONVOLUTIONS, "language": LANGUAGE}


def random_params(model, seed=0, batch=()):
    """Parameters as after some training: B is not 0, beta not 1."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(
        lambda leaf: jnp.asarray(0.3 * rng.normal(size=(*batch, *leaf.shape)), jnp.float32),
        model.shapes,
    )


def examples(model, seed=1):
    rng = np.random.default_rng(seed)
    shape = (5, *model.input_shape)
    if model.input_dtype == "int32":
        return jnp.asarray(rng.integers(0, 11, shape), jnp.int32)
    return jnp.asarray(rng.normal(size=shape), jnp.float32)


def test_the_equation_in_numpy():
    params, backbone, x = random_params(TINY), TINY.backbone(3), examples(TINY)
    hidden = np.asarray(x, np.float64)
    for name, w in backbone.items():
        a, b, beta = (np.asarray(params[name][part], np.float64) for part in ("a", "b", "beta"))
        frozen = hidden @ np.asarray(w, np.float64)
        hidden = np.maximum(beta * frozen + 2.0 / 4 * (hidden @ a @ b), 0)
    expected = hidden @ np.asarray(params["Dense_2"]["kernel"]) + params["Dense_2"]["bias"]
    np.testing.assert_allclose(jax.jit(TINY.apply)(params, backbone, x), expected, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_merged_it_is_the_module_itself(name):
    model = MODELS[name]
    params, backbone, x = random_params(model), model.backbone(0), examples(model)
    merged = model.merge(params, backbone)
    shapes = jax.eval_shape(model.module.init, jax.random.key(0), x)["params"]
    assert jax.tree.map(jnp.shape, merged) == jax.tree.map(jnp.shape, shapes)
    ours = jax.jit(model.apply)(params, backbone, x)
    theirs = jax.jit(model.module.apply)({"params": merged}, x)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_what_is_adapted():
    assert list(LANGUAGE.layers) == [
        *(f"attention_0/{part}" for part in ("query", "key", "value", "out")),
        "up_0",
        "down_0",
    ]
    assert LANGUAGE.layers["attention_0/query"].shape == (8, 8)
    assert LANGUAGE.layers["attention_0/out"].inputs == (2, 4)
    assert CONVOLUTIONS.layers["Conv_1"].shape == (3 * 3 * 6, 8)
    assert not LowRank(Classifier((3,)), (2,), rank=None).layers


def test_the_paper_counts_the_same():
    # Table 1 of arXiv 2604.08749: medium, rank 8, 21,774 of 575,050.
    medium = LowRank(Classifier(LADDER["medium"]), (784,), rank=8)
    assert (medium.num_trained, medium.num_full) == (21_774, 575_050)


def test_at_the_start_the_scaffold_acts_alone():
    params = TINY.init(jax.random.key(0))
    assert all(np.all(params[name]["b"] == 0) for name in TINY.layers)
    assert all(params[name]["beta"] == 1 for name in TINY.layers)
    a = params["Dense_0"]["a"]
    assert 0.5 / np.sqrt(20) < np.max(np.abs(a)) <= 1 / np.sqrt(20)


def test_many_models_are_each_of_them_and_share_the_scaffold():
    params, backbone, x = random_params(TINY, batch=(7,)), TINY.backbone(0), examples(TINY)
    together = jax.jit(jax.vmap(TINY.apply, (0, None, None)))
    one = jax.jit(TINY.apply)
    for number in range(7):
        alone = one(jax.tree.map(lambda leaf, n=number: leaf[n], params), backbone, x)
        np.testing.assert_allclose(together(params, backbone, x)[number], alone, atol=1e-5)
    # The first layer's product with W is made once, for 5 examples, not for 7 x 5.
    text = str(jax.make_jaxpr(jax.vmap(TINY.apply, (0, None, None)))(params, backbone, x))
    assert "f32[5,16] = dot_general" in text


def test_gradients_reach_all_that_is_trained_and_nothing_else():
    params, backbone, x = random_params(TINY), TINY.backbone(0), examples(TINY)
    slopes = jax.jit(jax.grad(lambda p: jnp.sum(TINY.apply(p, backbone, x) ** 2)))(params)
    assert all(np.any(leaf != 0) for leaf in jax.tree.leaves(slopes))


@pytest.mark.parametrize("family", FAMILIES)
def test_families(family):
    shape = (64, 48)
    w = np.asarray(jax.jit(lambda: draw(family, key_of(0), "layer", shape))())
    assert w.shape == shape
    assert w.dtype == np.float32
    assert np.isfinite(w).all()
    assert abs(w.mean()) < 0.01
    widths = {
        "zero": (0, 0), "cauchy": (0.2, 0.4), "student_t": (0.12, 0.22), "laplace": (0.13, 0.15),
        "sparse_normal": (0.04, 0.05), "erdos_renyi": (0.04, 0.05), "mixture": (0.105, 0.118),
        "uniform": (0.056, 0.06), "truncated_normal": (0.085, 0.091), "fan_in": (0.12, 0.13),
        "orthogonal": (0.12, 0.13), "kaiming_normal": (0.17, 0.185),
        "kaiming_uniform": (0.17, 0.185), "xavier_normal": (0.13, 0.14),
        "xavier_uniform": (0.13, 0.14), "spectral_radius": (0.05, 0.08),
    }  # fmt: skip
    low, high = widths.get(family, (0.095, 0.11))
    assert low <= w.std() <= high
    levels = {"2_bit": 4, "4_bit": 16, "binary": 2, "erdos_renyi": 3, "zero": 1}
    if family in levels:
        assert len(np.unique(w)) == levels[family]
    if family == "spectral_radius":
        assert np.linalg.norm(w, 2) == pytest.approx(0.95, abs=1e-3)
    if family == "orthogonal":
        np.testing.assert_allclose(w.T @ w, np.eye(48), atol=1e-4)


def test_a_layer_is_drawn_by_seed_and_name_alone():
    w = TINY.backbone(0)["Dense_0"]
    more = LowRank(Classifier((16, 14, 13)), (20,), rank=1)
    np.testing.assert_array_equal(w, more.backbone(0)["Dense_0"])
    assert np.abs(w - TINY.backbone(1)["Dense_0"]).max() > 0.1
    with jax.default_prng_impl("rbg"):
        np.testing.assert_array_equal(w, TINY.backbone(0)["Dense_0"])


def test_fingerprints_pass_rounding_and_nothing_else():
    w = draw("normal", key_of(0), "layer", (256, 200))
    prints = {"layer": fingerprint(w)}
    check_fingerprints({"layer": w * (1 + 1e-6)}, prints)
    for other in (w.at[3, 5].add(0.2), -w, w[::-1], draw("normal", key_of(1), "layer", w.shape)):
        with pytest.raises(ValueError, match="layer: the seed gives another random matrix"):
            check_fingerprints({"layer": other}, prints)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 13}, "rank: expected at most 12, the smaller side of the layer 'Dense_1'"),
        ({"rank": 0}, "rank: expected at least 1 or None, got 0"),
        ({"family": "gaussian"}, "family: expected one of normal, .*; got 'gaussian'"),
        ({"trained": ("Dense_7",)}, "trained: expected some of Dense_0, .*; got {'Dense_7'}"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        LowRank(Classifier((16, 12)), (20,), **options)


def test_a_module_that_is_a_layer_is_trained_as_it_is():
    model = LowRank(linen.Dense(3), (4,), rank=2)
    assert not model.layers
    assert model.num_trained == model.num_full == 15
