"""How much of its policy's reviews a day a version gets, from which day on, and why."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Max

from feedback.models import ModelVersion
from reviews.models import DrawDay, ReviewRate

FULL = 1.0
DAY = timedelta(days=1)


def share_on(rates: Sequence[ReviewRate], day: date) -> float:
    """The share that holds on a day: of the rates from that day or before, the one decided last.

    rates: of one version, the one decided last in front (ReviewRate.objects.of). None: in full.
    """
    return next((rate.share for rate in rates if rate.from_on <= day), FULL)


def holds(rates: Sequence[ReviewRate], *, share: float, from_on: date) -> bool:
    """Whether a share holds on a day and on every day after it, as far as is decided. rates: as share_on."""
    days = {from_on} | {rate.from_on for rate in rates if rate.from_on > from_on}
    return {share_on(rates, day) for day in days} == {share}


def first_undrawn(version: ModelVersion, *, today: date) -> date:
    """The first day from today on that is not drawn yet, nor any later one: the next that a rate can hold from."""
    last = DrawDay.objects.filter(version=version, day__gte=today).aggregate(day=Max("day"))["day"]
    return last + DAY if last else today


@transaction.atomic
def set_rate(*, version: ModelVersion, share: float, from_on: date, why: str, now: datetime) -> ReviewRate | None:
    """Review this share of the policy's reviews a day from a UTC day on; None where that holds already.

    Days drawn before keep their items and their k_cap. share: in (0, 1]; a second row for the same days
    overrules the first. Raises ValueError for a day that is drawn already. Replay: None. Race: the version's
    row is locked, the second sees what the first decided. A draw that fixes the day meanwhile keeps the rate
    that it has read: DrawDay.rate_share says which.
    """
    version = ModelVersion.objects.select_for_update(no_key=True).get(pk=version.pk)
    if holds(list(ReviewRate.objects.of(version)), share=share, from_on=from_on):
        return None
    if first_undrawn(version, today=from_on) != from_on:
        raise ValueError(f"{version} is drawn on {from_on} already, or on a later day")
    return ReviewRate.objects.create(version=version, share=share, from_on=from_on, why=why[:300], created_at=now)
