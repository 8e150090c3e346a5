"""What the boards of explorations and decisions show: frozen values, the same for page, CSV and REST."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Prefetch, Q, QuerySet

from feedback.models import Decision, Exploration, ExplorationNeed, Feature, User
from feedback.models.decisions import SOMEBODY_WHO_LEFT, DecisionQuerySet
from feedback.models.plans import ExplorationQuerySet, is_ahead, is_past, is_running


@dataclass(frozen=True, slots=True)
class NeedRow:
    pk: int
    what: str
    owner: str
    due_on: date
    done_at: datetime | None
    is_overdue: bool


@dataclass(frozen=True, slots=True)
class DecisionLink:
    pk: int
    title: str
    address: str


@dataclass(frozen=True, slots=True)
class ExplorationRow:
    """One exploration. days_over: past its time box by so many days, 0 while it is not.

    feature, feature_name: empty for a question ahead of any feature. result, became: codes, empty while open.
    """

    pk: int
    address: str
    feature: str
    feature_name: str
    question: str
    decides: str
    baseline: str
    from_on: date
    until_on: date
    owner: str
    days_over: int
    is_ahead: bool
    result: str
    result_label: str
    answer: str
    effort_days: float | None
    became: str
    became_label: str
    became_why: str
    needs: list[NeedRow]
    decisions: list[DecisionLink]

    @property
    def n_overdue(self) -> int:
        return sum(need.is_overdue for need in self.needs)

    @property
    def n_collected(self) -> int:
        return sum(need.done_at is not None for need in self.needs)


@dataclass(frozen=True, slots=True)
class ExplorationCounts:
    """Of everything that the person sees: n_informed counts decisions that at least one exploration informed."""

    n: int
    n_running: int
    n_ahead: int
    n_past: int
    n_needs_overdue: int
    n_informed: int
    n_used: int
    n_not_used: int


def exploration_counts(person: User, *, today: date) -> ExplorationCounts:
    """The board's head; three queries."""
    seen, features = Exploration.objects.visible_to(person), Feature.objects.visible_to(person)
    counted = seen.aggregate(
        n=Count("pk"),
        n_running=Count("pk", filter=is_running()),
        n_ahead=Count("pk", filter=is_ahead()),
        n_past=Count("pk", filter=is_past(today)),
        n_used=Count("pk", filter=Q(became=Exploration.Became.USED)),
        n_not_used=Count("pk", filter=Q(became=Exploration.Became.NOT_USED)),
    )
    return ExplorationCounts(
        n_needs_overdue=ExplorationNeed.objects.overdue(today).filter(exploration__in=seen).count(),
        n_informed=Decision.objects.filter(feature__in=features, explorations__in=seen).distinct().count(),
        **counted,
    )


def with_parts(explorations: ExplorationQuerySet, *, features: QuerySet[Feature]) -> ExplorationQuerySet:
    """With what exploration_row reads; of the decisions only those of these features, which the reader sees."""
    decisions = Prefetch("decisions", Decision.objects.filter(feature__in=features).order_by("pk"))
    return explorations.select_related("feature", "owner").prefetch_related("needs__owner", decisions)


def with_context(decisions: DecisionQuerySet, *, explorations: ExplorationQuerySet) -> DecisionQuerySet:
    """With what decision_row reads; of the explorations only these, which the reader sees."""
    seen = Prefetch("explorations", explorations.order_by("pk"))
    return decisions.select_related("feature", "owner", "outcome_by", "made_by").prefetch_related(seen)


def exploration_row(exploration: Exploration, *, today: date) -> ExplorationRow:
    """Of an exploration with its parts fetched (with_parts)."""
    feature, runs = exploration.feature, not exploration.result
    return ExplorationRow(
        pk=exploration.pk,
        address=exploration.get_absolute_url(),
        feature=feature.slug if feature else "",
        feature_name=feature.name if feature else "",
        question=exploration.question,
        decides=exploration.decides,
        baseline=exploration.baseline,
        from_on=exploration.from_on,
        until_on=exploration.until_on,
        owner=str(exploration.owner or SOMEBODY_WHO_LEFT),
        days_over=max(0, (today - exploration.until_on).days) if runs else 0,
        is_ahead=runs and (feature is None or feature.stage in Exploration.AHEAD),
        result=exploration.result,
        result_label=exploration.get_result_display(),
        answer=exploration.answer,
        effort_days=exploration.effort_days,
        became=exploration.became,
        became_label=exploration.get_became_display(),
        became_why=exploration.became_why,
        needs=[need_row(need, today=today) for need in exploration.needs.all()],
        decisions=[decision_link(decision) for decision in exploration.decisions.all()],
    )


def need_row(need: ExplorationNeed, *, today: date) -> NeedRow:
    owner = str(need.owner or SOMEBODY_WHO_LEFT)
    return NeedRow(need.pk, need.what, owner, need.due_on, need.done_at, need.is_overdue(today))


def decision_link(decision: Decision) -> DecisionLink:
    return DecisionLink(decision.pk, decision.title, decision.get_absolute_url())


@dataclass(frozen=True, slots=True)
class EvidenceLine:
    """What was known: `what` it is about, under `part` where it has several, and its value in words."""

    what: str
    part: str
    value: str


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision. owner: empty where nobody was named; days_over: so many days past its review, or 0."""

    pk: int
    address: str
    feature: str
    feature_name: str
    title: str
    context: str
    options: list[str]
    chosen: str
    why: str
    evidence: list[EvidenceLine]
    owner: str
    review_on: date | None
    is_due: bool
    days_over: int
    outcome: str
    outcome_at: datetime | None
    outcome_by: str
    made_by: str
    made_at: datetime
    explorations: list[DecisionLink]


def evidence_lines(evidence: dict[str, Any]) -> list[EvidenceLine]:
    """A stored snapshot as the lines of a table; what has parts takes a line for each."""
    return [
        EvidenceLine(str(what), part, value) for what, told in evidence.items() for part, value in _parts(told)
    ]


def _parts(told: Any) -> Iterable[tuple[str, str]]:
    if isinstance(told, dict):
        return [(str(part), _words(value)) for part, value in told.items()]
    if isinstance(told, list):
        return [("", _words(value)) for value in told]
    return [("", _words(told))]


def _words(value: Any) -> str:
    """Numbers with the digits that count; a missing one in words."""
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def decision_row(decision: Decision, *, today: date) -> DecisionRow:
    """Of a decision with its people and explorations fetched (with_context)."""
    is_due = decision.is_due_for_review(today)
    return DecisionRow(
        pk=decision.pk,
        address=decision.get_absolute_url(),
        feature=decision.feature.slug,
        feature_name=decision.feature.name,
        title=decision.title,
        context=decision.context,
        options=[str(option) for option in decision.options],
        chosen=decision.chosen,
        why=decision.why,
        evidence=evidence_lines(decision.evidence),
        owner=str(decision.owner or ""),
        review_on=decision.review_on,
        is_due=is_due,
        days_over=(today - decision.review_on).days if is_due and decision.review_on else 0,
        outcome=decision.outcome,
        outcome_at=decision.outcome_at,
        outcome_by=str(decision.outcome_by or SOMEBODY_WHO_LEFT) if decision.outcome else "",
        made_by=made_by(decision.made_by, decision.key_name),
        made_at=decision.made_at,
        explorations=[
            DecisionLink(each.pk, each.question, each.get_absolute_url()) for each in decision.explorations.all()
        ],
    )


def made_by(person: User | None, key_name: str) -> str:
    """Who did it, in words: a person, a service by its key's name, or somebody whose account is gone."""
    if person is not None:
        return str(person)
    return f"the service {key_name}" if key_name else SOMEBODY_WHO_LEFT


EXPLORATION_COLUMNS = [
    "id", "feature", "question", "decides", "baseline", "from_on", "until_on", "days_over", "owner", "needs",
    "needs_collected", "needs_overdue", "result", "answer", "effort_days", "became", "became_why", "decisions",
]  # fmt: skip
DECISION_COLUMNS = [
    "id", "feature", "title", "context", "options", "chosen", "why", "owner", "review_on", "is_due", "outcome",
    "outcome_at", "made_by", "made_at",
]  # fmt: skip


def exploration_line(row: ExplorationRow) -> list[object]:
    return [
        row.pk, row.feature, row.question, row.decides, row.baseline, row.from_on, row.until_on, row.days_over,
        row.owner, len(row.needs), row.n_collected, row.n_overdue, row.result, row.answer, row.effort_days,
        row.became, row.became_why, len(row.decisions),
    ]  # fmt: skip


def decision_line(row: DecisionRow) -> list[object]:
    return [
        row.pk, row.feature, row.title, row.context, "; ".join(row.options), row.chosen, row.why, row.owner,
        row.review_on, row.is_due, row.outcome, row.outcome_at, row.made_by, row.made_at,
    ]  # fmt: skip
