"""From usage, reviews, promises and complaints to scores; and what people agree on about them."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Max, Min

from feedback.actions.features import change_feature
from feedback.actions.jobs import enter_job
from feedback.models import Decision, Feature, User
from metrics.actions.scoring_due import DAY, YOUNG, last_monday
from metrics.actions.scoring_parts import WINDOW, parts_of
from metrics.agreements import Agreement, WeightsNow, agreement_of, weights_now
from metrics.models import (
    FitChange,
    ReadinessItem,
    ScoreGoals,
    ScoreSnapshot,
    ScoreWeights,
)
from metrics.readiness import MANUAL
from metrics.score_gates import bypass_of, gate_weeks
from metrics.stats.score_states import Gate, GateWeek, gate

DAILY_KEPT = timedelta(days=35)
Kind = ScoreSnapshot.Kind


def prepare_scores(*, feature: Feature, now: datetime, end_on: date | None = None) -> Callable[[], int]:
    """Score a feature over the 28 complete days before a day; the answer stores the snapshots and says how many.

    end_on: a Monday, for a weekly snapshot; None: today. Today's snapshot is replaced; a week that is stored stays
    as it is, except in a feature's first day. Accountability is only what is known now: a week caught up on later
    gets adoption alone. Two at once end in the snapshots of one of them. Raises ValueError for another day of the
    week, or one ahead.
    """
    today = now.astimezone(UTC).date()
    if end_on is not None and (end_on.weekday() or end_on > today):
        raise ValueError(f"a week ends on a Monday that has come, not on {end_on}")
    is_weekly, until = end_on is not None, end_on or today
    agreement, weights = agreement_of(feature), weights_now()
    head = {
        "feature": feature, "taken_at": now, "first_taken_at": now, "as_of": _midnight(until),
        "is_weekly": is_weekly, "market_fit": feature.market_fit,
    }  # fmt: skip
    adoption = _adoption(head, agreement, weights)
    snapshots = [adoption]
    if not is_weekly or until == last_monday(now):
        snapshots.append(_accountability(head, agreement, weights, adoption))

    first_at = ScoreSnapshot.objects.of(feature).aggregate(at=Min("first_taken_at"))["at"]

    def write() -> int:
        if is_weekly and first_at is not None and first_at <= now - YOUNG:
            ScoreSnapshot.objects.bulk_create(snapshots, ignore_conflicts=True)
        else:
            for snapshot in snapshots:
                _replace(snapshot)
            old = ScoreSnapshot.objects.of(feature).filter(is_weekly=False, as_of__lt=now - DAILY_KEPT)
            old.delete()
        return len(snapshots)

    return write


def _replace(snapshot: ScoreSnapshot) -> None:
    key = ("feature", "kind", "as_of", "is_weekly")
    names = [field.attname for field in ScoreSnapshot._meta.concrete_fields if field.attname != "id"]
    values = {name: getattr(snapshot, name) for name in names if name.removesuffix("_id") not in key}
    again = {name: value for name, value in values.items() if name != "first_taken_at"}
    key_now = {name: getattr(snapshot, name) for name in key}
    ScoreSnapshot.objects.update_or_create(**key_now, defaults=again, create_defaults=values)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _adoption(head: Mapping[str, Any], agreement: Agreement, weights: WeightsNow) -> ScoreSnapshot:
    """On a long haul people are given twice the time to come back."""
    from metrics.actions import using
    from metrics.stats import jackknife

    feature, until = head["feature"], head["as_of"].date()
    horizon = agreement.horizon(feature.market_fit)
    found = using.adoption_inputs(feature, end_on=until, market_fit=feature.market_fit, horizon=horizon)
    inputs = {
        "from_on": found.from_on.isoformat(),
        "to_on": found.to_on.isoformat(),
        "has_roster": found.has_roster,
        "horizon": horizon,
        "accounts": jackknife.rows_of(jackknife.clusters_of(found.accounts)),
        "n_events": found.n_events,
        "n_internal": found.n_internal,
        "n_implied_exposures": found.n_implied_exposures,
        "n_no_account": found.n_no_account,
    }
    snapshot = ScoreSnapshot(
        **head,
        kind=Kind.ADOPTION,
        inputs=inputs,
        goals=agreement.goals_as_json,
        weights=weights.tables["adoption"],
    )
    _score(snapshot)
    snapshot.trend = _trend(snapshot)
    return snapshot


def _score(snapshot: ScoreSnapshot) -> None:
    """Fill in what follows from what it stores, by the formula of today."""
    from metrics.stats import formulas

    snapshot.formula_version = formulas.VERSION
    for name, value in asdict(recomputed(snapshot)).items():
        setattr(snapshot, name, value)


def recomputed(snapshot: ScoreSnapshot) -> Any:
    """The score anew from what the snapshot stores, by the formula that it was made with: a formulas.Scored.

    Raises KeyError for a formula that is no longer there.
    """
    from metrics.stats import formulas

    formula = formulas.FORMULAS[snapshot.formula_version, snapshot.kind]
    return formula(snapshot.inputs, snapshot.goals, snapshot.stage_weights)


def _trend(snapshot: ScoreSnapshot) -> dict[str, Any] | None:
    """Against the 28 days before, by today's goals and weights; None where the two cannot be compared."""
    from metrics.stats import jackknife
    from metrics.stats.adoption import Goal

    earlier = (
        ScoreSnapshot.objects.of(snapshot.feature)
        .of_kind(Kind.ADOPTION)
        .weekly()
        .filter(
            as_of__lte=snapshot.as_of - WINDOW, as_of__gt=snapshot.as_of - WINDOW - 7 * DAY, value__isnull=False
        )
        .newest_first()
        .first()
    )
    if earlier is None or snapshot.value is None:
        return None
    if any(earlier.inputs[name] != snapshot.inputs[name] for name in ("horizon", "has_roster")):
        return None
    sides = [jackknife.clusters_from(each.inputs["accounts"]) for each in (earlier, snapshot)]
    found = jackknife.difference(
        *sides,
        has_roster=snapshot.inputs["has_roster"],
        goals={name: Goal(**goal) for name, goal in snapshot.goals.items()},
        weights=snapshot.stage_weights,
    )
    if found is None:
        return None
    gap, interval = found
    return {
        "since": earlier.as_of.date().isoformat(), "difference": gap, "low": interval.low, "high": interval.high,
    }  # fmt: skip


def _accountability(
    head: Mapping[str, Any], agreement: Agreement, weights: WeightsNow, adoption: ScoreSnapshot
) -> ScoreSnapshot:
    feature = head["feature"]
    parts = parts_of(feature, end=head["as_of"], agreed=agreement.half_width, now=head["taken_at"])
    asked = _gate_with(adoption)
    inputs = {
        "parts": {name: asdict(part) for name, part in parts.items()},
        "is_asked": asked.is_open,
        "gate": asked.sentence,
    }
    snapshot = ScoreSnapshot(
        **head, kind=Kind.ACCOUNTABILITY, inputs=inputs, weights=weights.tables["accountability"]
    )
    _score(snapshot)
    return snapshot


def _gate_with(adoption: ScoreSnapshot) -> Gate:
    """The gate after all stored weeks before this one, and this one where it is a week."""
    day = adoption.as_of.date()
    weeks = [week for week in gate_weeks(adoption.feature) if week.ended_on <= day]
    if adoption.is_weekly:
        this = GateWeek(day, adoption.value, adoption.n_value_actors, adoption.n_value_accounts, adoption.reason)
        weeks = [*(week for week in weeks if week.ended_on != day), this]
    return gate(weeks, bypass=bypass_of(adoption.feature))


# --- what people agree on


@transaction.atomic
def set_goals(
    *,
    feature: Feature,
    goals: Mapping[str, Mapping[str, float]],
    half_width: float,
    why: str,
    user: User,
    now: datetime,
) -> ScoreGoals:
    """A new version of a feature's goals, and the day is scored anew. Replay: another version that says the same.

    Raises ValidationError where a goal's lo is not under its hi. Of two at once the second one counts.
    """
    for name, goal in goals.items():
        if not 0 <= goal["lo"] < goal["hi"] <= 1:
            raise ValidationError({f"{name}_hi": "It starts under where it is reached, both from 0 to 100 %."})
    Feature.objects.select_for_update().get(pk=feature.pk)
    last = ScoreGoals.objects.of(feature).aggregate(n=Max("number"))["n"] or 0
    made = ScoreGoals(
        feature=feature, number=last + 1, goals={name: dict(goal) for name, goal in goals.items()},
        half_width=half_width, why=why.strip(), set_by=user, set_at=now,
    )  # fmt: skip
    made.full_clean()
    made.save()
    ask_for_score(feature=feature, now=now)
    return made


@transaction.atomic
def set_weights(*, weights: Mapping[str, Any], why: str, user: User, now: datetime) -> ScoreWeights:
    """A new version of the weights of every feature; scores follow within the hour.

    weights: kind -> stage -> component -> weight, each stage adding up to 1; raises ValidationError otherwise. Of
    two at once one is told so.
    """
    for kind, stages in weights.items():
        for stage, table in stages.items():
            if min(table.values()) < 0 or abs(sum(table.values()) - 1) > 1e-6:
                told = f"The weights of {kind} {stage} market fit must add up to 100 %, none under 0."
                raise ValidationError({f"{kind}_{stage}": told})
    last = ScoreWeights.objects.aggregate(n=Max("number"))["n"] or 0
    made = ScoreWeights(number=last + 1, weights=weights, why=why.strip(), set_by=user, set_at=now)
    made.full_clean(validate_unique=False)
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError as error:
        raise ValidationError("Somebody changed the weights at the same time: look at theirs first.") from error
    return made


@transaction.atomic
def place_change(
    *,
    feature: Feature,
    behaviour: int,
    product: int,
    why: str,
    user: User,
    now: datetime,
    decision: Decision | None = None,
) -> FitChange:
    """Say what a feature asks of people and gives them, 1 to 9; goals and horizon follow where none are agreed.

    decision: the debate that ended in it. The newest placement counts. Replay: another one that says the same.
    """
    placed = FitChange(
        feature=feature,
        behaviour=behaviour,
        product=product,
        decision=decision,
        why=why.strip(),
        made_by=user,
        made_at=now,
    )
    placed.full_clean()
    placed.save()
    ask_for_score(feature=feature, now=now)
    return placed


@transaction.atomic
def change_market_fit(*, feature: Feature, to: str, decision: Decision, user: User, now: datetime) -> FitChange:
    """A person says with a decision that a feature has found its market, or lost it. Never done by the system.

    Raises ValidationError for the decision of another feature, or where nothing would change; of two at once the
    second one is told so.
    """
    held = Feature.objects.select_for_update().get(pk=feature.pk)
    if decision.feature_id != held.pk:
        raise ValidationError({"decision": "This decision is about another feature."})
    changed = FitChange(
        feature=held, from_fit=held.market_fit, to_fit=to, decision=decision, made_by=user, made_at=now
    )
    changed.full_clean()
    changed.save()
    change_feature(feature=held, market_fit=to)
    ask_for_score(feature=held, now=now)
    return changed


@transaction.atomic
def tick(*, feature: Feature, code: str, is_ticked: bool, note: str, user: User, now: datetime) -> ReadinessItem:
    """Say that an item of the checklist holds, or no longer does. It holds for 180 days. Replay: holds from then.

    Raises ValidationError for an item that is not there, or that the system sees for itself.
    """
    if code not in MANUAL:
        raise ValidationError("This is not an item that a person ticks.")
    item = ReadinessItem(
        feature=feature, code=code, is_ticked=is_ticked, note=note.strip(), ticked_by=user, ticked_at=now
    )
    item.full_clean()
    item.save()
    ask_for_score(feature=feature, now=now)
    return item


def ask_for_score(*, feature: Feature, now: datetime) -> None:
    """Today's scores anew, as soon as a worker is free. Asked twice in a minute: done once.

    A job of its own: one of the day that is running may have read what was there before.
    """
    enter_job("score_feature", f"{feature.pk}  {int(now.timestamp()) // 60}", run_after=now, now=now)
