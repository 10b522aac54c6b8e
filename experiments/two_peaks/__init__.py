"""Two equal peaks held at once."""
