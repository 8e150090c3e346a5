"""Sends what models predicted, and what became of it, to Touchstone: in the background, never in the way."""

from touchstone_client._counts import Refusal, Stats
from touchstone_client._predicting import Predicting, Stage
from touchstone_client.client import Client

__all__ = ["Client", "Predicting", "Refusal", "Stage", "Stats"]
__version__ = "0.1.0"
