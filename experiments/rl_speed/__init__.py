"""Speed of roll-outs beside evosax's, and of a whole cart-pole experiment."""
