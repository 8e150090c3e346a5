"""What happened: people, features, versions, predictions, outcomes, and the jobs that follow."""

from feedback.models.call_notes import CallNote
from feedback.models.comments import Comment, CommentRevision
from feedback.models.decisions import Decision
from feedback.models.erasures import Erasure
from feedback.models.events import UsageEvent
from feedback.models.features import Feature, ModelVersion
from feedback.models.feedback_items import FeedbackItem
from feedback.models.feedback_steps import FeedbackStep
from feedback.models.jobs import Job, Schedule
from feedback.models.looks import Look
from feedback.models.people import ApiKey, Membership, OneTimeLogin, User
from feedback.models.plans import Exploration, ExplorationNeed
from feedback.models.predictions import Outcome, Prediction
from feedback.models.refusals import RefusalHour
from feedback.models.stages import StageChange
from feedback.models.themes import Theme

__all__ = [
    "ApiKey",
    "CallNote",
    "Comment",
    "CommentRevision",
    "Decision",
    "Erasure",
    "Exploration",
    "ExplorationNeed",
    "Feature",
    "FeedbackItem",
    "FeedbackStep",
    "Job",
    "Look",
    "Membership",
    "ModelVersion",
    "OneTimeLogin",
    "Outcome",
    "Prediction",
    "RefusalHour",
    "Schedule",
    "StageChange",
    "Theme",
    "UsageEvent",
    "User",
]
