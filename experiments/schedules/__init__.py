"""Noise schedules and accelerated sampling."""
