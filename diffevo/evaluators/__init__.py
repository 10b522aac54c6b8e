"""How a fitness is obtained, never what it is."""
