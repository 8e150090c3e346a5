"""Wrong but used, right but refused, week by week, and reliance: from judged predictions and what people did."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
from django.db.models import Count, Exists, F, Max, OuterRef, Sum

from feedback.models import Feature, Outcome, Prediction, UsageEvent
from metrics.actions.usage_events import MOST_ACTORS, instant, micros, read_events
from metrics.models import ActorDay, HourlySummary, UseWeek
from metrics.stats.relying import (
    JudgedUse,
    RelianceSums,
    reliance_sums,
    right_but_refused,
    why_no_reliance,
    wrong_but_used,
)
from metrics.stats.usage import CODE, PATIENCE, resolve_pairs
from reviews.draw import RIGHT_VALUE, inclusion_probability, is_counted, threshold
from reviews.models import DrawDay, ReviewItem

N_WEEKS = 13
WEEK = timedelta(weeks=1)
REFUSALS = [CODE["overridden"], CODE["dismissed"], CODE["undone"]]
REACTIONS = ("exposed", "auto_applied", "accepted", "edited", "overridden", "dismissed", "undone")
Source = UseWeek.Source
WeekKey = tuple[date, str]  # Monday, source
Uses = dict[tuple[str, date], tuple[int, int, int]]  # (prediction, Monday) -> used, refused, ignored pairs


@dataclass(frozen=True, slots=True)
class Reliance:
    """Weighted by the inverse chance of being judged. None: reason says what is missing.

    used_given_right: of the pairs that showed a right answer, the share that used it; not_used_given_wrong: of
    those that showed a wrong one, the share that did not. n_right, n_wrong: judged predictions shown to somebody.
    """

    used_given_right: float | None
    not_used_given_wrong: float | None
    n_right: int
    n_wrong: int
    reason: str


def reliance(feature: Feature, *, start: datetime, end: datetime) -> Reliance:
    """How far people rely on right answers and not on wrong ones, in the weeks that [start, end) touches.

    From reviews, which cover refused answers too; where those are too few, from the truth that arrived. Reads
    stored weeks only (`prepare_weeks`), so it may lag behind by as much as these do.
    """
    first = monday(start.astimezone(UTC).date())
    weeks = list(UseWeek.objects.of(feature).filter(week_on__gte=first, week_on__lt=end.astimezone(UTC).date()))
    sums = {source: _added(week for week in weeks if week.source == source) for source in Source}
    best = next((each for each in sums.values() if not why_no_reliance(each)), None)
    chosen = best or max(sums.values(), key=lambda each: each.n_right + each.n_wrong)
    reason = why_no_reliance(chosen)
    return Reliance(
        used_given_right=None if reason else chosen.right_used / chosen.right_shown,
        not_used_given_wrong=None if reason else 1 - chosen.wrong_used / chosen.wrong_shown,
        n_right=chosen.n_right,
        n_wrong=chosen.n_wrong,
        reason=reason,
    )


def _added(weeks: Iterable[UseWeek]) -> RelianceSums:
    chosen = list(weeks)
    return RelianceSums(
        right_used=sum(week.right_used for week in chosen),
        right_shown=sum(week.right_shown for week in chosen),
        wrong_used=sum(week.wrong_used for week in chosen),
        wrong_shown=sum(week.wrong_shown for week in chosen),
        n_right=sum(week.n_right for week in chosen),
        n_wrong=sum(week.n_wrong for week in chosen),
    )


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def mark_of(feature: Feature) -> str:
    """What verdicts and truths the weeks would be made of."""
    final = ReviewItem.objects.of(feature).final().aggregate(at=Max("final_at"), n=Count("pk"))
    summed = HourlySummary.objects.of(feature).aggregate(at=Max("summed_at"))
    return f"{final['at']} {final['n']} {summed['at']}"


def prepare_weeks(*, feature: Feature, now: datetime) -> tuple[list[UseWeek], Callable[[], None]]:
    """The last 13 weeks anew, and how to store them: older ones stay as they were. Replay: the same rows.

    A pair counts in the week in which it was first shown. Events that name a set cannot be joined to an answer.
    """
    first = monday(now.astimezone(UTC).date()) - (N_WEEKS - 1) * WEEK
    uses = _uses(feature, first, now)
    judged: dict[WeekKey, list[JudgedUse]] = defaultdict(list)
    named = {prediction for prediction, _ in uses}
    for source, verdicts in (
        (Source.REVIEWED, _reviewed(feature, named)),
        (Source.OBSERVED, _observed(feature, named)),
    ):
        for (prediction, week_on), counts in sorted(uses.items()):
            if prediction in verdicts:
                judged[week_on, source].append(JudgedUse(*verdicts[prediction], *counts))
    totals = _totals(feature, first)
    weeks = [
        _week(feature, week_on, source, judged[week_on, source], totals[week_on], now)
        for week_on in sorted(totals)
        for source in Source
    ]

    def write() -> None:
        UseWeek.objects.of(feature).filter(week_on__gte=first).delete()
        UseWeek.objects.bulk_create(weeks)

    return weeks, write


def _week(
    feature: Feature, week_on: date, source: str, judged: list[JudgedUse], total: tuple[int, int], now: datetime
) -> UseWeek:
    wrong, right = wrong_but_used(judged), right_but_refused(judged)
    return UseWeek(
        feature=feature, week_on=week_on, source=source, as_of=now, n_used=total[0], n_refused=total[1],
        wrong_but_used=wrong.value, wrong_but_used_low=wrong.low, wrong_but_used_high=wrong.high,
        n_used_judged=wrong.n, right_but_refused=right.value, right_but_refused_low=right.low,
        right_but_refused_high=right.high, n_refused_judged=right.n, **asdict(reliance_sums(judged)),
    )  # fmt: skip


def _totals(feature: Feature, first: date) -> dict[date, tuple[int, int]]:
    """Of each week the pairs used and refused, whether or not they were judged."""
    days = ActorDay.objects.of(feature).filter(day__gte=first, n_pairs__gt=0).order_by().values_list("day")
    totals: dict[date, tuple[int, int]] = {}
    for day, used, refused in days.annotate(
        used=Sum(F("n_accepted") + F("n_edited") + F("n_auto")), refused=Sum(F("n_refused") + F("n_undone"))
    ):
        old = totals.get(monday(day), (0, 0))
        totals[monday(day)] = (old[0] + used, old[1] + refused)
    return totals


def _uses(feature: Feature, first: date, now: datetime) -> Uses:
    """What was done with each prediction that was judged or came true, by the week in which it was shown."""
    named = {"external_id": OuterRef("prediction_external_id"), "feature": feature}
    reviewed = ReviewItem.objects.of(feature).in_probability_sample().final()
    is_judged = Exists(Outcome.objects.filter(**named)) | Exists(
        reviewed.filter(prediction__external_id=OuterRef("prediction_external_id"))
    )
    start = datetime.combine(first, time(), UTC)
    rows = (
        UsageEvent.objects.of(feature)
        .occurred_between(start - PATIENCE, now)
        .filter(is_judged, kind__in=REACTIONS, is_internal=False)
        .exclude(prediction_external_id="")
    )
    read = read_events(rows)
    pairs = resolve_pairs(read.events, now=micros(now), follow_through=0)
    is_inside = pairs.is_resolved & (pairs.start >= micros(start))
    is_refused = np.isin(pairs.kind, REFUSALS)
    uses: Uses = defaultdict(lambda: (0, 0, 0))
    for pair, at, used, refused in zip(
        pairs.pair[is_inside].tolist(),
        pairs.start[is_inside].tolist(),
        pairs.is_value[is_inside].tolist(),
        is_refused[is_inside].tolist(),
        strict=True,
    ):
        key = read.pairs[pair][0], monday(instant(at).date())
        n_used, n_refused, n_ignored = uses[key]
        uses[key] = (n_used + used, n_refused + refused, n_ignored + (not used and not refused))
    return dict(uses)


def _reviewed(feature: Feature, named: set[str]) -> dict[str, tuple[float, float]]:
    """Of the named predictions that reviews count (statistics.md §1): chance of being counted, and the verdict."""
    cohorts: dict[tuple[int, date], list[tuple[Any, ...]]] = defaultdict(list)
    drawn = ReviewItem.objects.of(feature).in_probability_sample().order_by()
    for version, day, *item in drawn.values_list(
        "version", "cohort_on", "queue_key", "weight", "state", "verdict", "prediction__external_id"
    ):
        cohorts[version, day].append(tuple(item))
    caps = {
        (version, day): k_cap
        for version, day, k_cap in DrawDay.objects.filter(version__feature=feature).values_list(
            "version", "day", "k_cap"
        )
    }
    found: dict[str, tuple[float, float]] = {}
    for cohort, items in cohorts.items():
        t = threshold((key for key, _, state, *_ in items if state != ReviewItem.State.FINAL), caps[cohort])
        for key, weight, _, verdict, external_id in items:
            if external_id in named and verdict in RIGHT_VALUE and is_counted(key, t):
                found[external_id] = (inclusion_probability(t, weight), RIGHT_VALUE[verdict])
    return found


def _observed(feature: Feature, named: set[str]) -> dict[str, tuple[float, float]]:
    """Of the named predictions whose newest truth can be compared: 1, and whether they were right."""
    found: dict[str, tuple[float, float]] = {}
    names = sorted(named)
    for start in range(0, len(names), MOST_ACTORS):
        some = {"feature": feature, "external_id__in": names[start : start + MOST_ACTORS]}
        truths = {
            external_id: (label, value)
            for external_id, label, value in Outcome.objects.filter(**some)
            .oldest_first()
            .values_list("external_id", "truth_label", "truth_value")
        }
        for external_id, label, value in Prediction.objects.filter(**some).values_list(
            "external_id", "label", "value"
        ):
            right = is_right(feature, (label, value), truths.get(external_id, (None, None)))
            if right is not None:
                found[external_id] = (1.0, float(right))
    return found


def is_right(
    feature: Feature, answer: tuple[str | None, float | None], truth: tuple[str | None, float | None]
) -> bool | None:
    """None: they cannot be compared, such as numbers without a tolerance."""
    if answer[0] is not None and truth[0] is not None:
        return answer[0] == truth[0]
    if answer[1] is None or truth[1] is None or feature.tolerance is None:
        return None
    is_relative = feature.tolerance_kind == Feature.ToleranceKind.RELATIVE
    return abs(answer[1] - truth[1]) <= feature.tolerance * (abs(truth[1]) if is_relative else 1)
