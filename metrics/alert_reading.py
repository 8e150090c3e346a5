"""Alerts as pages, CSV and REST show them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet

from feedback.models import Feature
from metrics.models import Alert, AlertStep, QualityWatch
from metrics.models.alerts import AlertQuerySet
from metrics.stats.budget import FALSE_ALARM_EVERY, FALSE_BREAKS_ONE_IN

NOBODY = ""
BUDGET = (
    f"At most one false alarm in {FALSE_ALARM_EVERY:,} reviews of a version on average, "
    f"and at most one expectation in {FALSE_BREAKS_ONE_IN} is ever called broken though it is kept."
)
COLUMNS = [
    "id", "feature", "version", "kind", "state", "title", "owner", "raised_at", "due_at", "close_due_at",
    "is_overdue", "answered_at", "snoozed_until", "cleared_at", "cleared_why", "sentence",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class LabelEvidence:
    """Reviews of one predicted label since the drop began: shares right, foretold and found."""

    label: str
    n: int
    foretold: float
    found: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class StepRow:
    kind: str
    kind_label: str
    by: str
    to: str
    until: datetime | None
    words: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AlertReport:
    """An alert and what is known of it. state: raised, snoozed or cleared. owner: empty where nobody has it.

    sentence: what was found, for people. n: reviews or predictions behind it. drop, drop_low, drop_high: shares,
    of quality alerts only; overrated, because it was looked for. wrong: predictions among them that were wrong.
    """

    id: int
    address: str
    feature: str
    feature_name: str
    version: str
    kind: str
    kind_label: str
    title: str
    state: str
    owner: str
    raised_at: datetime
    due_at: datetime
    close_due_at: datetime
    is_overdue: bool
    answered_at: datetime | None
    snoozed_until: datetime | None
    cleared_at: datetime | None
    cleared_why: str
    sentence: str
    n: int
    drop: float | None
    drop_low: float | None
    drop_high: float | None
    labels: list[LabelEvidence]
    wrong: list[str]
    steps: list[StepRow]


@dataclass(frozen=True, slots=True)
class WatchReport:
    """Where the quality alarm of a version stands. reason: why it does not watch yet; empty when it does.

    share_of_alarm: statistic / threshold, 1 or more is an alarm. foretold, found: share right of the newest ones.
    """

    version: str
    as_of: datetime
    n: int
    reason: str
    share_of_alarm: float
    n_newest: int
    foretold: float | None
    found: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class AlertCounts:
    n_raised: int
    n_snoozed: int
    n_cleared: int
    n_overdue: int


@dataclass(frozen=True, slots=True)
class FeatureAlerts:
    """What a feature's page shows: what is raised, and what is watched."""

    alerts: list[AlertReport]
    watches: list[WatchReport]
    reason: str


def with_context(alerts: AlertQuerySet) -> AlertQuerySet:
    """With everything that a report reads, in two queries."""
    return alerts.select_related("feature", "version", "owner").prefetch_related("steps__by", "steps__to")


def report_of(alert: Alert, *, now: datetime) -> AlertReport:
    known = alert.evidence
    return AlertReport(
        id=alert.pk,
        address=alert.get_absolute_url(),
        feature=alert.feature.slug,
        feature_name=alert.feature.name,
        version=alert.version.name if alert.version else known.get("version", ""),
        kind=alert.kind,
        kind_label=alert.get_kind_display(),
        title=alert.title,
        state="cleared" if alert.cleared_at else "snoozed" if alert.is_snoozed(now) else "raised",
        owner=str(alert.owner) if alert.owner else NOBODY,
        raised_at=alert.raised_at,
        due_at=alert.due_at,
        close_due_at=alert.close_due_at,
        is_overdue=alert.is_overdue(now),
        answered_at=alert.answered_at,
        snoozed_until=alert.snoozed_until,
        cleared_at=alert.cleared_at,
        cleared_why=alert.cleared_why,
        sentence=sentence_of(alert),
        n=known.get("n", 0),
        drop=known.get("drop"),
        drop_low=known.get("drop_low"),
        drop_high=known.get("drop_high"),
        labels=[_label(alert.feature, row) for row in known.get("labels", [])],
        wrong=known.get("wrong", []),
        steps=[_step(step) for step in alert.steps.all()],
    )


def sentence_of(alert: Alert) -> str:
    known = alert.evidence
    if alert.kind == Alert.Kind.EXPECTATION:
        return str(known.get("sentence", alert.title))
    since = datetime.fromisoformat(known["since"])
    return (
        f"Of 100 answers reviewed since {since:%-d %B} about {100 * known['found']:.0f} are right "
        f"({100 * known['found_low']:.0f} to {100 * known['found_high']:.0f}); "
        f"{100 * known['foretold']:.0f} were foretold from the {known['n_before']:,} reviews before."
    )


def _label(feature: Feature, row: dict[str, Any]) -> LabelEvidence:
    return LabelEvidence(
        label=feature.words_for(row["label"]) or "any answer",
        n=row["n"],
        foretold=row["foretold"],
        found=row["found"],
        low=row["found_low"],
        high=row["found_high"],
    )


def _step(step: AlertStep) -> StepRow:
    return StepRow(
        kind=step.kind,
        kind_label=step.get_kind_display(),
        by=str(step.by) if step.by else "",
        to=str(step.to) if step.to else "",
        until=step.until,
        words=step.words,
        at=step.at,
    )


def counts_of(features: QuerySet[Feature], *, now: datetime) -> AlertCounts:
    """Of the features that one sees, in one query. raised: without the snoozed ones."""
    is_snoozed = Q(snoozed_until__gt=now)
    is_late = Q(answered_at=None, due_at__lte=now) | Q(close_due_at__lte=now)
    is_raised = Q(cleared_at=None)
    found = Alert.objects.visible_in(features).aggregate(
        n_all=Count("pk", filter=is_raised),
        n_snoozed=Count("pk", filter=is_raised & is_snoozed),
        n_cleared=Count("pk", filter=~is_raised),
        n_overdue=Count("pk", filter=is_raised & is_late),
    )
    n_raised = found.pop("n_all") - found["n_snoozed"]
    return AlertCounts(n_raised=n_raised, **found)


def feature_alerts(feature: Feature, *, now: datetime) -> FeatureAlerts:
    """For the feature's own page, in five queries at most."""
    raised = with_context(Alert.objects.of(feature).raised()).due_first()
    watches = QualityWatch.objects.of(feature).select_related("version").order_by("-version")
    rows = [_watch(each) for each in watches]
    reason = "" if rows else "no prediction of it is summed up yet"
    return FeatureAlerts([report_of(alert, now=now) for alert in raised], rows, reason)


def _watch(row: QualityWatch) -> WatchReport:
    needs = f"it needs {row.n_to_learn:,} more counted reviews to know what is usual"
    return WatchReport(
        version=row.version.name,
        as_of=row.as_of,
        n=row.n,
        reason=needs if row.n_to_learn else "",
        share_of_alarm=row.statistic / row.threshold,
        n_newest=row.n_newest,
        foretold=row.foretold,
        found=row.found,
        low=row.found_low,
        high=row.found_high,
    )


def csv_lines(alerts: Iterable[Alert], *, now: datetime) -> list[list[object]]:
    return [[getattr(report_of(alert, now=now), name) for name in COLUMNS] for alert in alerts]
