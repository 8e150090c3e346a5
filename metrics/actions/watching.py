"""Fewer reviews where everything agreed is met, all of them again where something is wrong. Calls reviews."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta

from django.db.models import Q

from feedback.models import Feature, ModelVersion
from metrics.actions.drifting import answering_versions
from metrics.models import Alert, DriftReading, Expectation, ExpectationStatus
from metrics.stats.watching import Promise, Rate, Seen, Standing, wanted_rate
from reviews.actions.rates import FULL, first_undrawn, holds, set_rate
from reviews.models import ReviewRate, SamplingPolicy

DAY = timedelta(days=1)
CALM_FOR = 7 * DAY  # without drift, before fewer reviews are enough again
Status = ExpectationStatus.Status


def due_features(*, now: datetime) -> list[int]:
    """The features of which a rate would change; and those that cannot be told, whose own job then says why."""
    return [
        policy.feature_id
        for policy in SamplingPolicy.objects.current().select_related("feature").order_by("feature")
        if _is_due(policy, now)
    ]


def _is_due(policy: SamplingPolicy, now: datetime) -> bool:
    try:
        return bool(_changes(policy, now))
    except Exception:  # whatever it is: one feature stops no other
        return True


def prepare_watch(*, feature: Feature, now: datetime) -> Callable[[], int] | None:
    """Decide anew how many reviews each version of a feature needs that answers, and the one deployed last.

    None: every rate is what it should be. The effect sets the rates and answers with how many. Full again holds
    from today where today is not drawn yet, else from the next day; fewer holds from tomorrow at the earliest.
    Replay, and two at once: what holds already is not set again.
    """
    policy = SamplingPolicy.objects.current().select_related("feature").filter(feature=feature).first()
    changes = _changes(policy, now) if policy else []

    def write() -> int:
        rows = [
            set_rate(version=version, share=rate.share, from_on=from_on, why=rate.why, now=now)
            for version, rate, from_on in changes
            if first_undrawn(version, today=from_on) == from_on  # else drawn meanwhile: the next look
        ]
        return sum(row is not None for row in rows)

    return write if changes else None


def _changes(policy: SamplingPolicy, now: datetime) -> list[tuple[ModelVersion, Rate, date]]:
    return [
        (version, rate, from_on)
        for version in watched_versions(policy.feature)
        if (rate := wanted_rate(seen_of(version, now=now), watch_share=policy.watch_share)) is not None
        and (from_on := _changes_on(version, rate, now)) is not None
    ]


def watched_versions(feature: Feature) -> list[ModelVersion]:
    """All that still answer; and the one deployed last, which may be about to."""
    answering = answering_versions(feature)
    newest = current_version(feature)
    return answering if newest is None or newest in answering else [*answering, newest]


def current_version(feature: Feature) -> ModelVersion | None:
    """The one deployed last; what is only registered answers nobody."""
    return ModelVersion.objects.of(feature).by_deployment().last()


def seen_of(version: ModelVersion, *, now: datetime) -> Seen:
    """What is known of a version that decides how many reviews it needs.

    A promise whose day has passed decides nothing any more. What drifted within 7 days still counts as drifting.
    """
    feature = version.feature
    agreed = Expectation.objects.of(feature).agreed().unresolved()
    promises = [row for row in agreed if row.version_id in (None, version.pk)]
    alerts = Alert.objects.of(feature).raised().filter(Q(version=version) | Q(version=None))
    since = now.astimezone(UTC).date() - CALM_FOR
    drifting = (
        DriftReading.objects.of(feature).drifted_since(since).filter(version=version).order_by("kind", "name")
    )
    reviewed = [row for row in promises if row.is_share]
    return Seen(
        promises=[Promise(str(row), _standing(_told_of(row, version)), row.is_share) for row in promises],
        alerts=list(alerts.order_by("raised_at", "pk").values_list("title", flat=True)),
        drifting=[row.name or row.get_kind_display().lower() for row in drifting],
        is_new=bool(reviewed) and not any(_told_of(row, version) for row in reviewed),
    )


def _told_of(expectation: Expectation, version: ModelVersion) -> list[ExpectationStatus]:
    """Its statuses that were read on this version, newest first; adoption is of the feature, not of a version."""
    return [row for row in expectation.statuses.all() if row.version in ("", version.name)]


def _standing(told: Iterable[ExpectationStatus]) -> Standing:
    statuses = [row.status for row in told]
    if statuses[:1] == [Status.MET]:
        return "met"
    if statuses[:1] == [Status.BROKEN]:
        return "broken"
    return "met before" if Status.MET in statuses else "never met"


def _changes_on(version: ModelVersion, rate: Rate, now: datetime) -> date | None:
    """From which day the rate would hold; None where it does already, on that day and after it."""
    today = now.astimezone(UTC).date()
    from_on = first_undrawn(version, today=today if rate.share == FULL else today + DAY)
    rates = list(ReviewRate.objects.of(version))
    return None if holds(rates, share=rate.share, from_on=from_on) else from_on
