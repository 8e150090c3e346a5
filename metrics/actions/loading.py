"""Reading predictions with their truths as columns, a bounded number at a time."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from django.db.models import Count, TextField
from django.db.models.functions import Cast, TruncHour

from feedback.models import ModelVersion, Outcome, Prediction
from feedback.models.predictions import PredictionQuerySet
from metrics.actions.instants import Microseconds
from metrics.actions.segments import keys_of, names_of, other_values
from metrics.stats.counting import Rows
from metrics.stats.counts import MEASURES
from metrics.stats.fields import short

HOUR = timedelta(hours=1)
MOST_ROWS = 50_000
MICROSECONDS = 3_600_000_000  # of an hour
COLUMNS = ("external_id", "label", "value", "score", "actor", *MEASURES)
# msgspec reads JSON faster than the database's own way to Python does.
COMPUTED = {
    "at": Microseconds("occurred_at"),
    "segments_text": Cast("segments", TextField()),
    "inputs_text": Cast("inputs", TextField()),
}
Truth = tuple[str | None, float | None, int]


def stretches(version: ModelVersion, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """[start, end) in parts of at most 50,000 predictions, cut between hours; a fuller hour is cut evenly."""
    at, n = start, 0
    for hour, n_hour in _per_hour(_predictions(version, start, end)):
        if n + n_hour > MOST_ROWS and n:
            yield at, hour
            at, n = hour, 0
        n += n_hour
        if n > MOST_ROWS:
            n_parts = -(-n // MOST_ROWS)
            yield from ((hour + HOUR / n_parts * i, hour + HOUR / n_parts * (i + 1)) for i in range(n_parts - 1))
            at, n = hour + HOUR / n_parts * (n_parts - 1), n // n_parts
    if n:
        yield at, end


def load(version: ModelVersion, start: datetime, end: datetime, *, fields: Collection[str]) -> Rows:
    """The version's predictions of [start, end) with their newest truths; of the inputs only these fields.

    Registers segments that were never seen before.
    """
    found = _predictions(version, start, end)
    names = [name for name in (*COLUMNS, *COMPUTED) if fields or name != "inputs_text"]
    column = dict(zip(names, _columns(found, names), strict=True))
    truths = _truths(version, found)
    truth = [truths.get(each, (None, None, None)) for each in column["external_id"]]
    at = np.array(column["at"], dtype=np.int64)
    return Rows(
        at=at,
        has_actor=np.array([actor != "" for actor in column["actor"]], dtype=np.bool_),
        label=column["label"],
        truth=[each[0] for each in truth],
        score=_floats(column["score"]),
        value=_floats(column["value"]),
        truth_value=_floats([each[1] for each in truth]),
        lag_hours=(_floats([each[2] for each in truth]) - at) / MICROSECONDS,
        measures={name: _floats(column[name]) for name in MEASURES},
        inputs=_by_key(_decoded(column["inputs_text"]), fields, kept=short) if fields else {},
        segments=_segments(version, list(_decoded(column["segments_text"]))),
    )


def _columns(found: PredictionQuerySet, names: Sequence[str]) -> list[Sequence[Any]]:
    rows = list(found.annotate(**COMPUTED).values_list(*names))
    return list(zip(*rows, strict=True)) if rows else [()] * len(names)


def _predictions(version: ModelVersion, start: datetime, end: datetime) -> PredictionQuerySet:
    return Prediction.objects.filter(version=version).occurred_between(start, end)


def _per_hour(found: PredictionQuerySet) -> list[tuple[datetime, int]]:
    hours = found.annotate(hour=TruncHour("occurred_at", tzinfo=UTC)).order_by("hour").values_list("hour")
    return list(hours.annotate(n=Count("pk")))


def _truths(version: ModelVersion, found: PredictionQuerySet) -> dict[str, Truth]:
    """external id -> newest truth (label, or number) and when it was observed."""
    told = Outcome.objects.filter(feature=version.feature_id, external_id__in=found.values("external_id"))
    told = told.oldest_first().annotate(at=Microseconds("observed_at"))
    columns = ("external_id", "truth_label", "truth_value", "at")
    return {id_: (label, value, at) for id_, label, value, at in told.values_list(*columns)}


def _floats(values: Collection[float | None]) -> Any:
    return np.array(values, dtype=np.float64)


def _decoded(texts: Collection[str | None]) -> Iterator[dict[str, Any]]:
    """One at a time: inputs may be large, and only some of their fields are kept."""
    nothing: dict[str, Any] = {}
    return (msgspec.json.decode(text) or nothing if text else nothing for text in texts)


def _by_key(
    decoded: Iterable[dict[str, Any]], keys: Collection[str], *, kept: Callable[[Any], Any] = lambda value: value
) -> dict[str, list[Any]]:
    values: dict[str, list[Any]] = {key: [] for key in keys}
    for each in decoded:
        for key, of_key in values.items():
            of_key.append(kept(each.get(key)))
    return values


def _segments(version: ModelVersion, decoded: list[dict[str, Any]]) -> Mapping[str, list[str | None]]:
    keys = keys_of(version.feature, Counter(key for each in decoded for key in each))
    values = _by_key(decoded, keys)
    found = {key: Counter(of_key) for key, of_key in values.items()}
    for of_key in found.values():
        del of_key[None]
    names = names_of(version.feature, found)
    return {
        key: [None if value is None else names[key].get(value, other_values(key)) for value in of_key]
        for key, of_key in values.items()
        if key in names
    }
