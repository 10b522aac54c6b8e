"""Alignment: how much the goals of a population conflict, and policies that lower it."""

from tasks.alignment.cases import CASES, MODERATION, VEHICLE, Case
from tasks.alignment.compromise import Compromise, Outcome, Policy, compromise
from tasks.alignment.measure import MEANS, full_conflict, misalignment, misalignment_of, strain

__all__ = [
    "CASES",
    "MEANS",
    "MODERATION",
    "VEHICLE",
    "Case",
    "Compromise",
    "Outcome",
    "Policy",
    "compromise",
    "full_conflict",
    "misalignment",
    "misalignment_of",
    "strain",
]
