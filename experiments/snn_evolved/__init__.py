"""Constants of spiking networks that learn: tuned by evolution, and a front against spikes."""
