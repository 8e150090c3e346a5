"""What waits for a decision between two reviewers, as an adjudicator sees it before taking one."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from feedback.models import Feature, User
from reviews.disagreements import still_to_judge
from reviews.models import Assignment, Judgment
from reviews.reports import answer_text

MOST_LISTED = 50


@dataclass(frozen=True, slots=True)
class WaitingDecision:
    """A case that two have judged. since: when the second of them did; first, second: what A and B said.

    is_audit: they agree, and it is looked at again. is_held: another adjudicator has it now.
    """

    external_id: str
    version: str
    answer: str
    since: datetime | None
    first: str
    second: str
    is_audit: bool
    is_held: bool


@dataclass(frozen=True, slots=True)
class AdjudicationDesk:
    """n: all that this person may decide; n_free: of these, held by nobody.

    cases: the first 50, as served, of predictions that this person will not be asked to judge as a reviewer.
    """

    feature: str
    name: str
    n: int
    n_free: int
    cases: list[WaitingDecision]
    may_decide: bool


def adjudication_desk(feature: Feature, *, person: User, may_decide: bool, now: datetime) -> AdjudicationDesk:
    """What waits, without anything of which this person was a rater: not even its number.

    The raters are A and B, by the order in which they were asked, as on the case's own page. Four queries.
    """
    waiting = Assignment.objects.filter(feature=feature).to_decide()
    waiting = waiting.filter(state__in=[Assignment.State.OPEN, Assignment.State.LEASED]).allowed_to(person)
    served = waiting.select_related("item__prediction", "item__version").order_by("lane", "queue_key")
    rows = list(served.exclude(item__prediction__in=still_to_judge(feature, person))[:MOST_LISTED])
    said = _opinions([row.item_id for row in rows])
    return AdjudicationDesk(
        feature=feature.slug,
        name=feature.name,
        n=waiting.count(),
        n_free=waiting.free(now).count(),
        cases=[_case(row, feature, said[row.item_id], now) for row in rows],
        may_decide=may_decide,
    )


def _opinions(items: list[int]) -> dict[int, list[Judgment]]:
    """Of each item what its raters say now, A before B."""
    given = Judgment.objects.latest_revisions().filter(
        assignment__item__in=items,
        assignment__lane=Assignment.Lane.OPINION,
        assignment__state=Assignment.State.SUBMITTED,
    )
    by_item: dict[int, list[Judgment]] = defaultdict(list)
    for judgment in given.select_related("assignment").order_by("assignment__ordinal"):
        by_item[judgment.assignment.item_id].append(judgment)
    return by_item


def _case(row: Assignment, feature: Feature, said: list[Judgment], now: datetime) -> WaitingDecision:
    words = [_words(judgment, feature) for judgment in said]
    prediction = row.item.prediction
    return WaitingDecision(
        external_id=prediction.external_id,
        version=row.item.version.name,
        answer=answer_text(prediction) if prediction.label is None else feature.words_for(prediction.label),
        since=max((judgment.created_at for judgment in said), default=None),
        first=words[0] if words else "",
        second=words[1] if len(words) > 1 else "",
        is_audit=row.lane == Assignment.Lane.AUDIT,
        is_held=_is_held(row, now),
    )


def _is_held(row: Assignment, now: datetime) -> bool:
    is_leased = row.state == Assignment.State.LEASED
    return is_leased and row.leased_until is not None and row.leased_until > now


def _words(judgment: Judgment, feature: Feature) -> str:
    corrected = f": {feature.words_for(judgment.corrected)}" if judgment.corrected else ""
    return f"{judgment.get_verdict_display()}{corrected}"
