"""From what a snapshot stores to its score, by version of the formula. Worker only (numpy)."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from metrics.stats import accountability, adoption, geometric, jackknife
from metrics.stats.accountability import Part
from metrics.stats.adoption import Goal
from metrics.stats.jackknife import PLACE, Clusters
from metrics.stats.score_states import ScoreState, adoption_state

VERSION = "1"
MOST_INFLUENTIAL, MOST_WORDS = 10, 500


@dataclass(frozen=True, slots=True)
class Scored:
    """A score and everything that a page says of it. value, low, high: None unless provisional or measured."""

    value: float | None
    low: float | None
    high: float | None
    state: ScoreState
    reason: str
    components: dict[str, dict[str, Any]]
    points_lost: dict[str, float]
    influence: list[list[Any]] = field(default_factory=list)
    n_value_actors: int = 0
    n_value_accounts: int = 0
    n_accounts: int = 0


def score_adoption(inputs: Mapping[str, Any], goals: Mapping[str, Any], weights: Mapping[str, float]) -> Scored:
    """inputs, goals: as a snapshot of adoption stores them. weights: those of its stage."""
    clusters, has_roster = jackknife.clusters_from(inputs["accounts"]), bool(inputs["has_roster"])
    agreed = {name: Goal(**goals[name]) for name in adoption.COMPONENTS}
    sums = dict(zip(adoption.SUMS, clusters.total().tolist(), strict=True))
    found = adoption.components(sums, has_roster=has_roster)
    reached = adoption.parts(found, agreed)
    no_score = adoption.why_no_score(reached, weights)
    jackknifed = jackknife.adoption_interval(clusters, has_roster=has_roster, goals=agreed, weights=weights)
    n_accounts, n_actors = _active(clusters)
    _, account, share = jackknife.largest_share(clusters, has_roster=has_roster)
    state, reason = adoption_state(
        n_accounts=n_accounts,
        n_actors=n_actors,
        n_resolved=int(sums["resolved"]),
        width=jackknifed[1].high - jackknifed[1].low if jackknifed else None,
        largest=(account, share),
        no_score=no_score,
    )
    is_known = state in {"provisional", "measured"} and jackknifed is not None
    value_actors = clusters.counts[:, PLACE["value_actors"]]
    return Scored(
        value=jackknifed[0] if is_known and jackknifed else None,
        low=jackknifed[1].low if is_known and jackknifed else None,
        high=jackknifed[1].high if is_known and jackknifed else None,
        state=state,
        reason=reason[:MOST_WORDS],
        components=_adoption_components(clusters, found, reached, weights, has_roster, sums),
        points_lost=geometric.points_lost(reached, weights) if is_known else {},
        influence=[
            list(pair) for pair in jackknife.influence(clusters, jackknifed[0], jackknifed[2])[:MOST_INFLUENTIAL]
        ]
        if is_known and jackknifed
        else [],
        n_value_actors=int(sums["value_actors"]),
        n_value_accounts=int(clusters.times[value_actors > 0].sum()),
        n_accounts=n_accounts,
    )


def _active(clusters: Clusters) -> tuple[int, int]:
    """(accounts, actors) that saw an answer or used one; those only on the roster are not seen yet."""
    seen = np.maximum(clusters.counts[:, PLACE["exposed"]], clusters.counts[:, PLACE["value_actors"]])
    return int(clusters.times[seen > 0].sum()), int(clusters.times @ seen)


def _adoption_components(
    clusters: Clusters,
    found: Mapping[str, float | None],
    reached: Mapping[str, float | None],
    weights: Mapping[str, float],
    has_roster: bool,
    sums: Mapping[str, float],
) -> dict[str, dict[str, Any]]:
    intervals = jackknife.component_intervals(clusters, has_roster=has_roster)
    kept = geometric.rescaled(reached, weights)
    components = {}
    for name in adoption.COMPONENTS:
        above, below = adoption.ratio_of(name, has_roster=has_roster)
        interval = intervals[name]
        components[name] = {
            "value": found[name],
            "low": interval.low if interval else None,
            "high": interval.high if interval else None,
            "part": reached[name],
            "weight": kept.get(name, 0.0),
            "above": sums[above],
            "below": sums[below],
            "reason": adoption.WITHOUT[name] if found[name] is None else "",
        }
    return components


def score_accountability(
    inputs: Mapping[str, Any], goals: Mapping[str, Any], weights: Mapping[str, float]
) -> Scored:
    """inputs: as a snapshot of accountability stores them. goals: none count here. weights: those of its stage."""
    parts = {name: Part(**inputs["parts"][name]) for name in accountability.COMPONENTS}
    values = accountability.values_of(parts)
    kept = geometric.rescaled(values, weights)
    components = {
        name: {**asdict(part), "part": part.value, "weight": kept.get(name, 0.0)} for name, part in parts.items()
    }
    value, span = accountability.accountability(parts, weights), accountability.interval(parts, weights)
    if not inputs["is_asked"]:
        return Scored(None, None, None, "not_asked", inputs["gate"][:MOST_WORDS], components, {})
    if value is None or span is None:
        missing = ", ".join(part.reason for part in parts.values() if part.value is None)
        told = f"too much of it is unknown: {missing}"[:MOST_WORDS]
        return Scored(None, None, None, "no_data", told, components, {})
    doubts = accountability.doubts(parts, weights, span[1] - span[0])
    state: ScoreState = "provisional" if doubts else "measured"
    lost = geometric.points_lost(values, weights)
    return Scored(value, *span, state, "; ".join(doubts)[:MOST_WORDS], components, lost)


Formula = Callable[[Mapping[str, Any], Mapping[str, Any], Mapping[str, float]], Scored]
# (version, kind) -> formula. A version that snapshots were made with is never changed: add another one.
FORMULAS: dict[tuple[str, str], Formula] = {
    ("1", "adoption"): score_adoption,
    ("1", "accountability"): score_accountability,
}
