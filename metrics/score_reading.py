"""Reads what the workers scored into the dataclasses of metrics.score_reports. Never computes an interval."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from feedback.models import Feature
from metrics.agreements import agreement_of, weights_now
from metrics.models import ScoreSnapshot, UsageSummary
from metrics.readiness import checklist
from metrics.score_gates import gate_of as gate_of_weeks
from metrics.score_gates import gate_weeks, weeks_of
from metrics.score_reports import (
    LABELS,
    MEANINGS,
    ChangeLine,
    ChangeReport,
    FitEvidence,
    ScoreComponent,
    ScoreReport,
    ScoresReport,
    Taken,
    Trend,
    WeightsPage,
    WhyPage,
)
from metrics.stats import geometric, score_change
from metrics.stats.adoption import Goal
from metrics.stats.score_states import Gate
from metrics.usage_reports import report_from

Kind = ScoreSnapshot.Kind
TRAIL = 8
LATELY = timedelta(weeks=TRAIL + 2)
ENOUGH_FOR_FIT = 100
FLAT = 0.05
NOT_LIVE = "it is not live yet, and no usage of it has arrived: send usage events (POST /api/v1/events/)"
NOT_YET = "the worker has not scored it yet; the first score follows its first usage within two minutes"
CAUSES = {
    "behaviour": "What people did", "goals": "Goals that were moved", "weights": "Weights that were changed",
    "stage": "Before or after market fit",
}  # fmt: skip
QUALITY = {
    "n_events": "usage events in the 28 days",
    "n_internal": "of the team itself, left out",
    "n_implied_exposures": "answers that came without being shown first",
    "n_no_account": "people without an account, each counted as one",
}


# --- for the other pages


def gate(feature: Feature) -> Gate:
    """Whether accountability is asked for, and why or why not."""
    return gate_of_weeks(feature, gate_weeks(feature))


def gates_of(features: Iterable[Feature]) -> dict[int, Gate]:
    """Of many features at once, in one query."""
    chosen = list(features)
    weeks = weeks_of(chosen)
    return {feature.pk: gate_of_weeks(feature, weeks[feature.pk]) for feature in chosen}


def scores_report(feature: Feature) -> ScoresReport:
    """Both scores as they were last taken. None taken: absent, with the reason."""
    reports = {kind: report_of(ScoreSnapshot.objects.latest_of(feature, kind), feature, kind) for kind in Kind}
    return ScoresReport(feature.slug, reports[Kind.ADOPTION], reports[Kind.ACCOUNTABILITY], gate(feature))


# --- one score


def report_of(snapshot: ScoreSnapshot | None, feature: Feature, kind: str) -> ScoreReport:
    if snapshot is None:
        is_live = feature.stage in (Feature.Stage.SHADOW, Feature.Stage.PILOT, Feature.Stage.GENERAL)
        reason = NOT_YET if is_live else NOT_LIVE
        return ScoreReport(None, None, None, "no_data", reason, None, None, "", feature.market_fit, 0, {}, {})
    lost: dict[str, float] = _in_order(snapshot.points_lost)
    return ScoreReport(
        value=snapshot.value,
        low=snapshot.low,
        high=snapshot.high,
        state=snapshot.state,
        reason=snapshot.reason,
        as_of=snapshot.as_of,
        taken_at=snapshot.taken_at,
        formula_version=snapshot.formula_version,
        market_fit=snapshot.market_fit,
        n=_n_behind(snapshot),
        components={
            name: _component(name, told, snapshot.goals.get(name), lost.get(name))
            for name, told in _in_order(snapshot.components).items()
        },
        points_lost=lost,
        trend=_trend(snapshot),
    )


def _in_order(stored: dict[str, Any]) -> dict[str, Any]:
    """By component, as pages name them: PostgreSQL keeps JSON in an order of its own."""
    return {name: stored[name] for name in LABELS if name in stored}


def _n_behind(snapshot: ScoreSnapshot) -> int:
    """Accounts behind adoption; judged predictions and complaints behind accountability."""
    if snapshot.kind == Kind.ADOPTION:
        return snapshot.n_accounts
    return sum(int(snapshot.components.get(name, {}).get("n", 0)) for name in ("evidence", "answering"))


def _component(
    name: str, told: dict[str, Any], goal: dict[str, float] | None, lost: float | None
) -> ScoreComponent:
    return ScoreComponent(
        name=name,
        label=LABELS[name],
        meaning=MEANINGS[name],
        value=told["value"],
        low=told.get("low"),
        high=told.get("high"),
        part=told["part"],
        weight=told["weight"],
        lo=goal["lo"] if goal else None,
        hi=goal["hi"] if goal else None,
        n=told.get("below", told.get("n", 0)),
        points_lost=lost,
        reason=told["reason"],
    )


def _trend(snapshot: ScoreSnapshot) -> Trend | None:
    told = snapshot.trend
    return (
        Trend(date.fromisoformat(told["since"]), told["difference"], told["low"], told["high"]) if told else None
    )


# --- why


def why_page(feature: Feature, *, now: datetime, kind: str = Kind.ADOPTION, since: int | None = None) -> WhyPage:
    """Where the points went and what changed. since: the snapshot to compare with; None: a month before.

    kind: whose change is shown, adoption's or accountability's.
    """
    newest = {each: _newest(feature, each) for each in Kind.values}
    adoption, counters = newest["adoption"], _counters(newest["adoption"])
    scores = ScoresReport(
        feature=feature.slug,
        adoption=report_of(adoption, feature, Kind.ADOPTION),
        accountability=report_of(newest["accountability"], feature, Kind.ACCOUNTABILITY),
        gate=gate(feature),
    )
    taken = _comparable(feature, newest[kind], kind)
    chosen = next((each for each in taken if each.pk == since), None) or _month_before(taken, newest[kind])
    agreement, weights = agreement_of(feature), weights_now()
    return WhyPage(
        slug=feature.slug,
        name=feature.name,
        simulated_note=feature.simulated_note,
        scores=scores,
        quality=[(words, counters[name]) for name, words in QUALITY.items()] if counters else [],
        has_roster=bool(counters.get("has_roster")),
        biggest_loss=_biggest_loss(scores.adoption),
        arithmetic=_arithmetic(adoption),
        taken=taken,
        since=chosen,
        change=_change(newest[kind], chosen),
        influence=[ChangeLine(name, points) for name, points in adoption.influence] if adoption else [],
        sensitivity=[ChangeLine(LABELS[name], points) for name, points in _in_order(moves_of(adoption)).items()],
        readiness=checklist(feature, now=now),
        agreement=agreement,
        goals={LABELS[name]: {"lo": goal.lo, "hi": goal.hi} for name, goal in agreement.goals.items()},
        weights_number=weights.number,
        market_fit=feature.market_fit,
        market_fit_label=feature.get_market_fit_display(),
        fit=fit_evidence(feature),
    )


def _newest(feature: Feature, kind: str) -> ScoreSnapshot | None:
    return ScoreSnapshot.objects.latest_of(feature, kind)


def _counters(snapshot: ScoreSnapshot | None) -> dict[str, Any]:
    """What was counted beside the accounts, without reading these."""
    if snapshot is None:
        return {}
    names = (*QUALITY, "has_roster")
    told = ScoreSnapshot.objects.filter(pk=snapshot.pk).values_list(*(f"inputs__{name}" for name in names)).get()
    return dict(zip(names, told, strict=True))


def _comparable(feature: Feature, newest: ScoreSnapshot | None, kind: str) -> list[Taken]:
    """Earlier snapshots with a score, newest first: a year of weeks, and the days that are kept."""
    if newest is None:
        return []
    stored = ScoreSnapshot.objects.of(feature).of_kind(kind).exclude(pk=newest.pk).filter(value__isnull=False)
    columns = ("pk", "as_of", "value", "is_weekly")
    return [Taken(*row) for row in stored.newest_first().values_list(*columns)[:100]]


def _month_before(taken: list[Taken], newest: ScoreSnapshot | None) -> Taken | None:
    if newest is None or not taken:
        return None
    month = newest.as_of - timedelta(days=28)
    return next((each for each in taken if each.as_of <= month and each.is_weekly), taken[-1])


def _biggest_loss(report: ScoreReport) -> str:
    if not report.points_lost or report.value is None:
        return ""
    name = max(report.points_lost, key=lambda each: report.points_lost[each])
    return (
        f"{LABELS[name]} costs most: {report.points_lost[name]:.1f} of the {100 - report.value:.0f} points lost."
    )


def _parts(snapshot: ScoreSnapshot) -> dict[str, float | None]:
    return {name: told["part"] for name, told in snapshot.components.items()}


def _arithmetic(snapshot: ScoreSnapshot | None) -> float | None:
    if snapshot is None or snapshot.value is None:
        return None
    return geometric.arithmetic(_parts(snapshot), snapshot.stage_weights)


def moves_of(snapshot: ScoreSnapshot | None) -> dict[str, float]:
    """By how many points adoption would move if a component weighed 5 points more."""
    if snapshot is None or snapshot.value is None:
        return {}
    return geometric.sensitivity(_parts(snapshot), snapshot.stage_weights)


def _change(newest: ScoreSnapshot | None, since: Taken | None) -> ChangeReport | None:
    if newest is None or since is None:
        return None
    before = ScoreSnapshot.objects.light().get(pk=since.pk)
    if newest.value is None:
        return ChangeReport(since.as_of, before.value, None, None, reason=newest.reason)
    found = score_change.change(_inputs_of(before), _inputs_of(newest))
    return ChangeReport(
        since=since.as_of,
        before=before.value,
        after=newest.value,
        total=found.total,
        by_cause=[ChangeLine(CAUSES[name], points) for name, points in found.by_cause.items()],
        by_component=[ChangeLine(LABELS[name], points) for name, points in found.by_component.items()],
    )


def _inputs_of(snapshot: ScoreSnapshot) -> score_change.ScoreInputs:
    return score_change.ScoreInputs(
        components={name: told["value"] for name, told in _in_order(snapshot.components).items()},
        goals={name: Goal(**goal) for name, goal in snapshot.goals.items()},
        weights=snapshot.weights,
        market_fit=snapshot.market_fit,
    )


def fit_evidence(feature: Feature) -> FitEvidence:
    """Whether those who began keep coming back: a curve that flattens speaks for market fit. Decided by people."""
    stored = UsageSummary.objects.filter(feature=feature).first()
    if stored is None or not stored.figures:
        return FitEvidence("Cannot tell yet: nothing is known of how people come back.", 0, False, [])
    returns = [each for each in report_from(stored.figures).returns if each.figure.value is not None]
    curve = [(each.after, float(each.figure.value or 0), int(each.figure.denominator)) for each in returns]
    n = curve[0][2] if curve else 0
    if n < ENOUGH_FOR_FIT:
        told = (
            f"Cannot tell yet: {n} of about {ENOUGH_FOR_FIT} people began long enough ago to see them come back."
        )
        return FitEvidence(told, n, False, curve)
    return FitEvidence(_flattening(curve), n, True, curve)


def _flattening(curve: list[tuple[int, float, int]]) -> str:
    """Flat: the last two steps with enough people lose under 5 points together."""
    steps = [(after, share) for after, share, n in curve if n >= ENOUGH_FOR_FIT / 2]
    if len(steps) < 3:
        return "Cannot tell yet: people began too lately to see more than two intervals after it."
    lost, (after, last) = steps[-3][1] - steps[-1][1], steps[-1]
    word, side = "Flattening" if lost < FLAT else "Still falling", "under" if lost >= 0 else "over"
    points = f"{100 * abs(lost):.0f} points {side} two before"
    return f"{word}: {100 * last:.0f} % come back in interval {after}, {points}."


# --- weights


def weights_page(features: QuerySet[Feature], *, now: datetime) -> WeightsPage:
    """The weights, and how each feature's adoption would move: in one query over its snapshots of late."""
    newest: dict[int, ScoreSnapshot] = {}
    chosen = list(features)
    lately = ScoreSnapshot.objects.filter(feature__in=chosen, as_of__gte=now - LATELY)
    stored = lately.of_kind(Kind.ADOPTION).light()
    for snapshot in stored.order_by("feature", "-as_of", "-taken_at"):
        newest.setdefault(snapshot.feature_id, snapshot)
    moves = []
    for feature in chosen:
        report = report_of(newest.get(feature.pk), feature, Kind.ADOPTION)
        moves.append((feature.slug, feature.name, report, moves_of(newest.get(feature.pk))))
    return WeightsPage(weights_now(), moves)
