"""A reviewer's own figures, and what became of their answers: nothing of a case that is not final."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count, F, Q, Sum

from feedback.models import Feature, User
from reviews.actions.answers import truth_of
from reviews.draw import RIGHT_VALUE
from reviews.figures import OneLookFigure
from reviews.intervals import wilson
from reviews.models import Assignment, Judgment, ReviewItem
from reviews.reports import answer_text

LEAST_SHARED = 10
LEAST_GOLD = 30
# The newest so many are looked at: enough for an interval of 4 points, and the page stays as fast.
MOST_SHARED = 500
MOST_DECIDED = 50
State, Lane = Assignment.State, Assignment.Lane


@dataclass(frozen=True, slots=True)
class OwnFeature:
    name: str
    n_today: int
    n_week: int
    n_all: int
    minutes: float


@dataclass(frozen=True, slots=True)
class OwnDecided:
    """A case of mine that somebody looked at after me: what I said, what it came to, and why.

    again: what an audit says, which leaves the final answer as it is; empty for a decision. Never what the other
    reviewer said.
    """

    feature_name: str
    external_id: str
    answer: str
    mine: str
    final: str
    again: str
    why: str
    decided_at: datetime | None
    is_same: bool


@dataclass(frozen=True, slots=True)
class OwnPage:
    """n_week: the last 7 days with today. gold: of answers before today, so that none shows in it."""

    features: list[OwnFeature]
    n_today: int
    n_week: int
    n_all: int
    minutes: float
    agreement: OneLookFigure
    gold: OneLookFigure
    decided: list[OwnDecided]


def own_page(person: User, *, now: datetime) -> OwnPage:
    """All that a reviewer is told of their own work. Six queries, whatever they have judged."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    features = _features(person, midnight)
    return OwnPage(
        features=features,
        n_today=sum(each.n_today for each in features),
        n_week=sum(each.n_week for each in features),
        n_all=sum(each.n_all for each in features),
        minutes=sum(each.minutes for each in features),
        agreement=_agreement(person),
        gold=_gold(person, midnight),
        decided=_decided(person),
    )


def _features(person: User, midnight: datetime) -> list[OwnFeature]:
    week = midnight - timedelta(days=6)
    totals = (
        Assignment.objects.submitted_by(person)
        .filter(feature__in=Feature.objects.reviewed_by(person))
        .values(name=F("feature__name"))
        .annotate(
            n_today=Count("pk", filter=Q(submitted_at__gte=midnight)),
            n_week=Count("pk", filter=Q(submitted_at__gte=week)),
            n_all=Count("pk"),
            seconds=Sum("active_seconds"),
        )
        .order_by("name")
    )
    return [
        OwnFeature(row["name"], row["n_today"], row["n_week"], row["n_all"], row["seconds"] / 60) for row in totals
    ]


def _mine(person: User) -> list[Judgment]:
    """My opinions of final cases that two were asked for, as they stand, the newest first."""
    standing = Judgment.objects.latest_revisions().filter(
        reviewer=person,
        assignment__reviewer=person,
        assignment__state=State.SUBMITTED,
        assignment__lane=Lane.OPINION,
        assignment__item__n_opinions=2,
        assignment__item__state=ReviewItem.State.FINAL,
        feature__in=Feature.objects.reviewed_by(person),
        verdict__in=RIGHT_VALUE,
    )
    return list(standing.select_related("assignment").order_by("-pk")[:MOST_SHARED])


def _agreement(person: User) -> OneLookFigure:
    """How often the other one of a case said the same; of cases that are final, so that nothing open shows."""
    mine = {judgment.assignment.item_id: judgment for judgment in _mine(person)}
    others = Judgment.objects.latest_revisions().filter(
        assignment__item__in=mine.keys(),
        assignment__state=State.SUBMITTED,
        assignment__lane=Lane.OPINION,
        verdict__in=RIGHT_VALUE,
    )
    columns = ("assignment__item", "verdict", "corrected")
    pairs = [
        (mine[item].verdict, mine[item].corrected) == (verdict, corrected)
        for item, verdict, corrected in others.exclude(reviewer=person).values_list(*columns)
    ]
    if len(pairs) < LEAST_SHARED:
        missing = LEAST_SHARED - len(pairs)
        reason = f"needs {missing} more final case{'' if missing == 1 else 's'} that somebody else judged too"
        return OneLookFigure(None, len(pairs), None, None, reason)
    return _share(pairs)


def _share(hits: Iterable[bool]) -> OneLookFigure:
    seen = list(hits)
    return OneLookFigure(sum(seen) / len(seen), len(seen), *wilson(sum(seen), len(seen)))


def _gold(person: User, midnight: datetime) -> OneLookFigure:
    """How often right where the answer is known, over what was answered before today.

    Until there are 30 of them nothing is told, not even how many: one answer more, and one would know of it that
    it was gold. After that the figure moves once a day.
    """
    answered = Judgment.objects.latest_revisions().filter(
        reviewer=person,
        assignment__reviewer=person,
        assignment__lane=Lane.GOLD,
        assignment__state=State.SUBMITTED,
        assignment__submitted_at__lt=midnight,
        assignment__item__gold__verdict__in=RIGHT_VALUE,
        feature__in=Feature.objects.reviewed_by(person),
        verdict__in=RIGHT_VALUE,
    )
    known = "assignment__item__gold__"
    rows = answered.values_list("verdict", "corrected", f"{known}verdict", f"{known}truth")
    hits = [
        verdict == true_verdict and (verdict == ReviewItem.Verdict.RIGHT or corrected == truth)
        for verdict, corrected, true_verdict, truth in rows
    ]
    if len(hits) < LEAST_GOLD:
        reason = f"needs {LEAST_GOLD} answers to cases whose answer is known, so that no single one shows"
        return OneLookFigure(None, 0, None, None, reason)
    return _share(hits)


def _decided(person: User) -> list[OwnDecided]:
    """My opinions that an adjudicator or an audit looked at, the newest decision first."""
    decisions = Judgment.objects.latest_revisions().filter(
        assignment__lane__in=[Lane.ADJUDICATION, Lane.AUDIT],
        assignment__state=State.SUBMITTED,
        assignment__item__state=ReviewItem.State.FINAL,
        assignment__item__in=Assignment.objects.submitted_by(person).filter(lane=Lane.OPINION).values("item"),
        feature__in=Feature.objects.reviewed_by(person),
    )
    rows = decisions.select_related("feature", "assignment__item__prediction").order_by("-pk")[:MOST_DECIDED]
    by_item = {judgment.assignment.item_id: judgment for judgment in rows}
    mine = Judgment.objects.latest_revisions().filter(
        reviewer=person,
        assignment__item__in=by_item.keys(),
        assignment__lane=Lane.OPINION,
        assignment__state=State.SUBMITTED,
    )
    own = {judgment.assignment.item_id: judgment for judgment in mine.select_related("assignment")}
    return [_one_decided(own[item], decision) for item, decision in by_item.items() if item in own]


def _one_decided(mine: Judgment, decision: Judgment) -> OwnDecided:
    item, feature = decision.assignment.item, decision.feature
    prediction = item.prediction
    is_audit = decision.assignment.lane == Lane.AUDIT
    my_truth = truth_of(mine.verdict, mine.corrected, item)
    return OwnDecided(
        feature_name=feature.name,
        external_id=prediction.external_id,
        answer=answer_text(prediction) if prediction.label is None else feature.words_for(prediction.label),
        mine=_words(mine.get_verdict_display(), mine.corrected, feature),
        final=_words(item.get_verdict_display(), "" if item.verdict == "right" else item.truth, feature),
        again=_words(decision.get_verdict_display(), decision.corrected, feature) if is_audit else "",
        why=decision.comment,
        decided_at=decision.created_at,
        is_same=(mine.verdict, my_truth) == (item.verdict, item.truth),
    )


def _words(verdict: str, corrected: str, feature: Feature) -> str:
    return f"{verdict}: {feature.words_for(corrected)}" if corrected else verdict
