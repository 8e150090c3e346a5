"""What follows: additive summaries of hours, and the estimates, percentiles and series made of them."""

from metrics.models.debates import DebateRound, Placement, PlacementRevision
from metrics.models.estimates import Conclusion, Estimate, EstimateSet, RuntimePercentiles
from metrics.models.expectations import Expectation, ExpectationStatus
from metrics.models.scores import FitChange, ReadinessItem, ScoreGoals, ScoreSnapshot, ScoreWeights
from metrics.models.summaries import HourlySummary
from metrics.models.usage import ActorDay, ActorState, UsageSummary, UseWeek

__all__ = [
    "ActorDay",
    "ActorState",
    "Conclusion",
    "DebateRound",
    "Estimate",
    "EstimateSet",
    "Expectation",
    "ExpectationStatus",
    "FitChange",
    "HourlySummary",
    "Placement",
    "PlacementRevision",
    "ReadinessItem",
    "RuntimePercentiles",
    "ScoreGoals",
    "ScoreSnapshot",
    "ScoreWeights",
    "UsageSummary",
    "UseWeek",
]
