"""Steering on the double peak: fitness, a wanted quadrant, a changing wish, a changing world."""
