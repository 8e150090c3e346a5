"""Forgetting a person whom predictions, events or feedback name by a pseudonym."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from feedback.models import Feature, FeedbackItem, Prediction, UsageEvent


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows: predictions stay without the person, events and feedback are removed."""

    predictions: int
    events: int
    feedback: int


@transaction.atomic
def erase_actor(*, actor: str, features: QuerySet[Feature]) -> Erased:
    """Forget an actor in these features. Raises ValueError for an empty one.

    A prediction keeps what figures are made of (label, score, times, segments) and loses who it was for and its
    inputs, which may tell who. Its id stays, so that the sender's repeat is still a duplicate. Replay: nothing
    is left to erase. What the sender posts of this actor afterwards is stored as ever.
    """
    if not actor:
        raise ValueError("Name the actor to be erased.")
    of_actor = {"feature__in": features, "actor": actor}
    return Erased(
        predictions=Prediction.objects.filter(**of_actor).update(actor="", account="", inputs=None, trace=None),
        events=UsageEvent.objects.filter(**of_actor).delete()[0],
        feedback=FeedbackItem.objects.filter(**of_actor).delete()[0],
    )
