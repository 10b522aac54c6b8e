"""Networks whose layers can be replaced by adapters: an MLP ladder, a convolutional one, an LM.

Any Flax module can, see `tasks.lora.adapters`; these are the experiments'. All take ``train``,
which switches dropout on (its key: ``rngs={"dropout": key}``).

Shape letters: C classes or characters, T tokens, W width.
"""

import jax.numpy as jnp
from flax import linen
from jax import Array

LADDER: dict[str, tuple[int, ...]] = {
    "tiny": (128, 64),
    "small": (256, 128, 64),
    "medium": (512, 256, 128, 64),
    "large": (1024, 512, 256, 128, 64),
}


class Classifier(linen.Module):
    """An MLP with ReLU and dropout: inputs (..., I) to logits (..., C).

    Attributes:
        hidden: widths of the hidden layers; the paper's are `LADDER`.
        num_outputs: C.
        dropout: share of a hidden layer's neurons that is left out in training, in [0, 1).
    """

    hidden: tuple[int, ...] = LADDER["tiny"]
    num_outputs: int = 10
    dropout: float = 0.1

    @linen.compact
    def __call__(self, inputs: Array, train: bool = False) -> Array:
        """Logits (..., C) of inputs (..., I)."""
        for width in self.hidden:
            inputs = linen.relu(linen.Dense(width)(inputs))
            inputs = linen.Dropout(self.dropout, deterministic=not train)(inputs)
        return linen.Dense(self.num_outputs)(inputs)


class ConvNet(linen.Module):
    """3 x 3 convolutions with ReLU, halving the image from the second on; then the mean over it.

    Attributes:
        side: of the square, grey images, which come flat.
        channels: of each convolution.
        num_outputs: C.
    """

    side: int = 28
    channels: tuple[int, ...] = (16, 32, 64)
    num_outputs: int = 10

    @linen.compact
    def __call__(self, inputs: Array, train: bool = False) -> Array:
        """Logits (..., C) of images (..., side^2)."""
        del train
        image = inputs.reshape(*inputs.shape[:-1], self.side, self.side, 1)
        for number, width in enumerate(self.channels):
            strides = (1, 1) if number == 0 else (2, 2)
            image = linen.relu(linen.Conv(width, (3, 3), strides)(image))
        return linen.Dense(self.num_outputs)(jnp.mean(image, axis=(-3, -2)))


class Transformer(linen.Module):
    """A decoder-only language model, layer norms first, learned positions.

    Attributes:
        num_tokens: C, size of the vocabulary.
        length: most tokens of a text.
        width: W, a multiple of the heads.
        depth: blocks of attention and of a GELU layer four times as wide.
        num_heads: of the attention.
        dropout: behind attention and MLP, in [0, 1).
    """

    num_tokens: int = 128
    length: int = 64
    width: int = 64
    depth: int = 2
    num_heads: int = 4
    dropout: float = 0.0

    @linen.compact
    def __call__(self, tokens: Array, train: bool = False) -> Array:
        """Logits (..., T, C) of the token after each of tokens (..., T), integers."""
        positions = jnp.arange(tokens.shape[-1])
        hidden = linen.Embed(self.num_tokens, self.width, name="tokens")(tokens)
        hidden += linen.Embed(self.length, self.width, name="positions")(positions)
        mask = linen.make_causal_mask(tokens)

        def drop(values: Array) -> Array:
            return linen.Dropout(self.dropout, deterministic=not train)(values)

        for block in range(self.depth):
            normed = linen.LayerNorm(name=f"norm_{block}_attention")(hidden)
            attend = linen.MultiHeadDotProductAttention(self.num_heads, name=f"attention_{block}")
            hidden += drop(attend(normed, mask=mask))
            normed = linen.LayerNorm(name=f"norm_{block}_mlp")(hidden)
            wide = linen.gelu(linen.Dense(4 * self.width, name=f"up_{block}")(normed))
            hidden += drop(linen.Dense(self.width, name=f"down_{block}")(wide))
        return linen.Dense(self.num_tokens, name="head")(linen.LayerNorm(name="norm")(hidden))


MODELS: dict[str, type[linen.Module]] = {
    model.__name__: model for model in (Classifier, ConvNet, Transformer)
}
