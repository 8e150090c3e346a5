"""Versions with many reviews, made at once: what the alarm reads, without a thousand claims."""

import math
import random
from datetime import timedelta

from django.utils import timezone

from feedback.models import Prediction
from metrics.models import Alert, AlertStep, DriftLook, DriftReading
from reviews.actions.policies import set_policy
from reviews.models import DrawDay, ReviewItem
from tests.factories import NOON, numbers

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
GOOD, BAD = 0.9, 0.55


def answer(version, n, at, **fields):
    """n predictions of a day, stored at once; labels take turns. A field may be a function of the place."""
    rows = [
        Prediction(
            feature=version.feature, version=version, external_id=f"q{next(numbers)}", fingerprint=i,
            occurred_at=at + i * DAY / (n + 1), received_at=at + i * DAY / (n + 1),
            **{
                "label": version.labels[i % len(version.labels)], "score": 0.5 + (i % 50) / 100,
                **{name: told(i) if callable(told) else told for name, told in fields.items()},
            },
        )
        for i in range(n)
    ]  # fmt: skip
    return Prediction.objects.bulk_create(rows)


def review(version, n, *, right, at, seed=1):
    """n predictions of this day, all drawn and judged in queue order, right evenly in this share."""
    chance = random.Random(seed)
    policy = set_policy(feature=version.feature, user=None, now=at, design="all")
    DrawDay.objects.get_or_create(
        version=version, day=at.date(), defaults={"policy": policy, "k_cap": None, "gbar": 1.0, "created_at": at}
    )
    items = []
    for prediction in answer(version, n, at):
        luck = chance.uniform(0.001, 0.999)
        items.append(
            ReviewItem(
                feature=version.feature, version=version, prediction=prediction, luck=luck, weight=1.0,
                queue_key=-math.log(luck), cohort_on=at.date(), state="final", drawn_at=at,
            )
        )  # fmt: skip
    items.sort(key=lambda item: item.queue_key)
    for place, item in enumerate(items):
        is_right = int((place + 1) * (1 - right) + 1e-9) == int(place * (1 - right) + 1e-9)
        item.verdict = "right" if is_right else "wrong"
        item.final_at = at + DAY / 2 + place * DAY / 4 / n
    return ReviewItem.objects.bulk_create(items)


def good_days(version, n=4, *, at=NOON - 9 * DAY):
    """n days of 200 reviews each at the level from which a drop is told."""
    for day in range(n):
        review(version, 200, right=GOOD, at=at + day * DAY, seed=day + 1)


def bad_days(version, n=1, *, at=NOON - 5 * DAY):
    for day in range(n):
        review(version, 200, right=BAD, at=at + day * DAY, seed=day + 50)


EVIDENCE = {
    "version": "v1", "since": "2026-11-20T10:00:00+00:00", "until": "2026-11-23T10:00:00+00:00", "n": 120,
    "n_before": 2410, "foretold": 0.9, "found": 0.8, "found_low": 0.72, "found_high": 0.86, "drop": 0.1,
    "drop_low": 0.04, "drop_high": 0.16, "false_alarm_every": 10_000,
    "labels": [{"label": "late", "n": 60, "foretold": 0.9, "found": 0.7, "found_low": 0.6, "found_high": 0.8}],
    "wrong": ["f-1", "f-2"],
}  # fmt: skip


def make_alert(version, *, raised_at=None, **fields):
    raised_at = raised_at or timezone.now() - timedelta(hours=2)
    alert = Alert.objects.create(
        feature=version.feature, version=version, kind="quality", owner=version.feature.owner, evidence=EVIDENCE,
        raised_at=raised_at, due_at=raised_at + DAY, close_due_at=raised_at + 14 * DAY,
        **{"key": f"quality {version.pk}", "title": f"Version {version.name} is less often right than before",
           **fields},
    )  # fmt: skip
    AlertStep.objects.create(alert=alert, kind="raised", to=alert.owner, at=raised_at)
    return alert


def make_reading(version, kind="field", name="km", **fields):
    today = timezone.now().date()
    return DriftReading.objects.create(
        feature=version.feature, version=version, kind=kind, name=name, window_from=today - 7 * DAY,
        window_to=today, as_of=timezone.now(),
        **{"reference_from": today - 60 * DAY, "reference_to": today - 54 * DAY, "n": 2_400,
           "n_reference": 7_000, "js_distance": 0.05, "psi": 0.02, "threshold": 0.1, **fields},
    )  # fmt: skip


def make_drift(version):
    """Three inputs, one of which drifts and one that nobody can tell of; the answers and the scores as ever."""
    DriftLook.objects.create(feature=version.feature, mark="m", as_of=timezone.now())
    week = (timezone.now().date() - 14 * DAY).isoformat()
    weeks = [[week, 0.1, 2_000], [week, None, 0], [week, 0.3, 2_400]]
    make_reading(version, name="km", js_distance=0.3, is_drifting=True, weeks=weeks)
    make_reading(version, name="sky")
    few = {"js_distance": None, "psi": None, "threshold": None, "reason": "of 9 predictions luck alone makes 1.00"}
    make_reading(version, name="gate", **few)
    make_reading(version, kind="label", name="")
    promised = {"value": 0.88, "low": 0.85, "high": 0.91, "reference_value": 0.9, "source": "reviewed"}
    promised |= {"reference_low": 0.87, "reference_high": 0.93}
    make_reading(version, kind="confidence", name="", **promised)
