"""How the reviews of a feature stand, for who leads them: the queue, its pace, its debt, its reviewers."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from django.db.models import Count, Min, Sum
from django.db.models.functions import TruncDate

from feedback.models import Feature, Membership, User
from metrics.review_debt import ReviewDebt, review_debt
from reviews.disagreements import shown_to
from reviews.figures import AccuracyWithoutError, OneLookFigure
from reviews.models import (
    Assignment,
    Exclusion,
    Judgment,
    ReviewerSkill,
    ReviewItem,
    SamplingPolicy,
)
from reviews.reliability_store import (
    NOT_YET,
    StoredReliability,
    StoredReviewer,
    accuracies_without_error,
    reliability,
)

DAYS = 14
MOST_LISTED = 50
RANKED_FROM = 30
Role = Membership.Role
# Who reads what was answered, without names; names, and steering, are for who leads (reviews.actions.leading).
READERS = (Role.OWNER, Role.ADJUDICATOR, Role.DATA_SCIENCE, Role.PRODUCT)
SKIPPED = {
    "not_my_field": "not their field",
    "biased": "not neutral here",
    "broken": "the case is broken",
    "voided": "their judgment was voided",
}
OWN_GOLD = "your own is under My figures, where no single case shows"
NOBODY_ELSE = "whoever else reviews has a part in it already"


@dataclass(frozen=True, slots=True)
class PaceDay:
    """n: judgments given on the UTC day that begins at `at`, that stand; minutes: active time in them."""

    at: datetime
    n: int
    minutes: float


@dataclass(frozen=True, slots=True)
class QueueHealth:
    """n_open: opinions that wait for a reviewer; n_leased: being given; n_to_decide: decisions that wait.

    n_stuck: cases that nobody is left for. oldest_at: when the oldest open one was drawn. days: the last 14, the
    running one included; a_day, minutes_a_day: the mean of the 13 whole ones.
    """

    as_of: datetime
    has_policy: bool
    n_open: int
    n_leased: int
    n_stuck: int
    n_to_decide: int
    n_final: int
    oldest_at: datetime | None
    days: list[PaceDay]
    a_day: float
    minutes_a_day: float
    debt: ReviewDebt


@dataclass(frozen=True, slots=True)
class StuckCase:
    """A case that nobody is left for, and why. assignment_id: the opinion that is still to be given."""

    item_id: int
    assignment_id: int | None
    external_id: str
    drawn_at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class HeldCase:
    """A case that somebody has now. Nothing of it but its name: gold looks like every other."""

    assignment_id: int
    external_id: str
    reviewer: str
    leased_at: datetime | None
    leased_until: datetime | None
    has_run_out: bool


@dataclass(frozen=True, slots=True)
class ReviewerRow:
    """rank: by agreement with others, None under 30 judgments or without that figure."""

    id: int
    name: str
    n: int
    active_minutes: float
    last_at: datetime | None
    agreement: OneLookFigure
    gold: OneLookFigure
    confusion: dict[str, dict[str, float]] | None
    rank: int | None
    tags: list[str]
    is_member: bool


@dataclass(frozen=True, slots=True)
class NamedPair:
    first: str
    second: str
    raw: OneLookFigure
    kappa: OneLookFigure


@dataclass(frozen=True, slots=True)
class LeadLists:
    """What only a lead sees: who holds what, what is stuck, and each reviewer by name."""

    stuck: list[StuckCase]
    held: list[HeldCase]
    reviewers: list[ReviewerRow]
    pairs: list[NamedPair]
    needs_skills: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """What the judgments say of each other. found: None before the worker's first look, and why_not says so."""

    found: StoredReliability | None
    why_not: str
    accuracies: dict[str, AccuracyWithoutError]


def may_read_answers(person: User, feature: Feature) -> bool:
    held = Membership.objects.of(person).with_role(*READERS).filter(feature=feature)
    return person.is_staff or held.exists()


def queue_health(feature: Feature, *, now: datetime) -> QueueHealth:
    """The queue of a feature as it stands. Twelve queries, whatever it holds."""
    assignments = Assignment.objects.filter(feature=feature)
    is_open = assignments.filter(state=Assignment.State.OPEN)
    waiting = is_open.to_judge().aggregate(n=Count("pk"), oldest=Min("item"))
    oldest = ReviewItem.objects.filter(pk=waiting["oldest"]).values_list("drawn_at", flat=True).first()
    items = ReviewItem.objects.of(feature)
    days = _days(feature, now)
    whole = days[:-1]
    return QueueHealth(
        as_of=now,
        has_policy=SamplingPolicy.objects.filter(feature=feature).exists(),
        n_open=waiting["n"],
        n_leased=assignments.live(now).count(),
        n_stuck=items.filter(state=ReviewItem.State.NEEDS_LEAD).count(),
        n_to_decide=is_open.to_decide().count(),
        n_final=items.in_probability_sample().final().count(),
        oldest_at=oldest,
        days=days,
        a_day=sum(day.n for day in whole) / len(whole),
        minutes_a_day=sum(day.minutes for day in whole) / len(whole),
        debt=review_debt(feature, now=now),
    )


def _days(feature: Feature, now: datetime) -> list[PaceDay]:
    """The last 14 UTC days, oldest first, those without a judgment too."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [midnight - timedelta(days=n) for n in reversed(range(DAYS))]
    stands = {"feature": feature, "assignment__state": Assignment.State.SUBMITTED}
    given = Judgment.objects.filter(created_at__gte=days[0], **stands).exclude(verdict="")
    by_day = given.latest_revisions().annotate(on=TruncDate("created_at", tzinfo=UTC))
    totals = by_day.order_by().values_list("on").annotate(n=Count("pk"), seconds=Sum("active_seconds"))
    found = {on: (n, seconds / 60) for on, n, seconds in totals}
    return [PaceDay(day, *found.get(day.date(), (0, 0.0))) for day in days]


def answers_of(feature: Feature, *, viewer: User) -> Answers:
    """As stored, without the cases that the viewer may still be served to judge: what is right stands there."""
    found = reliability(feature)
    if found:
        found = replace(found, labels=shown_to(found.labels, feature=feature, person=viewer))
    return Answers(found, "" if found else NOT_YET, accuracies_without_error(feature))


def lead_lists(feature: Feature, found: StoredReliability | None, *, viewer: User, now: datetime) -> LeadLists:
    """The lists of a lead. A lead who reviews too reads nothing of their own gold here. Nine queries at most."""
    names, members = _people(feature, found)
    tags = defaultdict(list)
    skills = ReviewerSkill.objects.filter(feature=feature).order_by("tag")
    for person, tag in skills.values_list("reviewer", "tag"):
        tags[person].append(tag)
    policy = SamplingPolicy.objects.filter(feature=feature).order_by("-number").first()
    stored = {one.reviewer_id: one for one in (found.reviewers if found else [])}
    rows = [
        _reviewer(pk, name, stored.get(pk), tags[pk], is_member=pk in members, is_viewer=pk == viewer.pk)
        for pk, name in names.items()
    ]
    return LeadLists(
        stuck=_stuck(feature),
        held=_held(feature, now),
        reviewers=_ranked(rows),
        pairs=[
            NamedPair(names[pair.first_id], names[pair.second_id], pair.raw, pair.kappa)
            for pair in (found.pairs if found else [])
            if {pair.first_id, pair.second_id} <= names.keys()
        ],
        needs_skills=any(tags.values()) or bool(policy and policy.skill_segment),
    )


def _people(feature: Feature, found: StoredReliability | None) -> tuple[dict[int, str], set[int]]:
    """Names of whoever reviews or has reviewed, and who of them is in the team now."""
    roles = [Role.REVIEWER, Role.ADJUDICATOR]
    members = set(Membership.objects.with_role(*roles).filter(feature=feature).values_list("user", flat=True))
    judged = {one.reviewer_id for one in found.reviewers} if found else set()
    people = User.objects.filter(pk__in=members | judged).order_by("email")
    return {person.pk: str(person) for person in people}, members


def _reviewer(
    pk: int, name: str, stored: StoredReviewer | None, tags: list[str], *, is_member: bool, is_viewer: bool
) -> ReviewerRow:
    nothing = OneLookFigure(None, 0, None, None, "no judgment yet")
    gold = stored.gold if stored else nothing
    return ReviewerRow(
        id=pk,
        name=name,
        n=stored.n if stored else 0,
        active_minutes=stored.active_seconds / 60 if stored else 0.0,
        last_at=stored.last_at if stored else None,
        agreement=stored.agreement if stored else nothing,
        gold=OneLookFigure(None, 0, None, None, OWN_GOLD) if is_viewer else gold,
        confusion=stored.confusion if stored else None,
        rank=None,
        tags=tags,
        is_member=is_member,
    )


def _ranked(rows: Sequence[ReviewerRow]) -> list[ReviewerRow]:
    """Those with 30 judgments by their agreement with others; then the rest, by name."""
    can_rank = [row for row in rows if row.n >= RANKED_FROM and row.agreement.value is not None]
    by_agreement = sorted(can_rank, key=lambda row: (-(row.agreement.value or 0.0), row.name))
    ranked = [replace(row, rank=place) for place, row in enumerate(by_agreement, start=1)]
    return [*ranked, *(row for row in rows if row not in can_rank)]


def _stuck(feature: Feature) -> list[StuckCase]:
    stuck = ReviewItem.objects.of(feature).filter(state=ReviewItem.State.NEEDS_LEAD).order_by("drawn_at", "pk")
    items = list(stuck.select_related("prediction")[:MOST_LISTED])
    skips: dict[int, Counter[str]] = defaultdict(Counter)
    for item, reason in Exclusion.objects.filter(item__in=items).values_list("item", "reason"):
        skips[item][reason] += 1
    is_open = Assignment.objects.filter(item__in=items, state=Assignment.State.OPEN).to_judge()
    waiting = {each.item_id: each for each in is_open.order_by("-ordinal")}
    return [
        StuckCase(
            item_id=item.pk,
            assignment_id=waiting[item.pk].pk if item.pk in waiting else None,
            external_id=item.prediction.external_id,
            drawn_at=item.drawn_at,
            why=_why_stuck(skips[item.pk], waiting[item.pk].skill if item.pk in waiting else ""),
        )
        for item in items
    ]


def _why_stuck(skips: Counter[str], skill: str) -> str:
    said = [f"{n} × {SKIPPED.get(reason, reason)}" for reason, n in skips.most_common()]
    if skill:
        said.append(f"it needs the skill “{skill}”")
    return "; ".join(said) or NOBODY_ELSE


def _held(feature: Feature, now: datetime) -> list[HeldCase]:
    leased = Assignment.objects.filter(feature=feature, state=Assignment.State.LEASED)
    rows = leased.select_related("reviewer", "item__prediction").order_by("leased_at", "pk")[:MOST_LISTED]
    return [
        HeldCase(
            assignment_id=row.pk,
            external_id=row.item.prediction.external_id,
            reviewer=str(row.reviewer),
            leased_at=row.leased_at,
            leased_until=row.leased_until,
            has_run_out=row.leased_until is not None and row.leased_until <= now,
        )
        for row in rows
    ]
