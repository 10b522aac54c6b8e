"""What the runtime costs, and what failures cost."""
