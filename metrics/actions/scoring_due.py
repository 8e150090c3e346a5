"""Which scores are due: each complete week once, the day hourly, and the first ones as soon as they can be."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from django.db.models import Exists, Min, OuterRef, Q

from feedback.models import Feature, UsageEvent
from metrics.models import Conclusion, ScoreSnapshot, UsageSummary

DAY = timedelta(days=1)
HOURLY, SETTLING, YOUNG = timedelta(hours=1), timedelta(minutes=5), DAY
WEEKS_CAUGHT_UP = 8
LIVE = (Feature.Stage.SHADOW, Feature.Stage.PILOT, Feature.Stage.GENERAL)
Kind = ScoreSnapshot.Kind


@dataclass(frozen=True, slots=True)
class Score:
    """at: when it was taken. is_bare: without any usage, so that the first usage need not wait."""

    at: datetime
    is_bare: bool


@dataclass(slots=True)
class Taken:
    """What is stored of a feature's adoption: its newest day, and its weeks by their Mondays."""

    first_at: datetime
    day: Score | None = None
    weeks: dict[date, Score] = field(default_factory=dict)

    def is_young(self, now: datetime) -> bool:
        return now < self.first_at + YOUNG


def due_scores(*, now: datetime) -> list[str]:
    """Keys of the jobs that are due, "FEATURE" or "FEATURE MONDAY", the oldest week first.

    Scored is what is live, and whatever has usage: each complete week once, of the last eight, and the day hourly.
    The first time as soon as its usage is summed up; during the first day everything anew, where something came
    in, every five minutes, and what had no usage at once: its history may still be on the way.
    """
    with_usage = Feature.objects.filter(Exists(UsageEvent.objects.filter(feature=OuterRef("pk"))))
    used = set(with_usage.values_list("pk", flat=True))
    features = Feature.objects.filter(Q(stage__in=LIVE) | Q(pk__in=used)).order_by("pk")
    taken, news = _taken(), _news()
    keys = []
    for feature in features:
        stored, is_summed = taken.get(feature.pk), feature.pk in news or feature.pk not in used
        if stored is None and not is_summed:
            continue
        keys += [f"{feature.pk} {monday.isoformat()}" for monday in _due_weeks(feature, stored, news, now)]
        if stored is None or _is_due(stored.day, stored, news.get(feature.pk), now, pace=HOURLY):
            keys.append(str(feature.pk))
    return keys


def _is_due(
    score: Score | None, stored: Taken, news: datetime | None, now: datetime, *, pace: timedelta | None
) -> bool:  # fmt: skip
    """pace: how often it is taken anyway, None: once."""
    if score is None or (pace is not None and score.at <= now - pace):
        return True
    is_behind = stored.is_young(now) and news is not None and news > score.at
    return is_behind and (score.is_bare or score.at <= now - SETTLING)


def _due_weeks(feature: Feature, stored: Taken | None, news: dict[int, datetime], now: datetime) -> list[date]:
    """Mondays on which a week ended: since the first use, or the last one only."""
    monday, weeks = last_monday(now), stored.weeks if stored else {}
    if stored and monday in weeks and not stored.is_young(now):
        return []
    first = UsageEvent.objects.of(feature).aggregate(at=Min("occurred_at"))["at"]
    back = [monday - n * 7 * DAY for n in reversed(range(WEEKS_CAUGHT_UP))]
    known = [each for each in back if each == monday or (first is not None and first.date() < each)]
    if stored is None:
        return known
    return [each for each in known if _is_due(weeks.get(each), stored, news.get(feature.pk), now, pace=None)]


def _taken() -> dict[int, Taken]:
    """Of every feature, in one query."""
    snapshots = ScoreSnapshot.objects.of_kind(Kind.ADOPTION).order_by("taken_at")
    taken: dict[int, Taken] = {}
    for feature, as_of, is_weekly, state, at, first_at in snapshots.values_list(
        "feature", "as_of", "is_weekly", "state", "taken_at", "first_taken_at"
    ):
        of = taken.setdefault(feature, Taken(first_at))
        of.first_at = min(of.first_at, first_at)
        score = Score(at, state == ScoreSnapshot.State.NO_DATA)
        if is_weekly:
            of.weeks[as_of.date()] = score
        else:
            of.day = score
    return taken


def _news() -> dict[int, datetime]:
    """When something was last summed up or concluded of a feature with usage."""
    concluded = dict(Conclusion.objects.values_list("feature", "as_of"))
    news = {}
    for feature, *times in UsageSummary.objects.values_list("feature", "as_of", "stale_at"):
        known = [at for at in (*times, concluded.get(feature)) if at]
        if known:
            news[feature] = max(known)
    return news


def last_monday(now: datetime) -> date:
    """The day on which the last complete week ended."""
    today = now.astimezone(UTC).date()
    return today - today.weekday() * DAY
