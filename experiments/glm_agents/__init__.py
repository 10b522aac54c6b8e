"""Networks of spiking agents: learned, evolved, and learning rules evolved."""
