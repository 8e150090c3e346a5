"""Debates: a round is opened, each function places the feature blind, it is revealed, and ends in a decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from feedback.actions.deciding import record_decision
from feedback.models import Decision, Feature, User
from metrics.actions.scoring import place_change
from metrics.debate_reading import axes_of, evidence_for_decision, listed, verdicts_of
from metrics.functions import FUNCTIONS, functions_of, name_of, people_of
from metrics.models import DebateRound, Placement, PlacementRevision, ScoreSnapshot

State = DebateRound.State
HIGHEST_LOW, LOWEST_HIGH = 5, 6  # of 1 to 9: where a half of the board ends and the other begins
REVEALED_ALREADY = "This round was revealed: nobody places anything any more. Your words are kept below."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a function puts the feature: 1 to 9 on both axes, confidence 1 to 3, a reason in a line."""

    x: int
    y: int
    confidence: int
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a debate ends in. is_agreed: on `chosen`, a cell; else contested, which needs all that follows."""

    is_agreed: bool
    chosen: str
    why: str
    owner: User | None = None
    review_on: date | None = None
    would_move: str = ""


@transaction.atomic
def open_round(
    *,
    feature: Feature,
    quadrant: str,
    functions: Sequence[str],
    deadline: datetime,
    quorum: int,
    user: User,
    now: datetime,
) -> DebateRound:
    """A round with the evidence of this moment; whoever opens it facilitates it.

    Replay and race: one round over a quadrant is open at a time, the second is told so. Raises ValidationError
    in the user's words: without a function in the feature (staff need none), for a quorum of more than are
    invited.
    """
    _may_open(user, feature)
    invited = [function for function in FUNCTIONS if function in functions]
    if quorum > len(invited):
        raise ValidationError(
            {"quorum": f"{len(invited)} functions are invited: {quorum} of them can never be heard."}
        )
    return _saved(
        DebateRound(
            feature=feature,
            quadrant=quadrant,
            evidence=measured_now(feature, quadrant),
            functions=invited,
            deadline=deadline,
            quorum=quorum,
            facilitator=user,
            opened_at=now,
        )
    )


def _may_open(user: User, feature: Feature) -> None:
    if not user.is_staff and not functions_of(user, feature):
        raise ValidationError("Only somebody with a function in this feature opens a debate, and you have none.")


def _saved(round_: DebateRound) -> DebateRound:
    round_.full_clean()
    try:
        with transaction.atomic():
            round_.save()
    except IntegrityError as error:  # two open one at once
        raise ValidationError("A round over this quadrant is open already.") from error
    return round_


def measured_now(feature: Feature, quadrant: str) -> dict[str, Any]:
    """The measured point, for the snapshot of a round: axis -> its score. Empty: nothing measures it."""
    if quadrant != DebateRound.Quadrant.ADOPTION_ACCOUNTABILITY:
        return {}
    found = {}
    for axis, kind in (("x", ScoreSnapshot.Kind.ADOPTION), ("y", ScoreSnapshot.Kind.ACCOUNTABILITY)):
        if snapshot := ScoreSnapshot.objects.latest_of(feature, kind):
            found[axis] = {
                "value": snapshot.value,
                "low": snapshot.low,
                "high": snapshot.high,
                "state": snapshot.state,
                "reason": snapshot.reason,
                "as_of": snapshot.as_of.isoformat(),
            }
    return found


@transaction.atomic
def place(*, round_: DebateRound, function: str, user: User, at: Place, now: datetime) -> Placement:
    """One function's placement, or its change of mind: what it said before is kept.

    The round is locked, so that nothing lands after its reveal. Of two people of one function the first counts;
    the second is told who it was. Sending the same again changes nothing. Raises ValidationError in the user's
    words.
    """
    locked = DebateRound.objects.select_for_update().get(pk=round_.pk)
    if locked.is_revealed:
        raise ValidationError(REVEALED_ALREADY)
    _may_speak(user, locked, function)
    placed = Placement.objects.of(locked).filter(function=function).select_related("user").first()
    if placed and placed.user_id != user.pk:
        raise ValidationError(
            f"{placed.user} has voted for {name_of(function).lower()} already: one vote a function, and it is not"
            " yours to change. Talk to them, blind to the others."
        )
    if placed is None:
        return _placed_first(locked, function, user, at, now)
    return _placed_again(placed, at, now)


def _may_speak(user: User, round_: DebateRound, function: str) -> None:
    held = functions_of(user, round_.feature)
    if function not in held:
        yours = f"yours: {listed(held)}" if held else "you have none in this feature"
        wanted = name_of(function).lower() if function in FUNCTIONS else "this function"
        raise ValidationError(f"You cannot vote for {wanted}: it is not your function ({yours}).")
    if function not in round_.functions:
        raise ValidationError(f"{name_of(function)} is not invited to this round.")


def _placed_first(round_: DebateRound, function: str, user: User, at: Place, now: datetime) -> Placement:
    placement = Placement(
        round=round_, function=function, user=user, x=at.x, y=at.y,
        confidence=at.confidence, reason=_one_line(at.reason), placed_at=now,
    )  # fmt: skip
    placement.full_clean()
    placement.save()
    return placement


def _placed_again(placed: Placement, at: Place, now: datetime) -> Placement:
    before = (placed.x, placed.y, placed.confidence, placed.reason)
    if before == (at.x, at.y, at.confidence, _one_line(at.reason)):
        return placed
    PlacementRevision.objects.create(
        placement=placed, x=placed.x, y=placed.y, confidence=placed.confidence,
        reason=placed.reason, placed_at=placed.placed_at,
    )  # fmt: skip
    placed.x, placed.y, placed.confidence = at.x, at.y, at.confidence
    placed.reason, placed.placed_at = _one_line(at.reason), now
    placed.full_clean()
    placed.save()
    return placed


def _one_line(text: str) -> str:
    return " ".join(text.split())


@transaction.atomic
def reveal(*, round_: DebateRound, user: User, now: datetime) -> DebateRound:
    """Show everybody what everybody said. Revealing again changes nothing.

    The facilitator (and staff) may as soon as the quorum is there; after the deadline whoever has an invited
    function, and a team smaller than the quorum needs no more votes than it has people. Raises ValidationError
    that says what is missing.
    """
    locked = DebateRound.objects.select_for_update().select_related("feature").get(pk=round_.pk)
    if locked.is_revealed:
        return locked
    _may_reveal(locked, user, now)
    heard = [function for _, function in Placement.objects.of(locked).who_placed()]
    needed = _needed(locked, now)
    if len(heard) < needed:
        silent = [function for function in locked.functions if function not in heard]
        more = needed - len(heard)
        raise ValidationError(
            f"{len(heard)} of the {needed} functions that are needed have voted: {more} more of"
            f" {listed(silent)} must say where they see it."
        )
    locked.state, locked.revealed_at = State.REVEALED, now
    locked.save(update_fields=["state", "revealed_at"])
    return locked


def _needed(round_: DebateRound, now: datetime) -> int:
    """The quorum. After the deadline no more than there are people to speak: a round must be able to end."""
    if now < round_.deadline:
        return round_.quorum
    return min(round_.quorum, max(1, len(people_of(round_.feature, round_.functions))))


def _may_reveal(round_: DebateRound, user: User, now: datetime) -> None:
    if user.is_staff or user.pk == round_.facilitator_id:
        return
    if now < round_.deadline:
        raise ValidationError(f"Until its deadline {round_.facilitator} reveals this round, as its facilitator.")
    if not set(functions_of(user, round_.feature)) & set(round_.functions):
        raise ValidationError("Only somebody of an invited function reveals a round.")


@transaction.atomic
def open_second(*, round_: DebateRound, deadline: datetime, user: User, now: datetime) -> DebateRound:
    """A second round after the reveal, with the evidence of now; the first one is kept as it is.

    Replay and race: there is one second round, the next is told so. Raises ValidationError in the user's words.
    """
    locked = DebateRound.objects.select_for_update().select_related("feature").get(pk=round_.pk)
    _may_lead(locked, user, "open a second one")
    if locked.state != State.REVEALED:
        raise ValidationError("A second round follows a revealed one that is not decided yet.")
    if DebateRound.objects.filter(previous=locked).exists() or locked.number > 1:
        raise ValidationError("Two rounds are held at most: decide now.")
    return _saved(
        DebateRound(
            feature=locked.feature,
            quadrant=locked.quadrant,
            evidence=measured_now(locked.feature, locked.quadrant),
            functions=locked.functions,
            deadline=deadline,
            quorum=locked.quorum,
            facilitator=locked.facilitator,
            opened_at=now,
            number=2,
            previous=locked,
        )
    )


def _may_lead(round_: DebateRound, user: User, does: str) -> None:
    if not user.is_staff and user.pk != round_.facilitator_id:
        raise ValidationError(f"{round_.facilitator} facilitates this round: only they, or staff, {does}.")


@transaction.atomic
def decide(*, round_: DebateRound, outcome: Outcome, user: User, now: datetime) -> Decision:
    """Close a revealed round with a decision: agreed on a cell, or contested with what it takes to go on.

    Of two who decide together one is told that it is decided. Where an axis is contested it cannot be called
    agreed. Agreed on behaviour and product change, the feature is placed there (place_change). Raises
    ValidationError by field, in the user's words.
    """
    locked = DebateRound.objects.select_for_update().select_related("feature").get(pk=round_.pk)
    _may_lead(locked, user, "close it")
    if locked.state == State.DECIDED:
        raise ValidationError("This round is decided already.")
    if locked.state == State.OPEN:
        raise ValidationError("Reveal the round first: nobody decides on what nobody has seen.")
    if DebateRound.objects.filter(previous=locked).exists():
        raise ValidationError("A second round follows: decide there.")
    _complete(locked, outcome)
    axes = axes_of(locked.quadrant)
    decision = record_decision(
        feature=locked.feature,
        title=f"Debate: {axes.title(outcome.chosen) if outcome.is_agreed else 'contested'}",
        context=f"{locked.get_quadrant_display()}, round {locked.number}.",
        options=[cell.name for cell in axes.cells.values()],
        chosen=axes.title(outcome.chosen)
        if outcome.is_agreed
        else "Contested: go on with the evidence that would move us",
        why=outcome.why,
        evidence=evidence_for_decision(locked, would_move=outcome.would_move),
        owner=outcome.owner,
        review_on=outcome.review_on,
        user=user,
        now=now,
    )
    locked.state, locked.decision = State.DECIDED, decision
    locked.save(update_fields=["state", "decision"])
    if outcome.is_agreed and locked.quadrant == DebateRound.Quadrant.BEHAVIOUR_PRODUCT:
        behaviour, product = _place_in(locked, outcome.chosen)
        place_change(
            feature=locked.feature, behaviour=behaviour, product=product, why=outcome.why[:500], user=user,
            now=now, decision=decision,
        )  # fmt: skip
    return decision


def _place_in(round_: DebateRound, chosen: str) -> tuple[int, int]:
    """The medians of what the functions said, brought inside the cell that was agreed on."""
    (asks_much, gives_much), _ = next(
        (halves, cell) for halves, cell in axes_of(round_.quadrant).cells.items() if cell.code == chosen
    )
    (_, asks), (_, gives) = verdicts_of(round_)
    return _inside(asks.median, asks_much), _inside(gives.median, gives_much)


def _inside(median: float, is_high: bool) -> int:
    return max(LOWEST_HIGH, round(median)) if is_high else min(HIGHEST_LOW, round(median))


def _complete(round_: DebateRound, outcome: Outcome) -> None:
    contested = [name for name, verdict in verdicts_of(round_) if verdict.verdict == "contested"]
    missing: dict[str, str] = {}
    if outcome.is_agreed and contested:
        missing["is_agreed"] = f"{' and '.join(contested)} is contested: say so, with an owner and a review date."
    if outcome.is_agreed and outcome.chosen not in {cell.code for cell in axes_of(round_.quadrant).cells.values()}:
        missing["chosen"] = "Choose one of the four cells."
    if not outcome.why.strip():
        missing["why"] = "Say why: at the review nobody will remember."
    if not outcome.is_agreed:
        if outcome.owner is None:
            missing["owner"] = "Somebody must own what is contested."
        if outcome.review_on is None:
            missing["review_on"] = "Say when you will look at it again."
        if not outcome.would_move.strip():
            missing["would_move"] = "Say what evidence would move you."
    if missing:
        raise ValidationError(missing)
