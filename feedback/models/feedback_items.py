from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Substr

from feedback.models.call_notes import CallNote
from feedback.models.features import Feature
from feedback.models.themes import Theme

# By severity: looked at within, closed with an outcome within. Nothing said counts as medium.
DUE_WITHIN = {
    "critical": (timedelta(hours=4), timedelta(days=2)),
    "high": (timedelta(days=1), timedelta(days=7)),
    "medium": (timedelta(days=3), timedelta(days=30)),
    "low": (timedelta(days=7), timedelta(days=90)),
}

# Of the id of what came by the customers' form: "form-" and the 16 characters that each opening of a page gets.
PAGE_LENGTH = 21


def due_times(*, channel: str, severity: str, text: str, at: datetime) -> tuple[datetime | None, datetime | None]:
    """When an item that came at `at` is to be triaged and closed. A rating without words is counted, not worked:
    nothing falls due on it, unless it is a complaint or somebody said how bad it is."""
    if not text and not severity and channel != "complaint":
        return None, None
    triage, close = DUE_WITHIN[severity or "medium"]
    return at + triage, at + close


class FeedbackItemQuerySet(models.QuerySet["FeedbackItem"]):
    def of(self, feature: Feature) -> Self:
        return self.filter(feature=feature)

    def received_between(self, start: datetime, end: datetime) -> Self:
        return self.filter(received_at__gte=start, received_at__lt=end)

    def occurred_between(self, start: datetime, end: datetime) -> Self:
        return self.filter(occurred_at__gte=start, occurred_at__lt=end)

    def trusted(self) -> Self:
        return self.filter(quarantine_reason="")

    def quarantined(self) -> Self:
        return self.exclude(quarantine_reason="")

    def open(self) -> Self:
        """What somebody has to work on: not closed, not in quarantine, more than a rating without words."""
        return self.filter(triage_due_at__isnull=False).exclude(state=FeedbackItem.State.CLOSED)

    def overdue(self, now: datetime) -> Self:
        is_late = Q(state=FeedbackItem.State.NEW, triage_due_at__lte=now) | Q(close_due_at__lte=now)
        return self.open().filter(is_late)

    def falling_due_between(self, start: datetime, end: datetime) -> Self:
        """Whose triage or whose closing was to be done in [start, end), whether it was or not."""
        is_triage = Q(triage_due_at__gte=start, triage_due_at__lt=end)
        return self.filter(is_triage | Q(close_due_at__gte=start, close_due_at__lt=end))

    def complaints(self) -> Self:
        """Sent as one, or bad in a customer's eyes, or a thumb down with words. Quarantined ones are none yet."""
        is_bad = Q(
            channel__in=["ticket", "call_note", "widget", "survey", "sales"], severity__in=["high", "critical"]
        )
        is_thumb_down = Q(channel="thumb", rating=-1) & ~Q(text="")
        return self.trusted().filter(Q(channel="complaint") | is_bad | is_thumb_down)

    def current(self) -> Self:
        """Thumbs that hold: the last of each (prediction, actor). Without an actor the page that it was pressed on
        says whose it is; without either it can be nobody's second."""
        is_later = Q(occurred_at__gt=OuterRef("occurred_at")) | Q(
            occurred_at=OuterRef("occurred_at"), external_id__gt=OuterRef("external_id")
        )
        later = FeedbackItem.objects.trusted().filter(
            is_later,
            channel="thumb",
            feature=OuterRef("feature"),
            prediction_external_id=OuterRef("prediction_external_id"),
            actor=OuterRef("actor"),
        )
        of_the_page = Q(page=Substr(OuterRef("external_id"), 1, PAGE_LENGTH))
        later = later.alias(page=Substr("external_id", 1, PAGE_LENGTH)).filter(~Q(actor="") | of_the_page)
        is_nobodys = Q(actor="") & ~Q(external_id__startswith="form-")
        return self.trusted().filter(is_nobodys | ~Exists(later), channel="thumb")


class FeedbackItem(models.Model):
    """What a customer said about a feature, in numbers or words. It may come ahead of the prediction it names."""

    class Channel(models.TextChoices):
        THUMB = "thumb", "Thumb"
        WIDGET = "widget", "Widget"
        SURVEY = "survey", "Survey"
        CALL_NOTE = "call_note", "Call note"
        TICKET = "ticket", "Ticket"
        SALES = "sales", "Sales"
        COMPLAINT = "complaint", "Complaint"

    class Severity(models.TextChoices):
        LOW = "low", "Low"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"
        CRITICAL = "critical", "Critical"

    class State(models.TextChoices):
        NEW = "new", "New"
        TRIAGED = "triaged", "Triaged"
        PLANNED = "planned", "Planned"
        ANSWERED = "answered", "Answered"
        CLOSED = "closed", "Closed"

    class Quarantine(models.TextChoices):
        """Why an item from the customers' form waits until somebody lets it out."""

        TRAP = "trap", "Filled in a field that people do not see"
        TOO_FAST = "too_fast", "Sent within 2 seconds of opening the form"
        NO_TOKEN = "no_token", "Sent without opening the form"
        LINKS = "links", "Holds many links"

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    external_id = models.CharField(max_length=200)
    channel = models.CharField(max_length=12, choices=Channel.choices)
    rating = models.FloatField(null=True)
    text = models.TextField(default="", max_length=10_000)
    severity = models.CharField(max_length=8, choices=Severity.choices, default="")
    actor = models.CharField(max_length=200, default="")
    account = models.CharField(max_length=200, default="")
    prediction_external_id = models.CharField(max_length=200, default="")
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    # Of the item as sent: tells a harmless repeat from another item under the same id.
    fingerprint = models.BigIntegerField()
    note = models.ForeignKey(CallNote, models.CASCADE, null=True, related_name="+")

    state = models.CharField(max_length=8, choices=State.choices, default=State.NEW)
    theme = models.ForeignKey(Theme, models.SET_NULL, null=True, related_name="+")
    # None: nothing is to be done about it (due_times).
    triage_due_at = models.DateTimeField(null=True)
    close_due_at = models.DateTimeField(null=True)
    triaged_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    outcome = models.TextField(default="", max_length=1000)
    quarantine_reason = models.CharField(max_length=8, choices=Quarantine.choices, default="")

    objects = FeedbackItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["feature", "external_id"], name="feedback_feedbackitem_id_is_unique_in_its_feature"
            ),
            models.CheckConstraint(
                condition=Q(
                    channel__in=["thumb", "widget", "survey", "call_note", "ticket", "sales", "complaint"]
                ),
                name="feedback_feedbackitem_channel_is_known",
            ),
            models.CheckConstraint(
                condition=Q(severity__in=["", "low", "medium", "high", "critical"]),
                name="feedback_feedbackitem_severity_is_known",
            ),
            models.CheckConstraint(
                condition=Q(channel="thumb", rating__isnull=False, rating__in=[-1, 1])
                | ~Q(channel="thumb") & (Q(rating=None) | Q(rating__range=(0, 10))),
                name="feedback_feedbackitem_rating_fits_its_channel",
                violation_error_message="A thumb is -1 or 1, any other rating 0 to 10.",
            ),
            models.CheckConstraint(
                condition=Q(rating__isnull=False) | ~Q(text=""),
                name="feedback_feedbackitem_says_something",
                violation_error_message="Feedback has a rating, a text, or both.",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["new", "triaged", "planned", "answered", "closed"]),
                name="feedback_feedbackitem_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state="new", triaged_at=None) | ~Q(state="new") & Q(triaged_at__isnull=False),
                name="feedback_feedbackitem_triaged_once_it_is_not_new",
            ),
            models.CheckConstraint(
                condition=Q(state="closed", closed_at__isnull=False) & ~Q(outcome="")
                | ~Q(state="closed") & Q(closed_at=None, outcome=""),
                name="feedback_feedbackitem_closed_with_an_outcome",
                violation_error_message="Feedback is closed with an outcome: say how it ended.",
            ),
            models.CheckConstraint(
                condition=Q(triage_due_at=None, close_due_at=None)
                | Q(triage_due_at__isnull=False, close_due_at__isnull=False, close_due_at__gte=F("triage_due_at")),
                name="feedback_feedbackitem_both_fall_due_or_none",
            ),
            models.CheckConstraint(
                condition=Q(quarantine_reason="")
                | Q(
                    quarantine_reason__in=["trap", "too_fast", "no_token", "links"],
                    state="new",
                    triage_due_at=None,
                ),
                name="feedback_feedbackitem_nothing_is_due_in_quarantine",
            ),
        ]
        indexes = [
            # The inbox and what follows: what came in since its last look.
            models.Index(fields=["received_at"], name="feedbackitem_received"),
            # A window of a feature; retention: what a feature no longer keeps.
            models.Index(fields=["feature", "occurred_at"], name="feedbackitem_feature_occurred"),
            # Erasing an actor.
            models.Index(fields=["actor"], condition=~Q(actor=""), name="feedbackitem_actor"),
            # The inbox, and what falls due: the open ones of a feature by when they should be closed, or triaged.
            models.Index(
                fields=["feature", "close_due_at"],
                condition=Q(triage_due_at__isnull=False),
                name="feedbackitem_close_due",
            ),
            models.Index(
                fields=["feature", "triage_due_at"],
                condition=Q(triage_due_at__isnull=False),
                name="feedbackitem_triage_due",
            ),
            # The quarantine: few rows of many.
            models.Index(
                fields=["feature", "received_at"],
                condition=~Q(quarantine_reason=""),
                name="feedbackitem_quarantine",
            ),
            # Which thumb of an actor holds.
            models.Index(
                fields=["feature", "prediction_external_id", "actor", "occurred_at"],
                condition=Q(channel="thumb"),
                name="feedbackitem_thumb",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.external_id}: {self.channel}"
