"""Cart-pole: where the cart stays is asked for at sampling time."""
