"""How good `minimize` is on mixed search spaces, beside what people use there."""
