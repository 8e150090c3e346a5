"""What stands beside quality on the Features and the Feature page: use, trust, answering, and what was agreed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, QuerySet

from feedback.models import Feature, FeedbackItem
from metrics.actions.expecting import Promise, promises
from metrics.expectation_reading import agreed_targets
from metrics.models import UseWeek
from metrics.quadrant_reading import quadrant_rows
from metrics.score_reports import QuadrantRow

WEEK = timedelta(weeks=1)
LATELY = 6 * WEEK


@dataclass(frozen=True, slots=True)
class TrustFigure:
    """A share of the pairs of the newest complete week with a figure; n: judged predictions."""

    week_on: date
    value: float
    low: float
    high: float
    n: int
    n_pairs: int


@dataclass(frozen=True, slots=True)
class Overview:
    """standing: both scores and the cell. None: no complete week has a figure. n_open: feedback not closed yet."""

    standing: QuadrantRow
    wrong_but_used: TrustFigure | None
    right_but_refused: TrustFigure | None
    n_open: int
    n_overdue: int


def overviews(features: QuerySet[Feature], *, now: datetime) -> list[Overview]:
    """In the order of the features; the same few queries for three and for thirty."""
    chosen = list(features)
    weeks = _newest_weeks(chosen, now)
    items = FeedbackItem.objects.filter(feature__in=chosen)
    n_open, n_overdue = _by_feature(items.open()), _by_feature(items.overdue(now))
    return [
        Overview(
            standing,
            weeks.get((feature.pk, "wrong_but_used")),
            weeks.get((feature.pk, "right_but_refused")),
            n_open.get(feature.pk, 0),
            n_overdue.get(feature.pk, 0),
        )
        for feature, standing in zip(chosen, quadrant_rows(features, now=now), strict=True)
    ]


def _by_feature(items: QuerySet[FeedbackItem]) -> dict[int, int]:
    return dict(items.values("feature").annotate(n=Count("pk")).values_list("feature", "n"))


def _newest_weeks(features: Iterable[Feature], now: datetime) -> dict[tuple[int, str], TrustFigure]:
    """Of each feature the newest complete week, by the source that judged more of it."""
    found: dict[tuple[int, str], TrustFigure] = {}
    today = now.date()
    rows = UseWeek.objects.filter(feature__in=features, week_on__gt=today - LATELY, week_on__lte=today - WEEK)
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
    return Agreed(promises(feature, now=now), agreed_targets([feature]).get(feature.pk))
