"""Adapters of a frozen random network evolved instead of trained."""
