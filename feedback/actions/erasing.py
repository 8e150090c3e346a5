"""Forgetting a person whom predictions, events or feedback name by a pseudonym."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Q, QuerySet

from feedback.models import CallNote, Erasure, Feature, FeedbackItem, Prediction, UsageEvent
from feedback.models.erasures import erasure_mark


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows: predictions stay without the person, events and feedback are removed.

    With feedback goes what was done with it, and the note of a call with that person.
    """

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
    quotes = FeedbackItem.objects.filter(note__in=CallNote.objects.filter(**of_actor)).values("pk")
    said = FeedbackItem.objects.filter(Q(**of_actor) | Q(pk__in=quotes))
    n_said = said.delete()[1].get(FeedbackItem._meta.label, 0)
    CallNote.objects.filter(**of_actor).delete()
    # What was summed up of them goes with the next run of sum_usage, which looks for these.
    Erasure.objects.bulk_create([Erasure(feature=each, mark=erasure_mark(each, actor)) for each in features])
    # Files that tell of predictions and were begun before this commits are given out no longer.
    Feature.objects.filter(pk__in=features.values("pk")).update(n_forgotten=F("n_forgotten") + 1)
    return Erased(
        predictions=Prediction.objects.filter(**of_actor).update(actor="", account="", inputs=None, trace=None),
        events=UsageEvent.objects.filter(**of_actor).delete()[0],
        feedback=n_said,
    )
