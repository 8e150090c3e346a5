"""Expectations: proposed by one function, agreed when a second person of the other has signed."""

from dataclasses import dataclass
from datetime import date, datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q

from feedback.models import Feature, ModelVersion, User
from metrics.expectation_reading import sentence_for
from metrics.functions import SIGNING, functions_of, name_of
from metrics.models import Expectation

State = Expectation.State
THERE_ALREADY = "One on this metric is agreed already: renegotiate that one, so that its history is kept."
OF_THE_WHOLE = "Adoption is scored for the whole feature: leave the version and the part of the traffic empty."
NOT_OF_THE_TWO = "Only data science and product of this feature propose and sign. You are of neither."


@dataclass(frozen=True, slots=True)
class Terms:
    """What is promised. target, baseline: a share in [0, 1], ms, or adoption's 0 to 100. version None: any."""

    metric: str
    direction: str
    target: float
    by_on: date
    why: str
    baseline: float | None = None
    segment: str = ""
    version: ModelVersion | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """An agreed expectation, and the chance that it is met given the data. None: unmeasured."""

    expectation_id: int
    sentence: str
    status: str
    p_met: float | None


def promises(feature: Feature, *, now: datetime) -> list[Promise]:
    """What is agreed about a feature, oldest first. Checked every minute; one whose day has come undecided
    counts as expired from that day on, checked or not.
    """
    return [promise_of(expectation, now=now) for expectation in Expectation.objects.of(feature).agreed()]


def promise_of(expectation: Expectation, *, now: datetime) -> Promise:
    """Of an expectation with its statuses at hand."""
    newest = next(iter(expectation.statuses.all()), None)
    status, p_met = (newest.status, newest.p_met) if newest else ("unknown", None)
    if expectation.is_over(now) and status in {"unknown", "not_sure"}:
        status, p_met = "expired", 0.0
    return Promise(expectation.pk, sentence_for(expectation, newest), status, p_met)


def signing_functions(user: User, feature: Feature) -> list[str]:
    """Of the two that sign, those that this person has."""
    return [function for function in functions_of(user, feature) if function in SIGNING]


@transaction.atomic
def propose(
    *,
    feature: Feature,
    terms: Terms,
    user: User,
    function: str,
    p: float,
    now: datetime,
    replaces: Expectation | None = None,
) -> Expectation:
    """A proposal, signed by the person who makes it, for one of their functions.

    p: the function's own chance that it will be met. replaces: the agreed one that is renegotiated; it stays
    in force until the new one is signed. Replay: a second proposal, except for a renegotiation, of which there
    is one at a time. Raises ValidationError in the user's words.
    """
    _may_sign(user, feature, function)
    if terms.by_on <= now.date():
        raise ValidationError({"by_on": "Its day lies ahead: choose a later one."})
    proposal = Expectation(
        feature=feature,
        metric=terms.metric,
        direction=terms.direction,
        target=terms.target,
        baseline=terms.baseline,
        segment=terms.segment,
        version=terms.version,
        by_on=terms.by_on,
        why=terms.why.strip(),
        proposed_by=user,
        proposed_at=now,
        replaces=replaces,
        **_signature(function, user, p, now),
    )
    _fits(proposal, replaces)
    proposal.full_clean()
    try:
        with transaction.atomic():
            proposal.save()
    except IntegrityError as error:  # two renegotiate at once
        raise ValidationError("Somebody has just proposed to replace this one: look at theirs first.") from error
    return proposal


def _fits(proposal: Expectation, replaces: Expectation | None) -> None:
    if proposal.metric == Expectation.Metric.ADOPTION and (proposal.segment or proposal.version):
        raise ValidationError(OF_THE_WHOLE)
    if proposal.version and proposal.version.feature_id != proposal.feature_id:
        raise ValidationError({"version": "This version is of another feature."})
    if replaces and (replaces.feature_id, replaces.state) != (proposal.feature_id, State.AGREED):
        raise ValidationError("Only an agreed expectation of this feature can be renegotiated.")
    same = Expectation.objects.on_the_same_as(proposal).in_force().unresolved()
    if replaces:
        same = same.exclude(pk=replaces.pk)
    if same.exists():
        raise ValidationError(THERE_ALREADY)


@transaction.atomic
def sign(*, expectation: Expectation, user: User, function: str, p: float, now: datetime) -> Expectation:
    """Agree to a proposal for the other function; what it replaces ends with this.

    One conditional UPDATE decides: of two who sign together one is told that it is signed already. Signing
    again changes nothing. Raises ValidationError in the user's words: for the same person once more, for
    somebody without the function, for what is no proposal any more.
    """
    _may_sign(user, expectation.feature, function)
    if expectation.is_over(now):
        raise ValidationError("Its day has passed: propose it anew, with a day that lies ahead.")
    if not 0 <= p <= 1:
        raise ValidationError({"p": "A chance lies between 0 and 100 %."})
    other = next(each for each in SIGNING if each != function)
    if expectation.replaces_id:
        Expectation.objects.in_force().filter(pk=expectation.replaces_id).update(state=State.REPLACED)
    waiting = Expectation.objects.filter(
        Q(**{f"{function}_signed_by": None, f"{other}_signed_by__isnull": False}),
        ~Q(**{f"{other}_signed_by": user}),
        pk=expectation.pk,
        state=State.PROPOSED,
    )
    try:
        with transaction.atomic():
            signed = waiting.update(state=State.AGREED, **_signature(function, user, p, now))
    except IntegrityError as error:
        raise ValidationError(THERE_ALREADY) from error
    expectation.refresh_from_db()
    if not signed:
        raise ValidationError(_why_not_signed(expectation, user, function, other))
    return expectation


def _signature(function: str, user: User, p: float, now: datetime) -> dict[str, object]:
    return {f"{function}_signed_by": user, f"{function}_signed_at": now, f"p_{function}": p}


def _may_sign(user: User, feature: Feature, function: str) -> None:
    held = signing_functions(user, feature)
    if not held:
        raise ValidationError(NOT_OF_THE_TWO)
    if function not in held:
        raise ValidationError(f"You do not sign for {_named(function)}: your function here is {_named(held[0])}.")


def _named(function: str) -> str:
    return name_of(function).lower() if function in SIGNING else "this function"


def _why_not_signed(expectation: Expectation, user: User, function: str, other: str) -> str:
    if expectation.state == State.WITHDRAWN:
        return "This proposal was withdrawn."
    if expectation.signer_of(function):
        return f"{getattr(expectation, f'{function}_signed_by')} has signed for {_named(function)} already."
    if expectation.signer_of(other) == user.pk:
        return f"You have signed for {_named(other)}: a second person must sign for {_named(function)}."
    return "This proposal cannot be signed any more."


@transaction.atomic
def withdraw(*, expectation: Expectation, user: User) -> Expectation:
    """End a proposal that nobody has agreed to: either function may. Of what is agreed, nothing is taken back.

    Against a signature at the same moment, one of the two wins. Raises ValidationError in the user's words.
    """
    if not signing_functions(user, expectation.feature):
        raise ValidationError(NOT_OF_THE_TWO)
    waiting = Expectation.objects.filter(pk=expectation.pk, state=State.PROPOSED)
    if not waiting.update(state=State.WITHDRAWN, withdrawn_by=user):
        raise ValidationError("Only a proposal can be withdrawn. What is agreed is renegotiated.")
    expectation.refresh_from_db()
    return expectation
