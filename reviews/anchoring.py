"""How far the model's answer draws blind reviewers to itself. Stored with the look at reviewers."""

from dataclasses import dataclass

from django.db.models import F

from feedback.models import Feature
from reviews.intervals import wilson
from reviews.models import Assignment, Judgment, ReviewItem


@dataclass(frozen=True, slots=True)
class Anchoring:
    """n: blind judgments whose own answer was not the model's; n_adopted: those that then called it right.

    share = n_adopted / n with its one-look interval low to high, all in [0, 1]; None where reason says why not.
    """

    n: int
    n_adopted: int
    share: float | None
    low: float | None
    high: float | None
    reason: str


def anchoring_of(feature: Feature) -> Anchoring:
    """Of the blind judgments whose own answer differed from the model's, the share that then adopted it.

    Latest revisions of submitted assignments, drawn or picked: gold, adjudications and audits do not count.
    "Partly" and "cannot judge" are no adoption. One reviewer's many judgments are taken as independent: with
    few reviewers the interval is too narrow. Not for numbers and free outputs, whose own answers are words that
    no rule compares.
    """
    judged = Judgment.objects.filter(
        feature=feature,
        assignment__state=Assignment.State.SUBMITTED,
        assignment__lane__in=[Assignment.Lane.OPINION, Assignment.Lane.TARGETED],
        assignment__item__prediction__label__isnull=False,
    ).latest_revisions()
    blind = judged.exclude(own_answer="").exclude(verdict="")
    differing = blind.exclude(own_answer=F("assignment__item__prediction__label"))
    n = differing.count()
    if not n:
        return Anchoring(0, 0, None, None, None, _reason(feature, n_blind=blind.count()))
    n_adopted = differing.filter(verdict=ReviewItem.Verdict.RIGHT).count()
    low, high = wilson(n_adopted, n)
    return Anchoring(n, n_adopted, n_adopted / n, low, high, "")


def _reason(feature: Feature, *, n_blind: int) -> str:
    if feature.answer_kind != Feature.AnswerKind.LABEL:
        return "not measured, because own answers are compared with the model's only where both are labels"
    if n_blind:
        return f"nothing to measure yet, because all {n_blind:,} own answers were the model's, too"
    return "no data yet, because nobody has judged blind: the sampling policy can ask for own answers first"
