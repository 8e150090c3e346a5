"""What happened: people, features, versions, predictions, outcomes, and the jobs that follow."""

from feedback.models.events import UsageEvent
from feedback.models.features import Feature, ModelVersion
from feedback.models.feedback_items import FeedbackItem
from feedback.models.jobs import Job, Schedule
from feedback.models.looks import Look
from feedback.models.people import ApiKey, Membership, OneTimeLogin, User
from feedback.models.predictions import Outcome, Prediction
from feedback.models.refusals import RefusalHour

__all__ = [
    "ApiKey",
    "Feature",
    "FeedbackItem",
    "Job",
    "Look",
    "Membership",
    "ModelVersion",
    "OneTimeLogin",
    "Outcome",
    "Prediction",
    "RefusalHour",
    "Schedule",
    "UsageEvent",
    "User",
]
