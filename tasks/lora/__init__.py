"""Networks of frozen random layers and low-rank adapters: trained, evolved, saved in kilobytes."""

from tasks.lora.adapters import LowRank
from tasks.lora.classification import Classification, digits
from tasks.lora.models import LADDER, Classifier, ConvNet, Transformer
from tasks.lora.training import Training, fit, stack

__all__ = [
    "LADDER",
    "Classification",
    "Classifier",
    "ConvNet",
    "LowRank",
    "Training",
    "Transformer",
    "digits",
    "fit",
    "stack",
]
