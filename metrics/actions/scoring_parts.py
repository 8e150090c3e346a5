"""The five components of accountability, from reviews, promises, complaints and the checklist."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Count, F, Q

from feedback.models import Feature, FeedbackItem
from metrics.models import Alert, Estimate, UseWeek
from metrics.readiness import checklist, holding
from metrics.stats import accountability
from metrics.stats.accountability import Part

WINDOW, WEEK = timedelta(days=28), timedelta(days=7)
# An alert that ended by itself before its answer was due needed none.
IN_TIME = Q(answered_at__lte=F("due_at")) | Q(answered_at=None, cleared_at__lte=F("due_at"))


def parts_of(feature: Feature, *, end: datetime, agreed: float, now: datetime) -> dict[str, Part]:
    """Of the 28 days before `end`, by what is known now. agreed: half-width of quality, as a share."""
    return {
        "evidence": _evidence(feature, end, agreed),
        "promises": _promises(feature, now),
        "reliance": _reliance(feature, end),
        "answering": _answering(feature, end),
        "readiness": accountability.readiness(holding(checklist(feature, now=now))),
    }


def _evidence(feature: Feature, end: datetime, agreed: float) -> Part:
    """Of what people used; where none of that can be told right from wrong, of all predictions."""
    weeks = UseWeek.objects.of(feature).filter(week_on__gt=end.date() - WINDOW - WEEK, week_on__lt=end.date())
    of_used = [_pooled(weeks.filter(source=source), source) for source in UseWeek.Source]
    found = [each for each in of_used if each is not None]
    if not found:
        found = _of_all(feature)
    if not found:
        return accountability.evidence(None, agreed=agreed, n=0, of="")
    half_width, n, of = min(found)
    return accountability.evidence(half_width, agreed=agreed, n=n, of=of)


def _pooled(weeks: Iterable[UseWeek], source: str) -> tuple[float, int, str] | None:
    """(half-width, n, of what) of the share right among what was used in these weeks; weeks weigh as their use."""
    judged = [week for week in weeks if week.wrong_but_used is not None and week.n_used]
    whole = sum(week.n_used for week in judged)
    if not whole:
        return None
    halves = [
        week.n_used * ((week.wrong_but_used_high or 0) - (week.wrong_but_used_low or 0)) / 2 for week in judged
    ]
    what = (
        "reviews of used predictions" if source == UseWeek.Source.REVIEWED else "used predictions with their truth"
    )
    return sum(half**2 for half in halves) ** 0.5 / whole, sum(week.n_used_judged for week in judged), what


def _of_all(feature: Feature) -> list[tuple[float, int, str]]:
    stored = Estimate.objects.filter(
        set__feature=feature, set__window="28d", set__version=None, set__segment="", metric="accuracy", label="",
        value__isnull=False,
    ).values_list("set__source", "low", "high", "n")  # fmt: skip
    words = {"reviewed": "reviews of all predictions", "observed": "predictions with their truth"}
    return [
        ((high - low) / 2, n, words[source])
        for source, low, high, n in stored
        if low is not None and high is not None
    ]


def _promises(feature: Feature, now: datetime) -> Part:
    from metrics.actions.expecting import promises

    return accountability.promises([promise.p_met for promise in promises(feature, now=now)])


def _reliance(feature: Feature, end: datetime) -> Part:
    from metrics.actions.relying import reliance

    found = reliance(feature, start=end - WINDOW, end=end)
    return accountability.reliance(
        found.used_given_right, found.not_used_given_wrong, found.n_right, found.n_wrong, found.reason
    )


def _answering(feature: Feature, end: datetime) -> Part:
    """Complaints and alerts alike: looked at in time, and ended in time with words."""
    start = end - WINDOW
    complaints = FeedbackItem.objects.of(feature).complaints().falling_due_between(start, end)
    is_triage = Q(triage_due_at__gte=start, triage_due_at__lt=end)
    is_close = Q(close_due_at__gte=start, close_due_at__lt=end)
    of_complaints = complaints.aggregate(
        n_triage_due=Count("pk", filter=is_triage),
        n_triaged=Count("pk", filter=is_triage & Q(triaged_at__lte=F("triage_due_at"))),
        n_close_due=Count("pk", filter=is_close),
        n_closed=Count("pk", filter=is_close & Q(closed_at__lte=F("close_due_at")) & ~Q(outcome="")),
    )
    # Constraints see to it that an alert is never answered nor cleared without words.
    is_answer = Q(due_at__gte=start, due_at__lt=end)
    of_alerts = (
        Alert.objects.of(feature)
        .falling_due_between(start, end)
        .aggregate(
            n_triage_due=Count("pk", filter=is_answer),
            n_triaged=Count("pk", filter=is_answer & IN_TIME),
            n_close_due=Count("pk", filter=is_close),
            n_closed=Count("pk", filter=is_close & Q(cleared_at__lte=F("close_due_at"))),
        )
    )
    n = {name: of_complaints[name] + of_alerts[name] for name in of_complaints}
    return accountability.answering(**n, n_alerts=max(of_alerts["n_triage_due"], of_alerts["n_close_due"]))
