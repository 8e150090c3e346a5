"""The board of all features by stage: the same standings as their own pages."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from feedback.models import Exploration, Feature, StageChange, User
from metrics.stage_reading import ORDER, SIDE_EXITS, Stage, facts_of, label_of, standing


@dataclass(frozen=True, slots=True)
class Card:
    """A feature on the board. is_ready: its next stage has rules, and they are met."""

    slug: str
    name: str
    owner: str
    days: int
    next_label: str
    missing: list[str]
    is_ready: bool
    n_explorations: int


@dataclass(frozen=True, slots=True)
class Column:
    stage: str
    label: str
    cards: list[Card]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """columns: the stages in order; aside: parked and not used. n_blocked: something is missing for the next."""

    n: int
    n_ready: int
    n_blocked: int
    n_ahead: int
    n_past: int
    columns: list[Column]
    aside: list[Column]


def pipeline_of(features: Iterable[Feature], person: User, *, now: datetime) -> Pipeline:
    """The board of these features, with their owners fetched; explorations ahead as the person sees them."""
    rows = list(features)
    facts = facts_of(rows, now=now)
    newest = StageChange.objects.filter(feature__in=rows).latest_of_each()
    since = dict(newest.values_list("feature", "at"))
    seen = Exploration.objects.visible_to(person)
    running = Counter(seen.running().filter(~Q(feature=None)).values_list("feature", flat=True))
    cards: dict[str, list[Card]] = {stage: [] for stage in Stage.values}
    n_asked = n_blocked = 0
    for feature in rows:
        at = standing(feature, facts[feature.pk], since.get(feature.pk, feature.created_at), Stage.IDEA, now)
        missing = [check.title for check in at.missing]
        n_asked += bool(at.checks)
        n_blocked += bool(missing)
        cards[feature.stage].append(
            Card(
                slug=feature.slug,
                name=feature.name,
                owner=str(feature.owner or ""),
                days=at.days,
                next_label=at.next_label,
                missing=missing,
                is_ready=bool(at.checks) and not missing,
                n_explorations=running[feature.pk],
            )
        )
    return Pipeline(
        n=len(rows),
        n_ready=n_asked - n_blocked,
        n_blocked=n_blocked,
        n_ahead=seen.ahead_of_product().count(),
        n_past=seen.past_time_box(now.date()).count(),
        columns=[Column(stage, label_of(stage), cards[stage]) for stage in ORDER],
        aside=[Column(stage, label_of(stage), cards[stage]) for stage in SIDE_EXITS],
    )
