"""Locally connected spiking networks: accuracy over filters, and what deletion leaves."""
