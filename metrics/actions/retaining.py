"""Removing raw rows that a feature no longer keeps. What was summed up of them stays."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from feedback.actions.looks import OVERLAP
from feedback.models import Feature, Job, Look, ModelVersion, Outcome, Prediction, UsageEvent
from feedback.models.events import ABOUT_AN_ANSWER
from metrics.actions.using import events_seen_until
from reviews.models import ReviewItem

BATCH = 1_000
LOOKS = ("draw", "sum predictions", "sum outcomes")


def purge(*, feature: Feature, now: datetime) -> int:
    """Remove predictions, their truths and events of days that the feature no longer keeps. Says how many rows.

    Never touched: whatever was not yet drawn from or summed up (then the next run does it), predictions that
    were drawn for review (estimates look at them), events of a pair that a later event is about, and every
    summary. From now on the hours of those days are
    final: a truth or a prediction that comes for them later is stored and counted nowhere. In batches, each a
    transaction of its own, so nobody waits long. Replay: removes what is left.
    """
    seen_until = _everything_seen_until()
    if feature.retention_days is None or seen_until is None:
        return 0
    first_kept = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first_kept -= timedelta(days=feature.retention_days)
    with transaction.atomic():  # summing up takes the same lock before it writes
        locked = Feature.objects.select_for_update(no_key=True).get(pk=feature.pk)
        if locked.purged_until is None or locked.purged_until < first_kept:
            Feature.objects.filter(pk=feature.pk).update(purged_until=first_kept)
    n_events = _remove_events(feature, first_kept, events_seen_until(feature))
    return _remove_predictions(feature, first_kept, seen_until) + n_events


def _everything_seen_until() -> datetime | None:
    """Rows received before this were drawn from and summed up. None: work that may still read them is waiting."""
    if Job.objects.unfinished().filter(kind__in=["draw", "sum_up", "sum_hours", "fix_reference"]).exists():
        return None
    looks = dict(Look.objects.filter(name__in=LOOKS).values_list("name", "looked_until"))
    return min(looks.values()) - OVERLAP if len(looks) == len(LOOKS) else None


def _remove_predictions(feature: Feature, first_kept: datetime, seen_until: datetime) -> int:
    n = 0
    for version in ModelVersion.objects.of(feature):
        drawn = Exists(ReviewItem.objects.filter(prediction=OuterRef("pk")))
        old = Prediction.objects.filter(version=version, occurred_at__lt=first_kept, received_at__lt=seen_until)
        for pks in _batches(old.exclude(drawn)):
            with transaction.atomic():
                gone = Prediction.objects.filter(pk__in=pks)
                named = list(gone.values_list("external_id", flat=True))
                n += Outcome.objects.filter(feature=feature, external_id__in=named).delete()[0]
                n += gone.delete()[0]
                Feature.objects.filter(pk=feature.pk).update(n_forgotten=F("n_forgotten") + 1)
    return n


def _remove_events(feature: Feature, first_kept: datetime, summed_until: datetime | None) -> int:
    """A pair goes as a whole: an answer whose exposure is gone would look like one that nobody was shown."""
    if summed_until is None:
        return 0
    same_pair = {name: OuterRef(name) for name in ("actor", "prediction_external_id", "set_external_id")}
    later = UsageEvent.objects.of(feature).filter(
        occurred_at__gte=first_kept, kind__in=ABOUT_AN_ANSWER, **same_pair
    )
    old = UsageEvent.objects.of(feature).filter(occurred_at__lt=first_kept, received_at__lt=summed_until - OVERLAP)
    is_going_on = Q(kind__in=ABOUT_AN_ANSWER) & Exists(later)
    return sum(UsageEvent.objects.filter(pk__in=pks).delete()[0] for pks in _batches(old.exclude(is_going_on)))


def _batches(rows: QuerySet[Prediction] | QuerySet[UsageEvent]) -> Iterator[list[int]]:
    """Keys of the rows, so many at a time, while the caller removes them."""
    last = 0
    while pks := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        yield pks
        last = pks[-1]
