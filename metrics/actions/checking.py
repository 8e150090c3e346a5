"""How expectations stand, from what the workers concluded. For workers only: reading latencies takes numpy."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet

from feedback.models import Feature, ModelVersion
from metrics.models import (
    Conclusion,
    DaySummary,
    Estimate,
    EstimateSet,
    Expectation,
    ExpectationStatus,
    ScoreSnapshot,
)
from metrics.stats import histograms
from metrics.stats.counts import Counts, total
from metrics.stats.expectations import Evidence, Judged, judge, variance_towards
from metrics.stats.intervals import DEFAULT_N_STAR, MIN_COUNTED, Z95, anytime_multiplier
from reviews.models import SamplingPolicy

P95 = 0.95
BY_STATE = {"measured": 0, "collecting": 1, "no_data": 2}


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation looked at: what was found, of which mark."""

    expectation: Expectation
    evidence: Evidence
    judged: Judged
    mark: str


def due_features(*, now: datetime) -> list[int]:
    """Features with an agreed expectation whose figures or whose day have changed since it was looked at."""
    return sorted({row.feature_id for row, _ in _due(_waiting(), now)})


def prepare_checks(*, feature: Feature, now: datetime) -> Callable[[], int] | None:
    """Look at those of the feature's expectations.

    None: there is none. The effect stores how each stands and answers with how many statuses changed. Replay,
    and two at once: the same rows; a status has changed only for the first.
    """
    checks = [_look(row, mark, now) for row, mark in _due(_waiting().filter(feature=feature), now)]
    return (lambda: sum(_store(check, now) for check in checks)) if checks else None


def _waiting() -> QuerySet[Expectation]:
    return Expectation.objects.in_force().unresolved().select_related("feature", "version").order_by("pk")


def _due(waiting: QuerySet[Expectation], now: datetime) -> list[tuple[Expectation, str]]:
    return [(row, mark) for row in waiting if (mark := mark_of(row, now=now)) != row.checked_mark]


def mark_of(expectation: Expectation, *, now: datetime) -> str:
    """What a check would be made of. The same again: nothing to do."""
    concluded = Conclusion.objects.filter(feature=expectation.feature_id).values_list("as_of", flat=True).first()
    score = _adoption(expectation.feature) if expectation.metric == Expectation.Metric.ADOPTION else None
    parts = (concluded, score.taken_at if score else None, "over" if expectation.is_over(now) else "")
    return " ".join(str(part) for part in parts)


def _look(expectation: Expectation, mark: str, now: datetime) -> Check:
    evidence = evidence_of(expectation)
    judged = judge(
        evidence,
        target=expectation.target,
        is_at_least=expectation.is_at_least,
        is_over=expectation.is_over(now),
    )
    return Check(expectation, evidence, judged, mark)


@transaction.atomic
def _store(check: Check, now: datetime) -> int:
    """1 if the status changed, else 0. What was replaced or resolved meanwhile stays as it is."""
    row = Expectation.objects.select_for_update().filter(pk=check.expectation.pk).in_force().unresolved().first()
    if row is None:
        return 0
    evidence, judged = check.evidence, check.judged
    figures = {
        "checked_at": now,
        "source": evidence.source,
        "version": evidence.version,
        "label": evidence.label,
        "value": evidence.value,
        "low": evidence.low,
        "high": evidence.high,
        "n": evidence.n,
        "p_met": judged.p_met,
        "n_to_go": judged.n_to_go,
        "reason": evidence.reason[:300],
    }
    newest = ExpectationStatus.objects.filter(expectation=row).order_by("-since", "-pk").first()
    has_changed = newest is None or newest.status != judged.status
    if newest is None or has_changed:
        ExpectationStatus.objects.create(expectation=row, status=judged.status, since=now, **figures)
    else:
        ExpectationStatus.objects.filter(pk=newest.pk).update(**figures)
    row.checked_mark = check.mark
    row.resolved_at = now if row.is_over(now) else None
    row.save(update_fields=["checked_mark", "resolved_at"])
    return int(has_changed)


def evidence_of(expectation: Expectation) -> Evidence:
    """What is known of the promised metric now; without a value, the reason in plain words."""
    feature = expectation.feature
    if expectation.metric == Expectation.Metric.ADOPTION:
        return _adoption_evidence(expectation)
    version = expectation.version or ModelVersion.objects.of(feature).by_deployment().last()
    if version is None:
        return Evidence(reason="no version is registered yet")
    if expectation.metric == Expectation.Metric.LATENCY:
        return _latency_evidence(expectation, version)
    return _share_evidence(expectation, version)


def _share_evidence(expectation: Expectation, version: ModelVersion) -> Evidence:
    """From reviews where they decide, else from the truth that arrived, else from whatever there is."""
    found = (
        Estimate.objects.filter(
            set__feature=expectation.feature_id,
            set__version=version,
            set__segment=expectation.segment,
            set__window=EstimateSet.Window.VERSION,
            metric=expectation.metric,
            label="",
        )
        .select_related("set")
        .order_by(F("set__source").desc())  # reviewed before observed, where both are as sure
    )
    best = min(found, key=lambda estimate: BY_STATE[estimate.state], default=None)
    head = Evidence(version=version.name, label=version.positive_label)
    if best is None:
        part = f" for {expectation.segment}" if expectation.segment else ""
        return replace(head, reason=f"nothing is summed up{part} yet")
    if best.value is None or best.anytime_low is None or best.anytime_high is None:
        return replace(head, reason=best.reason, source=best.set.source)
    n_star = _n_star(expectation.feature)
    counted = max(1, best.set.counted)
    variance = variance_towards(
        expectation.target,
        value=best.value,
        low=best.anytime_low,
        high=best.anytime_high,
        n_counted=counted,
        n_star=n_star,
    )
    return replace(
        head,
        value=best.value,
        low=best.anytime_low,
        high=best.anytime_high,
        above=best.value - expectation.target,
        variance=variance,
        n=best.n,
        n_counted=best.set.counted,
        n_star=n_star,
        is_enough=best.state == "measured",
        reason=best.reason,
        source=best.set.source,
    )


def _n_star(feature: Feature) -> int:
    policy = SamplingPolicy.objects.filter(feature=feature).order_by("-number").first()
    return policy.target_count if policy else DEFAULT_N_STAR


def _latency_evidence(expectation: Expectation, version: ModelVersion) -> Evidence:
    """The 95th percentile with its order-statistic interval, and how far the target is from it in shares.

    A share F of the answers comes within the target: p95 lies over the target just when F is under 0.95, and
    both are decided by the same interval. Not clustered: slow minutes come together.
    """
    summed = DaySummary.objects.filter(version=version, segment=expectation.segment).order_by("day")
    counts = total(Counts.from_json(payload) for payload in summed.values_list("payload", flat=True).iterator())
    hist = counts.measures.get("latency_ms", {})
    n = sum(hist.values())
    if not n:
        part = f" of {expectation.segment}" if expectation.segment else ""
        return Evidence(reason=f"no prediction{part} came with its latency", version=version.name)
    n_star = _n_star(expectation.feature)
    reach = anytime_multiplier(n, n_star) * math.sqrt(P95 * (1 - P95) / n)
    is_enough = n >= MIN_COUNTED and P95 + reach < 1  # else even the slowest answer bounds nothing
    ends = [histograms.percentile(hist, q) for q in (P95, max(0.0, P95 - reach), min(1.0, P95 + reach))]
    within = share_within(hist, expectation.target)
    return Evidence(
        value=ends[0],
        low=ends[1],
        high=ends[2],
        above=P95 - within,
        variance=P95 * (1 - P95) / n,
        n=n,
        n_counted=n,
        n_star=n_star,
        is_enough=is_enough,
        reason="" if is_enough else "needs more answers that came with their latency",
        source="observed",
        version=version.name,
    )


def share_within(hist: dict[int, int], limit: float) -> float:
    """The share of a log-histogram's values that are at most limit, exact to its 2 %. Empty: 0."""
    n = sum(hist.values())
    return sum(count for bin_, count in hist.items() if bin_ <= histograms.log_bin(limit)) / n if n else 0.0


def _adoption(feature: Feature) -> ScoreSnapshot | None:
    return ScoreSnapshot.objects.latest_of(feature, "adoption")


def _adoption_evidence(expectation: Expectation) -> Evidence:
    """The newest score; its jackknife interval is widened as far as one that may be looked at any time."""
    snapshot = _adoption(expectation.feature)
    if snapshot is None or snapshot.value is None or snapshot.low is None or snapshot.high is None:
        return Evidence(reason=snapshot.reason if snapshot else "no adoption score has been computed yet")
    deviation = (snapshot.high - snapshot.low) / (2 * Z95)
    wide = anytime_multiplier(DEFAULT_N_STAR) * deviation
    is_measured = snapshot.state == "measured"
    return Evidence(
        value=snapshot.value,
        low=max(0.0, snapshot.value - wide),
        high=min(100.0, snapshot.value + wide),
        above=snapshot.value - expectation.target,
        variance=deviation**2,
        n=snapshot.n_accounts,
        is_enough=is_measured,
        reason="" if is_measured else (snapshot.reason or "the score is provisional"),
        source="usage",
    )
