"""Review debt: how long people would still have to judge until every agreed expectation is decided."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from statistics import median

from feedback.models import Feature
from metrics.expectation_reading import in_words
from metrics.models import Expectation, ExpectationStatus
from metrics.stats.intervals import MOST_REVIEWS_TO_GO
from reviews.models import Judgment, SamplingPolicy

PACE_OF = 200
BY_REVIEWS = Expectation.SHARES
NO_PACE = "nobody has judged yet, so how long a judgment takes is not known"


@dataclass(frozen=True, slots=True)
class DebtLine:
    """An expectation that is not decided. n_to_go: counted reviews it still needs; None: reason says why."""

    title: str
    n_to_go: int | None
    reason: str
    version: str = ""
    segment: str = ""


@dataclass(frozen=True, slots=True)
class ReviewDebt:
    """n_reviews: judgments still needed, n_minutes: the work in them; None where nothing is known of either.

    seconds_each: the median active time of the last 200 judgments. lines: what is not decided, with its part;
    those whose part is unknown are not in the sum. text says all of it in a sentence.
    """

    n_reviews: int | None
    n_minutes: float | None
    seconds_each: float | None
    lines: list[DebtLine]
    text: str

    @property
    def unknown(self) -> list[DebtLine]:
        return [line for line in self.lines if line.n_to_go is None]


def review_debt(feature: Feature, *, now: datetime) -> ReviewDebt:
    """What is owed in judgments, over the feature's agreed expectations that are neither met nor broken.

    A judgment counts for every expectation on its version at once: of those on the same version and part of the
    traffic only the one that needs most is paid for, and the versions add up. Expectations that no review can
    decide (latency, adoption, truth that arrives by itself) and those of which nobody knows how much they need
    are named instead. Second opinions and cases of known answer are part of the work. Nothing agreed, or all
    decided -> 0. Not a forecast of the day: that depends on the pace. Four queries.
    """
    agreed = list(Expectation.objects.of(feature).agreed().unresolved())
    open_ones = [(row, status) for row in agreed if not _is_decided(row, status := _newest(row), now)]
    lines = [_line(row, status) for row, status in open_ones]
    n_by_traffic: dict[tuple[str, str], int] = defaultdict(int)
    for line in lines:
        key = line.version, line.segment
        n_by_traffic[key] = max(n_by_traffic[key], line.n_to_go or 0)
    has_known = not lines or any(line.n_to_go is not None for line in lines)
    n_counted = sum(n_by_traffic.values())
    n_reviews = ceil(n_counted * _judgments_each(feature)) if has_known else None
    each = _seconds_each(feature) if lines else None
    minutes = 0.0 if n_reviews == 0 else n_reviews * each / 60 if n_reviews and each else None
    return ReviewDebt(n_reviews, minutes, each, lines, _sentence(len(agreed), n_reviews, minutes, each, lines))


def _newest(row: Expectation) -> ExpectationStatus | None:
    return next(iter(row.statuses.all()), None)


def _is_decided(row: Expectation, status: ExpectationStatus | None, now: datetime) -> bool:
    """Met, broken, or its day has passed: no review changes that any more."""
    return row.is_over(now) or (status is not None and status.status in {"met", "broken", "expired"})


def _line(row: Expectation, status: ExpectationStatus | None) -> DebtLine:
    title = f"{row.get_metric_display()}, {row.get_direction_display()} {in_words(row, row.target)}"
    if row.segment:
        title += f" with {row.segment.replace(':', ' ')}"
    if row.metric not in BY_REVIEWS:
        return DebtLine(title, None, "not decided by reviews")
    if status is None:
        return DebtLine(title, None, "it has not been checked yet; that takes a minute")
    if status.source == "observed":
        return DebtLine(title, None, "decided by the truth that arrives by itself")
    if status.n_to_go is None:
        return DebtLine(title, None, status.reason or "how many reviews decide it is not known")
    if status.n_to_go >= MOST_REVIEWS_TO_GO:
        return DebtLine(title, None, "the figure is too close to what was agreed for any number of reviews")
    return DebtLine(title, status.n_to_go, "", version=status.version, segment=row.segment)


def _judgments_each(feature: Feature) -> float:
    """Judgments for each counted review, by the policy that holds; as in metrics.stats.forecast."""
    policy = SamplingPolicy.objects.filter(feature=feature).order_by("-number").first()
    return (1 + policy.overlap_share) / (1 - policy.gold_share) if policy else 1.0


def _seconds_each(feature: Feature) -> float | None:
    """Half of the last 200 judgments took no longer; of those during which somebody was seen to be there."""
    newest = Judgment.objects.filter(feature=feature).exclude(verdict="").order_by("-pk")
    times = [seconds for seconds in newest.values_list("active_seconds", flat=True)[:PACE_OF] if seconds > 0]
    return median(times) if times else None


def _sentence(
    n_agreed: int, n_reviews: int | None, minutes: float | None, each: float | None, lines: list[DebtLine]
) -> str:
    if not n_agreed:
        return "Nothing is agreed about this feature, so no review is owed."
    if not lines:
        return "No review is owed: whatever is agreed is decided."
    if n_reviews is None:
        return "Nobody can say how much is owed: of no agreed expectation is it known how many reviews decide it."
    owed = f"{n_reviews:,} more judgment{'' if n_reviews == 1 else 's'}"
    if minutes is None or each is None:
        found = "No review is owed for the rest" if n_reviews == 0 else f"About {owed}; {NO_PACE}"
    else:
        found = f"About {spoken(minutes)}: {owed}, half of which take {each:.0f} s or less each"
    n_unknown = sum(line.n_to_go is None for line in lines)
    plural = "expectation is" if n_unknown == 1 else "expectations are"
    return f"{found}. {n_unknown} {plural} not in this sum." if n_unknown else f"{found}."


def spoken(minutes: float) -> str:
    """200.4 -> "3 h 20 min"; under a minute "a minute"."""
    whole = max(1, round(minutes))
    hours, rest = divmod(whole, 60)
    if not hours:
        return "a minute" if whole == 1 else f"{whole}\u00a0min"
    return f"{hours:,}\u00a0h {rest}\u00a0min" if rest else f"{hours:,}\u00a0h"
