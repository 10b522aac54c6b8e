"""Rings of oscillators that read images: how many, how coupled, and against what?"""
