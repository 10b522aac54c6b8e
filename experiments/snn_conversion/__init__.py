"""ReLU policies on MinAtar Breakout beside their conversions into spiking networks."""
