"""Quines: networks that are asked for their own weights."""
