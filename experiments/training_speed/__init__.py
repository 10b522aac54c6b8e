"""How fast a HADES generation is, training included."""
