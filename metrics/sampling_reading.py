"""What the sampling page shows: the versions of a policy, from when a change holds, and the forecast's inputs."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from django.db.models import Min

from feedback.models import Feature, Membership, ModelVersion
from metrics.models import DaySummary, EstimateSet
from metrics.stats.forecast import Forecast, Known, Traffic, forecast
from reviews.actions.policies import first_design, policy_of
from reviews.actions.rates import share_on
from reviews.models import Assignment, DrawDay, ReviewRate, SamplingPolicy

DAY = timedelta(days=1)
DAYS_OF_TRAFFIC, DAYS_OF_PACE = 7, 14
NO_TRAFFIC = "no whole day of traffic is summed up yet"
# What a design is for, in plain words; its name is SamplingPolicy.Design's.
FOR: Mapping[str, str] = MappingProxyType(
    {
        "uniform": "Where the model sends no scores, or scores that say nothing.",
        "uncertainty": "For how often the answer is right: least reviews for a narrow interval.",
        "balanced": "For figures of each label, where some labels are rare.",
        "focused": "For precision and recall of the positive label; where a version has none, as “unsure” above.",
        "all": "For a version’s first days, or little traffic: nothing is left to chance.",
    }
)


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """changes: what it changed of the one before, in words; of the first: how it began."""

    number: int
    created_at: datetime
    created_by: str
    changes: list[str]
    n_days: int


@dataclass(frozen=True, slots=True)
class Pace:
    """Judgments a day that reviewers gave lately, made of n over so many days."""

    a_day: float
    n: int
    days: float


@dataclass(frozen=True, slots=True)
class ReachRow:
    """points: half the anytime interval, in points. days 0: there already; None: not within ten years."""

    points: int
    n_to_go: int
    days: int | None
    on: date | None


@dataclass(frozen=True, slots=True)
class ForecastPage:
    """forecast None: reason says why. growth: judgments a day that are drawn and not given."""

    forecast: Forecast | None
    reason: str
    pace: Pace | None
    growth: float
    n_counted: int
    version: str
    reaches: list[ReachRow]
    as_of: datetime


def current_or_usual(feature: Feature) -> SamplingPolicy:
    """The policy that holds, or what a first one would be; that one is not saved and has no number."""
    return policy_of(feature) or SamplingPolicy(feature=feature, design=first_design(feature))


def _share(value: float) -> str:
    return f"{100 * value:g} %"


def _lease(seconds: int) -> str:
    return f"{seconds / 60:g} minutes"


WORDS: Mapping[str, tuple[str, Callable[[Any], str]]] = MappingProxyType(
    {
        "design": ("Drawn", lambda value: SamplingPolicy.Design(value).label.lower()),
        "reviews_per_day": ("Reviews a day", str),
        "target_count": ("Reviews aimed at", str),
        "watch_share": ("Kept once all is met", _share),
        "overlap_share": ("Second opinions", _share),
        "audit_share": ("Audited", _share),
        "gold_share": ("Gold", _share),
        "is_blind": ("Blind", lambda value: "yes" if value else "no"),
        "lease_seconds": ("Time for a case", _lease),
        "skill_segment": ("Skill asked for", lambda value: value or "none"),
    }
)


def lines_of(policy: SamplingPolicy) -> list[tuple[str, str]]:
    """A policy in words, line by line."""
    return [(label, text(getattr(policy, name))) for name, (label, text) in WORDS.items()]


def versions_of(feature: Feature) -> list[PolicyVersion]:
    """Newest first, with how many days each drew."""
    rows = list(SamplingPolicy.objects.filter(feature=feature).select_related("created_by").order_by("number"))
    n_days: dict[int, set[date]] = defaultdict(set)
    for policy, day in DrawDay.objects.filter(policy__in=rows).values_list("policy", "day").distinct():
        n_days[policy].add(day)
    made = [
        PolicyVersion(
            number=row.number,
            created_at=row.created_at,
            created_by=str(row.created_by or ""),
            changes=_changes(before, row),
            n_days=len(n_days[row.pk]),
        )
        for before, row in zip([None, *rows], rows, strict=False)
    ]
    return made[::-1]


def _changes(before: SamplingPolicy | None, row: SamplingPolicy) -> list[str]:
    if before is None:
        return [f"{label}: {text}" for label, text in lines_of(row)]
    pairs = zip(lines_of(before), lines_of(row), strict=True)
    return [f"{label}: {then} → {text}" for (label, then), (_, text) in pairs if then != text]


def drawn_today(feature: Feature, *, now: datetime) -> bool:
    """Whether a draw of the day has begun: then a change of what is drawn holds from the next one on."""
    return DrawDay.objects.filter(version__feature=feature, day__gte=now.astimezone(UTC).date()).exists()


def forecast_page(feature: Feature, policy: SamplingPolicy, *, now: datetime) -> ForecastPage:
    """What this policy, saved or not, would bring; the same few queries however much data there is."""
    traffic, pace = _traffic(feature, now), _pace(feature, now)
    known, version = _known(feature)
    found = None
    if traffic:
        found = forecast(
            traffic=traffic,
            reviews_per_day=None if policy.design == SamplingPolicy.Design.ALL else policy.reviews_per_day,
            overlap_share=policy.overlap_share,
            gold_share=policy.gold_share,
            target_count=policy.target_count,
            pace=pace.a_day if pace else None,
            known=known,
        )
    return ForecastPage(
        forecast=found,
        reason="" if found else NO_TRAFFIC,
        pace=pace,
        growth=max(0.0, found.judgments_a_day - pace.a_day) if found and pace else 0.0,
        n_counted=known.n_counted,
        version=version,
        reaches=_reach_rows(found, now.astimezone(UTC).date()) if found else [],
        as_of=now,
    )


def _reach_rows(found: Forecast, today: date) -> list[ReachRow]:
    return [
        ReachRow(
            points=round(100 * reach.distance),
            n_to_go=reach.n_to_go,
            days=reach.days,
            on=None if reach.days is None else today + reach.days * DAY,
        )
        for reach in found.reaches
    ]


def _traffic(feature: Feature, now: datetime) -> list[Traffic]:
    """Of the versions with predictions on the last whole day that had any: the mean of their days in a week."""
    today = now.astimezone(UTC).date()
    days = DaySummary.objects.of(feature).filter(
        segment="", day__gte=today - DAYS_OF_TRAFFIC * DAY, day__lt=today, source_count__gt=0
    )
    counts: dict[int, dict[date, int]] = defaultdict(dict)
    for version, day, n in days.values_list("version", "day", "source_count"):
        counts[version][day] = n
    last = max((day for by_day in counts.values() for day in by_day), default=None)
    in_use = {version: by_day for version, by_day in counts.items() if last in by_day}
    rates: dict[int, list[ReviewRate]] = defaultdict(list)
    for rate in ReviewRate.objects.filter(version__in=in_use).order_by("-pk"):
        rates[rate.version_id].append(rate)
    tomorrow = today + DAY
    return [
        Traffic(sum(by_day.values()) / len(by_day), share_on(rates[version], tomorrow))
        for version, by_day in in_use.items()
    ]


def _pace(feature: Feature, now: datetime) -> Pace | None:
    """Opinions and gold of the feature's reviewers; targeted ones too, for they take the same time."""
    reviewers = Membership.objects.filter(feature=feature).with_role("reviewer", "adjudicator").values("user")
    lanes = [Assignment.Lane.OPINION, Assignment.Lane.GOLD, Assignment.Lane.TARGETED]
    judged = Assignment.objects.filter(
        feature=feature, reviewer__in=reviewers, lane__in=lanes, state=Assignment.State.SUBMITTED
    )
    since = now - DAYS_OF_PACE * DAY
    lately = judged.filter(submitted_at__gte=since, submitted_at__lte=now)
    n, first = lately.count(), lately.aggregate(at=Min("submitted_at"))["at"]
    if not n:
        return None
    is_older = judged.filter(submitted_at__lt=since).exists()
    days = float(DAYS_OF_PACE) if is_older else max(1.0, (now - first) / DAY)
    return Pace(n / days, n, days)


def _known(feature: Feature) -> tuple[Known, str]:
    """What reviews say of the newest version's accuracy, and its name."""
    version = ModelVersion.objects.of(feature).by_deployment().last()
    if version is None:
        return Known(0, None), ""
    stored = EstimateSet.objects.of(feature).filter(
        version=version, window=EstimateSet.Window.VERSION, source=EstimateSet.Source.REVIEWED, segment=""
    )
    found = stored.values_list("counted", "accuracy_variance").first()
    return (Known(*found) if found else Known(0, None)), version.name
