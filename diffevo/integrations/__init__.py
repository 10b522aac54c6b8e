"""Where people already are: one file for each library, the only one that imports it."""
