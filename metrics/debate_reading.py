"""Debates as pages and REST show them. What is blind never gets into these dataclasses before the reveal."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from feedback.models import Feature, User
from metrics.functions import name_of
from metrics.models import DebateRound, Placement, PlacementRevision
from metrics.stats.debate import AxisVerdict, axis_verdict, on_the_board
from metrics.stats.quadrants import CELLS, CHANGE_CELLS, Cell, ChangeCell

THIRDS = ("low", "in the middle", "high")


@dataclass(frozen=True, slots=True)
class Axes:
    """The words of a quadrant. cells: (is x high, is y high) -> its cell."""

    x: str
    y: str
    x_ends: tuple[str, str]
    y_ends: tuple[str, str]
    cells: Mapping[tuple[bool, bool], Cell | ChangeCell]

    def title(self, code: str) -> str:
        return next((cell.name for cell in self.cells.values() if cell.code == code), code)


AXES = {
    DebateRound.Quadrant.ADOPTION_ACCOUNTABILITY: Axes(
        "Adoption",
        "Accountability",
        ("hardly used", "used willingly, again and again"),
        ("nobody can answer for it", "a named team answers for it"),
        CELLS,
    ),
    DebateRound.Quadrant.BEHAVIOUR_PRODUCT: Axes(
        "Behaviour change",
        "Product change",
        ("asks nothing new of people", "asks them to work differently"),
        ("gives them little", "gives them much"),
        CHANGE_CELLS,
    ),
}


@dataclass(frozen=True, slots=True)
class PlacementView:
    function: str
    name: str
    person: str
    x: int
    y: int
    confidence: int
    confidence_label: str
    reason: str
    placed_at: datetime
    n_revised: int


@dataclass(frozen=True, slots=True)
class AxisView:
    """axis: x or y. sentence: the verdict for people."""

    axis: str
    name: str
    verdict: str
    median: float
    spread: float
    lowest: int
    highest: int
    n: int
    sentence: str


@dataclass(frozen=True, slots=True)
class MeasuredView:
    """What the scores said when the round was opened. place: on 1 to 9; None with a reason."""

    axis: str
    name: str
    value: float | None
    low: float | None
    high: float | None
    place: float | None
    place_low: float | None
    place_high: float | None
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class DebateReport:
    """A round as one reader may see it.

    has_voted: functions that have, and no more of them before the reveal. own: the reader's placement. cell: of
    the medians. Until the reveal placements, axes, cell and measured are empty, whoever reads.
    """

    id: int
    feature: str
    feature_name: str
    quadrant: str
    quadrant_label: str
    number: int
    previous: int | None
    following: int | None
    state: str
    state_label: str
    facilitator: str
    functions: list[str]
    has_voted: list[str]
    waiting_for: list[str]
    quorum: int
    has_quorum: bool
    deadline: datetime
    opened_at: datetime
    revealed_at: datetime | None
    own: PlacementView | None
    placements: list[PlacementView]
    axes: list[AxisView]
    cell: str
    is_contested: bool
    measured: list[MeasuredView]
    decision: int | None
    decision_title: str


def axes_of(quadrant: str) -> Axes:
    return AXES[DebateRound.Quadrant(quadrant)]


def listed(functions: Sequence[str]) -> str:
    """Functions in words: "design, operations and product"."""
    names = [name_of(function).lower() for function in functions]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def debate_reports(
    rounds: QuerySet[DebateRound], *, user: User | None, features: QuerySet[Feature]
) -> list[DebateReport]:
    """The rounds as this reader may see them. features: those the reader may see; user None: a service's key."""
    found = list(
        rounds.visible_in(features)  # type: ignore[attr-defined]  # a DebateRoundQuerySet
        .select_related("feature", "facilitator", "decision", "following")
        .newest_first()
    )
    ids = [round_.pk for round_ in found]
    voted: dict[int, list[str]] = defaultdict(list)
    for pk, function in Placement.objects.filter(round__in=ids).who_placed():
        voted[pk].append(function)
    shown: dict[int, list[Placement]] = defaultdict(list)
    revisions = Prefetch("revisions", PlacementRevision.objects.only("pk", "placement"))
    visible = Placement.objects.visible_to(user, features).filter(round__in=ids)
    for placement in visible.select_related("user").prefetch_related(revisions).order_by("placed_at", "pk"):
        shown[placement.round_id].append(placement)
    return [_report(round_, voted[round_.pk], shown[round_.pk], user) for round_ in found]


def _report(round_: DebateRound, voted: list[str], shown: list[Placement], user: User | None) -> DebateReport:
    following = getattr(round_, "following", None)
    placements = [_view(placement) for placement in shown] if round_.is_revealed else []
    own = next((placement for placement in shown if user and placement.user_id == user.pk), None)
    verdicts = _verdicts(round_, shown) if round_.is_revealed and shown else []
    in_order = [function for function in round_.functions if function in voted]
    return DebateReport(
        id=round_.pk,
        feature=round_.feature.slug,
        feature_name=round_.feature.name,
        quadrant=round_.quadrant,
        quadrant_label=round_.get_quadrant_display(),
        number=round_.number,
        previous=round_.previous_id,
        following=following.pk if following else None,
        state=round_.state,
        state_label=round_.get_state_display(),
        facilitator=str(round_.facilitator),
        functions=round_.functions,
        has_voted=in_order,
        waiting_for=[function for function in round_.functions if function not in voted],
        quorum=round_.quorum,
        has_quorum=len(voted) >= round_.quorum,
        deadline=round_.deadline,
        opened_at=round_.opened_at,
        revealed_at=round_.revealed_at,
        own=_view(own) if own else None,
        placements=placements,
        axes=[_axis(axis, name, verdict) for axis, (name, verdict) in zip("xy", verdicts, strict=False)],
        cell=_cell_of(round_, verdicts),
        is_contested=any(verdict.verdict == "contested" for _, verdict in verdicts),
        measured=_measured(round_) if round_.is_revealed else [],
        decision=round_.decision_id,
        decision_title=str(round_.decision) if round_.decision else "",
    )


def _view(placement: Placement) -> PlacementView:
    return PlacementView(
        function=placement.function,
        name=name_of(placement.function),
        person=str(placement.user),
        x=placement.x,
        y=placement.y,
        confidence=placement.confidence,
        confidence_label=placement.get_confidence_display(),
        reason=placement.reason,
        placed_at=placement.placed_at,
        n_revised=len(placement.revisions.all()),
    )


def verdicts_of(round_: DebateRound) -> list[tuple[str, AxisVerdict]]:
    """(axis name, verdict) for x and y of a revealed round; of an open one nothing."""
    placements = list(Placement.objects.of(round_).revealed())
    return _verdicts(round_, placements) if placements else []


def _verdicts(round_: DebateRound, placements: Iterable[Placement]) -> list[tuple[str, AxisVerdict]]:
    axes, places = axes_of(round_.quadrant), [(placement.x, placement.y) for placement in placements]
    return [(axes.x, axis_verdict([x for x, _ in places])), (axes.y, axis_verdict([y for _, y in places]))]


def _axis(axis: str, name: str, found: AxisVerdict) -> AxisView:
    return AxisView(
        axis=axis,
        name=name,
        verdict=found.verdict,
        median=found.median,
        spread=found.spread,
        lowest=found.lowest,
        highest=found.highest,
        n=found.n,
        sentence=verdict_sentence(name, found),
    )


def verdict_sentence(name: str, found: AxisVerdict) -> str:
    third = THIRDS[(found.median >= 3.5) + (found.median >= 6.5)]
    middle = f"median {found.median:g}, from {found.lowest} to {found.highest}"
    if found.verdict == "contested":
        return f"{name}: contested. {found.n_low} of {found.n} say low, {found.n_high} say high ({middle})."
    if found.verdict == "agreed":
        apart = (
            f"{found.n_outside} of {found.n} see it otherwise" if found.n_outside else "nobody sees it otherwise"
        )
        return f"{name}: agreed, {third}; {apart} ({middle})."
    return f"{name}: mixed, rather {third}; {found.n_outside} of {found.n} see it otherwise ({middle})."


def _cell_of(round_: DebateRound, verdicts: Sequence[tuple[str, AxisVerdict]]) -> str:
    """The cell of the medians; empty while blind."""
    if not verdicts:
        return ""
    (_, x), (_, y) = verdicts
    return axes_of(round_.quadrant).cells[x.median > 5, y.median > 5].name


def _measured(round_: DebateRound) -> list[MeasuredView]:
    axes = axes_of(round_.quadrant)
    return [
        _measured_axis(axis, name, round_.evidence[axis])
        for axis, name in (("x", axes.x), ("y", axes.y))
        if axis in round_.evidence
    ]


def _measured_axis(axis: str, name: str, found: dict[str, Any]) -> MeasuredView:
    place, low, high = (
        None if found[key] is None else on_the_board(found[key]) for key in ("value", "low", "high")
    )
    return MeasuredView(
        axis=axis,
        name=name,
        value=found["value"],
        low=found["low"],
        high=found["high"],
        place=place,
        place_low=low,
        place_high=high,
        state=found["state"],
        reason=found["reason"],
    )


def evidence_for_decision(round_: DebateRound, *, would_move: str) -> dict[str, Any]:
    """What a revealed round knew, for its decision: {what: value}."""
    placements = Placement.objects.of(round_).revealed().order_by("placed_at", "pk")
    axes = axes_of(round_.quadrant)
    said = {
        name_of(
            each.function
        ): f"{axes.x} {each.x}, {axes.y} {each.y} ({each.get_confidence_display().lower()}): {each.reason}"
        for each in placements
    }
    verdicts = {name: verdict_sentence(name, found) for name, found in verdicts_of(round_)}
    measured = {
        each.name: f"{each.value:.0f} ({each.low:.0f} to {each.high:.0f})"
        if each.value is not None
        else each.reason
        for each in _measured(round_)
    }
    found: dict[str, Any] = {"Placements": said, "Verdict": verdicts}
    if measured:
        found["Measured"] = measured
    if would_move.strip():
        found["What evidence would move us"] = would_move.strip()
    return found
