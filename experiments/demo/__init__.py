"""The demonstration: table 1, small."""
