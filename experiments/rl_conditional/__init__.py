"""CHARLES-D asked for how much a controller pushes, in two environments besides cart-pole."""
