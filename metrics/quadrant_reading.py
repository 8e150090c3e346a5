"""Where features stand in both quadrants, read from what the workers scored."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import QuerySet

from feedback.models import Feature
from metrics.agreements import cell_of
from metrics.models import DebateRound, FitChange, ScoreSnapshot
from metrics.score_reading import report_of
from metrics.score_reports import QuadrantRow, ScoreReport
from metrics.stats import geometric
from metrics.stats.quadrants import Axis, place
from reviews.models import SamplingPolicy

Kind = ScoreSnapshot.Kind
Quadrant = DebateRound.Quadrant
BLIND = "a debate over it is blind; it is shown again at the reveal"
TRAIL = 8
LATELY = timedelta(weeks=TRAIL + 2)


def quadrant_rows(features: QuerySet[Feature], *, now: datetime) -> list[QuadrantRow]:
    """Every feature in both quadrants: the same few queries for three and for thirty.

    While a debate over one of them is blind, its measured point (or its placement) stays away from here.
    """
    chosen = list(features)
    placements: dict[int, FitChange] = {}
    for placement in FitChange.objects.placements().filter(feature__in=chosen).newest_first():
        placements.setdefault(placement.feature_id, placement)
    rates = SamplingPolicy.objects.current().filter(feature__in=chosen)
    rows = standings(
        chosen, rates=dict(rates.values_list("feature", "reviews_per_day")), placements=placements, now=now
    )
    debated = defaultdict(set)
    for slug, quadrant in (
        DebateRound.objects.is_open().filter(feature__in=chosen).values_list("feature__slug", "quadrant")
    ):
        debated[slug].add(quadrant)
    return [_blind(row, debated[row.slug]) for row in rows]


def _blind(row: QuadrantRow, debated: set[str]) -> QuadrantRow:
    if Quadrant.ADOPTION_ACCOUNTABILITY in debated:
        row = replace(
            row,
            adoption=_unseen(row.adoption),
            accountability=_unseen(row.accountability),
            placement=None,
            advice="",
            reason=BLIND,
            is_provisional=False,
            trail=[],
        )
    if Quadrant.BEHAVIOUR_PRODUCT in debated:
        row = replace(row, behaviour=None, product=None, change_cell=None)
    return row


def _unseen(report: ScoreReport) -> ScoreReport:
    return replace(
        report, value=None, low=None, high=None, state="hidden", reason=BLIND, n=0, components={},
        points_lost={}, trend=None,
    )  # fmt: skip


def standings(
    features: Sequence[Feature],
    *,
    rates: Mapping[int, int],
    now: datetime,
    placements: Mapping[int, FitChange] | None = None,
) -> list[QuadrantRow]:
    """In the order of the features, in one query. rates: of each (by its key) the reviews a day, for what would
    settle a doubt. placements None: the second quadrant is left out.
    """
    snapshots: dict[tuple[int, str], list[ScoreSnapshot]] = defaultdict(list)
    stored = ScoreSnapshot.objects.filter(feature__in=features, as_of__gte=now - LATELY).newest_first().light()
    for snapshot in stored:
        snapshots[snapshot.feature_id, snapshot.kind].append(snapshot)
    placed = placements or {}
    return [_row(feature, snapshots, placed.get(feature.pk), rates.get(feature.pk, 0)) for feature in features]


def _row(
    feature: Feature,
    snapshots: dict[tuple[int, str], list[ScoreSnapshot]],
    placed: FitChange | None,
    reviews_per_day: int,
) -> QuadrantRow:
    of = {kind: snapshots.get((feature.pk, kind), []) for kind in Kind}
    newest = {kind: taken[0] if taken else None for kind, taken in of.items()}
    reports = {kind: report_of(snapshot, feature, kind) for kind, snapshot in newest.items()}
    adoption, accountability = reports[Kind.ADOPTION], reports[Kind.ACCOUNTABILITY]
    across = _axis(adoption)
    up = _accountability_axis(accountability, newest[Kind.ACCOUNTABILITY], reviews_per_day)
    placement = place(across, up) if across and up else None
    return QuadrantRow(
        slug=feature.slug,
        name=feature.name,
        stage_label=feature.get_stage_display(),
        adoption=adoption,
        accountability=accountability,
        placement=placement,
        advice=placement.cell.advice[feature.market_fit] if placement else "",
        reason=_why_nowhere(adoption, accountability),
        is_provisional="provisional" in {adoption.state, accountability.state},
        trail=_trail(of),
        behaviour=placed.behaviour if placed else None,
        product=placed.product if placed else None,
        change_cell=cell_of(placed),
    )


def _axis(report: ScoreReport) -> Axis | None:
    if report.value is None or report.low is None or report.high is None:
        return None
    return Axis("adoption", report.value, report.low, report.high, report.n, "accounts that use it")


def _accountability_axis(
    report: ScoreReport, snapshot: ScoreSnapshot | None, reviews_per_day: int
) -> Axis | None:  # fmt: skip
    """What would make it surer is what varies most of what it is made of."""
    if snapshot is None or report.value is None or report.low is None or report.high is None:
        return None
    told = snapshot.components
    spread = {
        name: told[name]["weight"] ** 2 * told[name]["variance"] / max(geometric.FLOOR, told[name]["value"]) ** 2
        for name in ("reliance", "answering", "promises")
        if name in told and told[name]["value"] is not None
    }
    widest = max(spread, key=lambda name: spread[name], default="promises")
    counted = told.get("evidence" if widest == "promises" else widest, {}).get("n", 0)
    unit, per_day = ("complaints due", counted / 28) if widest == "answering" else ("reviews", reviews_per_day)
    return Axis("accountability", report.value, report.low, report.high, counted, unit, per_day)


def _why_nowhere(adoption: ScoreReport, accountability: ScoreReport) -> str:
    if adoption.value is None:
        return f"adoption is not known: {adoption.reason}"
    return f"accountability is {accountability.reason}" if accountability.value is None else ""


def _trail(of: dict[Kind, list[ScoreSnapshot]]) -> list[tuple[float, float]]:
    """The last eight weeks in which both were known, oldest first."""
    weekly = {kind: {each.as_of: each.value for each in taken if each.is_weekly} for kind, taken in of.items()}
    both = sorted(weekly[Kind.ADOPTION].keys() & weekly[Kind.ACCOUNTABILITY].keys())
    pairs = [(weekly[Kind.ADOPTION][at], weekly[Kind.ACCOUNTABILITY][at]) for at in both]
    return [(a, b) for a, b in pairs if a is not None and b is not None][-TRAIL:]
