"""What follows: additive summaries of hours, and the estimates, percentiles and series made of them."""

from metrics.models.alerts import Alert, AlertLook, AlertStep, QualityWatch
from metrics.models.debates import DebateRound, Placement, PlacementRevision
from metrics.models.drift import DriftLook, DriftReading
from metrics.models.estimates import Conclusion, Estimate, EstimateSet, RuntimePercentiles
from metrics.models.expectations import Expectation, ExpectationStatus
from metrics.models.pairs import PairedDay
from metrics.models.scores import FitChange, ReadinessItem, ScoreGoals, ScoreSnapshot, ScoreWeights
from metrics.models.summaries import CountedTolerance, DaySummary, FieldReference, HourlySummary, SegmentValue
from metrics.models.usage import ActorDay, ActorState, UsageSummary, UseWeek

__all__ = [
    "ActorDay",
    "ActorState",
    "Alert",
    "AlertLook",
    "AlertStep",
    "Conclusion",
    "CountedTolerance",
    "DaySummary",
    "DebateRound",
    "DriftLook",
    "DriftReading",
    "Estimate",
    "EstimateSet",
    "Expectation",
    "ExpectationStatus",
    "FieldReference",
    "FitChange",
    "HourlySummary",
    "PairedDay",
    "Placement",
    "PlacementRevision",
    "QualityWatch",
    "ReadinessItem",
    "RuntimePercentiles",
    "ScoreGoals",
    "ScoreSnapshot",
    "ScoreWeights",
    "SegmentValue",
    "UsageSummary",
    "UseWeek",
]
