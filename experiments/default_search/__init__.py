"""What the default search keeps of Diffusion Evolution, and what it costs."""
