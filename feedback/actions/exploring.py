"""Explorations: asked, fed with data, answered, and used or not."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from feedback.models import Decision, Exploration, ExplorationNeed, Feature, User


@dataclass(frozen=True, slots=True)
class Need:
    """Data that must start being collected today."""

    what: str
    owner: User | None
    due_on: date


@transaction.atomic
def start_exploration(  # noqa: PLR0913  what an exploration must say
    *,
    feature: Feature | None,
    question: str,
    decides: str,
    baseline: str,
    from_on: date,
    until_on: date,
    owner: User | None,
    user: User | None,
    now: datetime,
    needs: Iterable[Need] = (),
) -> Exploration:
    """A question, its time box, and what must be collected for it. Raises ValidationError in the user's words.

    feature None: a question ahead of any feature. Replay: a second exploration.
    """
    exploration = Exploration(
        feature=feature,
        question=question.strip(),
        decides=decides.strip(),
        baseline=baseline.strip(),
        from_on=from_on,
        until_on=until_on,
        owner=owner,
        made_by=user,
        made_at=now,
    )
    _checked_save(exploration, may_lack={"owner"})
    for need in needs:
        add_need(exploration=exploration, what=need.what, owner=need.owner, due_on=need.due_on)
    return exploration


@transaction.atomic
def add_need(*, exploration: Exploration, what: str, owner: User | None, due_on: date) -> ExplorationNeed:
    need = ExplorationNeed(exploration=exploration, what=what.strip(), owner=owner, due_on=due_on)
    need.full_clean(exclude={"owner"})
    need.save()
    return need


def finish_need(*, need: ExplorationNeed, now: datetime) -> bool:
    """The data is being collected. Whether it was open until now; repeating keeps the first time."""
    return bool(ExplorationNeed.objects.filter(pk=need.pk, done_at=None).update(done_at=now))


@transaction.atomic
def record_result(
    *, exploration: Exploration, result: str, answer: str, effort_days: float | None, now: datetime
) -> Exploration:
    """What was found, once: of two who say it together one is told that it is said already."""
    locked = Exploration.objects.select_for_update().get(pk=exploration.pk)
    if locked.result:
        raise ValidationError("This exploration has its result already.")
    if not result:
        raise ValidationError({"result": "Choose what was found."})
    return _changed(locked, result=result, answer=answer.strip(), effort_days=effort_days, result_at=now)


@transaction.atomic
def record_use(*, exploration: Exploration, became: str, why: str) -> Exploration:
    """Whether the result was used, and why; may be said again when that changes. Needs a result."""
    locked = Exploration.objects.select_for_update().get(pk=exploration.pk)
    if not locked.result:
        raise ValidationError("First say what was found: only a result can be used.")
    return _changed(locked, became=became, became_why=why.strip())


@transaction.atomic
def inform(*, exploration: Exploration, decision: Decision) -> None:
    """Note that a decision rests on this exploration. Repeating changes nothing.

    Raises ValidationError for a decision of another feature, unless the question is ahead of any.
    """
    if exploration.feature_id not in (None, decision.feature_id):
        raise ValidationError({"decision": "This decision is of another feature."})
    exploration.decisions.add(decision)


@transaction.atomic
def attach(*, exploration: Exploration, feature: Feature) -> Exploration:
    """A question that was ahead of any feature now belongs to one: from then on its members see it."""
    locked = Exploration.objects.select_for_update().get(pk=exploration.pk)
    if locked.feature_id not in (None, feature.pk):
        raise ValidationError("This exploration belongs to a feature already.")
    return _changed(locked, feature=feature)


def _changed(exploration: Exploration, **fields: Any) -> Exploration:
    for name, value in fields.items():
        setattr(exploration, name, value)
    _checked_save(exploration, may_lack={"owner"})
    return exploration


def _checked_save(exploration: Exploration, *, may_lack: set[str]) -> None:
    """may_lack: whoever is gone leaves it empty, which a form would not take."""
    exploration.full_clean(exclude=may_lack)
    exploration.save()
