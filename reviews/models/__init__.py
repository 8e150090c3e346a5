"""What experts judged: an item is a prediction to be judged, an assignment one opinion to be given on it."""

from reviews.models.assignments import (
    Assignment,
    AssignmentQuerySet,
    BlindAnswer,
    ClaimWalk,
    Exclusion,
    ReviewerSkill,
)
from reviews.models.exports import Export, ExportPart
from reviews.models.items import GoldReference, ReviewItem
from reviews.models.judgments import Draft, Judgment
from reviews.models.policies import DrawDay, ReviewRate, Rubric, RubricAgreement, SamplingPolicy
from reviews.models.reliability import Reliability

__all__ = [
    "Assignment",
    "AssignmentQuerySet",
    "BlindAnswer",
    "ClaimWalk",
    "Draft",
    "DrawDay",
    "Exclusion",
    "Export",
    "ExportPart",
    "GoldReference",
    "Judgment",
    "Reliability",
    "ReviewItem",
    "ReviewRate",
    "ReviewerSkill",
    "Rubric",
    "RubricAgreement",
    "SamplingPolicy",
]
