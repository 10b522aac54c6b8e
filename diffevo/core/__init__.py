"""Pure functions behind every algorithm: array in, array out, no keys drawn, no state held."""
