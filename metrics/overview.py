"""What stands beside quality on the Features and the Feature page: use, trust, answering, and what was agreed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from feedback.models import Feature, FeedbackItem, User
from metrics.actions.expecting import Promise, promise_of
from metrics.models import Conclusion, Expectation, UseWeek
from metrics.quadrant_reading import standings
from metrics.reports import Facts
from metrics.score_reports import QuadrantRow

WEEK = timedelta(weeks=1)
LATELY = 6 * WEEK
ENOUGH = 10
SETTLES_AFTER = timedelta(hours=72)  # metrics.stats.usage.PATIENCE, which only workers import


def with_facts(features: QuerySet[Feature], *, user: User, now: datetime) -> QuerySet[Feature]:
    """The features with their facts, in the same query (facts_of)."""
    items = FeedbackItem.objects.filter(feature=OuterRef("pk"))
    return features.annotate(
        may_review=Exists(Feature.objects.reviewed_by(user).filter(pk=OuterRef("pk"))),
        concluded_at=Subquery(Conclusion.objects.filter(feature=OuterRef("pk")).values("as_of")),
        n_open=_count(items.open()),
        n_overdue=_count(items.overdue(now)),
    )


def _count(items: QuerySet[FeedbackItem]) -> Coalesce:
    counted = items.order_by().values("feature").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)


def facts_of(feature: Feature) -> Facts:
    """Raises KeyError for a feature that with_facts has not read."""
    told: dict[str, Any] = vars(feature)
    return Facts(told["may_review"], told["concluded_at"], told["n_open"], told["n_overdue"])


@dataclass(frozen=True, slots=True)
class TrustFigure:
    """A share of the pairs of the newest complete week with a figure; n: judged predictions."""

    week_on: date
    value: float
    low: float
    high: float
    n: int
    n_pairs: int

    @property
    def is_enough(self) -> bool:
        """Whether it is worth a headline: one judged prediction says 0 or 100 %."""
        return self.n >= ENOUGH


@dataclass(frozen=True, slots=True)
class Overview:
    """standing: both scores and the cell. None: no complete week has a figure. n_open: feedback not closed yet."""

    standing: QuadrantRow
    wrong_but_used: TrustFigure | None
    right_but_refused: TrustFigure | None
    n_open: int
    n_overdue: int


def overviews(features: Sequence[Feature], *, rates: Mapping[int, int], now: datetime) -> list[Overview]:
    """In the order of the features, read by with_facts; two queries for three and for thirty.

    rates: reviews a day of each, by its key.
    """
    weeks = _newest_weeks(features, now)
    return [
        Overview(
            standing,
            weeks.get((feature.pk, "wrong_but_used")),
            weeks.get((feature.pk, "right_but_refused")),
            facts_of(feature).n_open,
            facts_of(feature).n_overdue,
        )
        for feature, standing in zip(features, standings(features, rates=rates, now=now), strict=True)
    ]


def _newest_weeks(features: Iterable[Feature], now: datetime) -> dict[tuple[int, str], TrustFigure]:
    """Of each feature the newest week that is over and settled, by the source that judged more of it."""
    found: dict[tuple[int, str], TrustFigure] = {}
    today = now.date()
    settled_on = today - WEEK - SETTLES_AFTER
    rows = UseWeek.objects.filter(feature__in=features, week_on__gt=today - LATELY, week_on__lte=settled_on)
    for row in rows.order_by("week_on"):
        for name, n, n_pairs in (
            ("wrong_but_used", row.n_used_judged, row.n_used),
            ("right_but_refused", row.n_refused_judged, row.n_refused),
        ):
            value, before = getattr(row, name), found.get((row.feature_id, name))
            if value is None or (before and before.week_on == row.week_on and before.n >= n):
                continue
            low, high = getattr(row, f"{name}_low"), getattr(row, f"{name}_high")
            found[row.feature_id, name] = TrustFigure(row.week_on, value, low, high, n, n_pairs)
    return found


@dataclass(frozen=True, slots=True)
class Agreed:
    """What was agreed of a feature. target: the accuracy, for the dashed line of the chart; None: none agreed."""

    promises: list[Promise]
    target: float | None


def agreed_of(feature: Feature, *, now: datetime) -> Agreed:
    """In two queries. Of several on accuracy the line shows the one that was agreed last."""
    rows = list(Expectation.objects.of(feature).agreed())
    targets = [
        row.target
        for row in rows
        if (row.metric, row.segment, row.direction) == (Expectation.Metric.ACCURACY, "", "at_least")
    ]
    return Agreed([promise_of(row, now=now) for row in rows], targets[-1] if targets else None)
