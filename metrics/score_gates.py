"""Without adoption no accountability: whether it is asked for, from the weekly snapshots."""

from collections import defaultdict
from collections.abc import Iterable

from feedback.models import Feature
from metrics.models import ScoreSnapshot
from metrics.stats.score_states import Gate, GateWeek, gate


def bypass_of(feature: Feature) -> str:
    """Why adoption does not matter for the gate, "" where it does."""
    if feature.automation == Feature.Automation.AUTO_APPLY:
        return "it applies by itself"
    return "people cannot choose whether to use it" if feature.is_mandatory else ""


def gate_weeks(feature: Feature) -> list[GateWeek]:
    return weeks_of([feature])[feature.pk]


def weeks_of(features: Iterable[Feature]) -> dict[int, list[GateWeek]]:
    """Adoption by week of each feature, in one query."""
    found: dict[int, list[GateWeek]] = defaultdict(list)
    stored = ScoreSnapshot.objects.weekly().of_kind(ScoreSnapshot.Kind.ADOPTION).filter(feature__in=list(features))
    columns = ("feature", "as_of", "value", "n_value_actors", "n_value_accounts", "reason")
    for feature, as_of, *rest in stored.order_by("as_of").values_list(*columns):
        found[feature].append(GateWeek(as_of.date(), *rest))
    return found


def gate_of(feature: Feature, weeks: list[GateWeek]) -> Gate:
    return gate(weeks, bypass=bypass_of(feature))
