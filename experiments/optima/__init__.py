"""Diversity and optima found, generation by generation."""
