"""A small Transformer language model on a frozen random scaffold."""
