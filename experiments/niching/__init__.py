"""Many equal optima: peak ratios of ours and of others on published and on generated functions."""
