"""What people do with alerts: take over, hand over, snooze, clear. Each leaves a step with words."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from feedback.models import Feature, Membership, User
from metrics.models import Alert, AlertStep
from reviews.models import ReviewItem

# Whoever answers for a feature; reviewers judge it, and read its alerts.
ANSWERING = frozenset(Membership.Role.values) - {"reviewer", "adjudicator"}
LONGEST_SNOOZE = timedelta(days=30)
Kind = AlertStep.Kind


def answered_by(user: User) -> QuerySet[Feature]:
    """The features whose alerts this person may answer."""
    if user.is_staff:
        return Feature.objects.all()
    return Feature.objects.filter(pk__in=Membership.objects.of(user).with_role(*ANSWERING).values("feature"))


def take_over(*, alert_id: int, words: str, user: User, now: datetime) -> Alert:
    """Answer for it from now on, and say what is done about it. That is an answer in time, if it is in time.

    Raises ValidationError without words, and for one that is cleared. Replay: nothing more. Race: the row is
    locked; the last one answers for it, and both steps stay.
    """

    def change(alert: Alert) -> AlertStep:
        alert.owner, alert.answered_at = user, alert.answered_at or now
        return AlertStep(kind=Kind.TAKEN, to=user)

    return _change(alert_id, words, user, now, change)


def hand_over(*, alert_id: int, to: User, words: str, user: User, now: datetime) -> Alert:
    """Another member answers for it. No answer yet: that is theirs to give.

    Raises ValidationError without words, for one that is cleared, and for somebody who does not see the feature or
    only reviews it. Replay and race as take_over.
    """

    def change(alert: Alert) -> AlertStep:
        if not answered_by(to).filter(pk=alert.feature_id).exists():
            raise ValidationError({"to": f"{to} is no member of this feature who answers for it."})
        alert.owner = to
        return AlertStep(kind=Kind.HANDED_OVER, to=to)

    return _change(alert_id, words, user, now, change)


def snooze(*, alert_id: int, until: datetime, words: str, user: User, now: datetime) -> Alert:
    """Quiet until then, for a reason: an answer. It stays raised, and keeps the rate of reviews up.

    Raises ValidationError for a time that is past or over 30 days ahead, without words, and for one that is
    cleared. Replay and race as take_over.
    """
    if not now < until <= now + LONGEST_SNOOZE:
        raise ValidationError({"until": "Choose a time ahead, within 30 days."})

    def change(alert: Alert) -> AlertStep:
        alert.snoozed_until, alert.answered_at = until, alert.answered_at or now
        return AlertStep(kind=Kind.SNOOZED, until=until)

    return _change(alert_id, words, user, now, change)


def clear(*, alert_id: int, words: str, user: User, now: datetime) -> Alert:
    """It is over, because. Of a quality alert that calls the new state normal: the alarm begins to learn anew.

    Raises ValidationError without words, and for one that is cleared already. Race: the second one is told so.
    """

    def change(alert: Alert) -> AlertStep:
        alert.cleared_at, alert.cleared_why, alert.is_cleared_by_person = now, words.strip(), True
        alert.answered_at = alert.answered_at or now
        if alert.kind == Alert.Kind.QUALITY:
            alert.counted_to = _counted_to(alert)
        return AlertStep(kind=Kind.CLEARED)

    return _change(alert_id, words, user, now, change)


def _counted_to(alert: Alert) -> dict[str, float]:
    """Of each day of draws of its version, the last queue key that is final with no gap before it."""
    drawn = ReviewItem.objects.filter(version=alert.version_id).in_probability_sample().order_by("queue_key")
    found: dict[str, float] = {}
    gaps = set()
    for day, key, final_at in drawn.values_list("cohort_on", "queue_key", "final_at").iterator():
        if final_at is None:
            gaps.add(day)
        elif day not in gaps:
            found[day.isoformat()] = key
    return found


@transaction.atomic
def _change(
    alert_id: int, words: str, user: User, now: datetime, change: Callable[[Alert], AlertStep]
) -> Alert:  # fmt: skip
    if not words.strip():
        raise ValidationError({"words": "Say in a sentence what you found, or what is done about it."})
    # The feature's row first, as the worker does: it raises nothing anew that is being cleared.
    feature_id = Alert.objects.values_list("feature", flat=True).get(pk=alert_id)
    Feature.objects.select_for_update(no_key=True).get(pk=feature_id)
    alert = Alert.objects.select_for_update(of=("self",)).select_related("feature").get(pk=alert_id)
    if alert.cleared_at is not None:
        raise ValidationError("This is cleared already. Nothing was changed.")
    step = change(alert)
    step.alert, step.by, step.words, step.at = alert, user, words.strip(), now
    if not _is_said(step):
        step.save()
        alert.save()
    return alert


def _is_said(step: AlertStep) -> bool:
    """Whether the last thing that happened is just this, by the same person."""
    last = AlertStep.objects.of(step.alert).order_by("-pk").first()
    same = ("kind", "by_id", "to_id", "until", "words")
    return last is not None and all(getattr(last, name) == getattr(step, name) for name in same)
