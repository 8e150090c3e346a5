"""What pages of this app show: frozen values, no models."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Max, Sum, Window
from django.db.models.functions import RowNumber

from feedback.models import ApiKey, Feature, RefusalHour, User
from feedback.models.refusals import RefusalHourQuerySet
from feedback.words import Advice, advice_on

WINDOWS = {"24h": timedelta(hours=24), "7d": timedelta(days=7)}
HOUR = timedelta(hours=1)
MOST_PLACES, MOST_EXAMPLES = 20, 3


@dataclass(frozen=True, slots=True)
class HourBar:
    at: datetime
    n: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was refused: by whose key, in which feature (empty: none it may see), at which field."""

    key: str
    feature: str
    endpoint: str
    field: str
    n: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Example:
    at: datetime
    key: str
    feature: str
    external_id: str
    detail: str
    sent: str


@dataclass(frozen=True, slots=True)
class CodeGroup:
    """Everything refused for one reason. n_more: places beyond those listed, of which the CSV has all."""

    code: str
    advice: Advice
    n: int
    share: float
    places: list[Place]
    n_more: int
    examples: list[Example]


@dataclass(frozen=True, slots=True)
class IngestWarnings:
    """What was refused since `since`, by hour (each one there, the quiet ones too) and by code, most first."""

    window: str
    since: datetime
    n: int
    hours: list[HourBar]
    busiest: HourBar
    groups: list[CodeGroup]


def warnings_of(person: User, *, window: str, now: datetime) -> IngestWarnings:
    """What was refused in the window, of the features that this person sees; three queries and the names.

    window: a key of WINDOWS. The hour that runs now is in it, and the one that began it in full.
    """
    since = now.replace(minute=0, second=0, microsecond=0) - WINDOWS[window] + HOUR
    rows = RefusalHour.objects.visible_to(person).between(since, now + HOUR)
    counts = dict(rows.order_by().values_list("hour").annotate(of_hour=Sum("n")))
    n_hours = int(WINDOWS[window] / HOUR)
    hours = [HourBar(at, counts.get(at, 0)) for at in (since + place * HOUR for place in range(n_hours))]
    return IngestWarnings(
        window=window,
        since=since,
        n=sum(counts.values()),
        hours=hours,
        busiest=max(hours, key=lambda hour: hour.n),
        groups=_groups(rows),
    )


def _groups(rows: RefusalHourQuerySet) -> list[CodeGroup]:
    found = list(
        rows.order_by()
        .values("code", "key", "feature_slug", "endpoint", "field")
        .annotate(of_place=Sum("n"), latest_at=Max("last_at"))
        .order_by("-of_place", "code", "key", "feature_slug", "endpoint", "field")
    )
    if not found:
        return []
    names = _Names(row["key"] for row in found)
    places: dict[str, list[Place]] = {}
    for row in found:
        places.setdefault(row["code"], []).append(names.place(row))
    examples = _examples(rows, names)
    counts = Counter({code: sum(place.n for place in held) for code, held in places.items()})
    return [
        CodeGroup(
            code=code,
            advice=advice_on(code),
            n=n,
            share=n / counts.total(),
            places=places[code][:MOST_PLACES],
            n_more=max(0, len(places[code]) - MOST_PLACES),
            examples=examples[code][:MOST_EXAMPLES],
        )
        for code, n in counts.most_common()
    ]


class _Names:
    """The words for keys and features, each read once."""

    def __init__(self, keys: Iterable[int]) -> None:
        self.keys = {key.pk: str(key) for key in ApiKey.objects.filter(pk__in=set(keys))}
        self.features = dict(Feature.objects.values_list("slug", "name"))

    def feature(self, slug: str) -> str:
        return self.features.get(slug, slug)

    def place(self, row: Mapping[str, Any]) -> Place:
        return Place(
            key=self.keys[row["key"]],
            feature=self.feature(row["feature_slug"]),
            endpoint=row["endpoint"],
            field=row["field"],
            n=row["of_place"],
            last_at=row["latest_at"],
        )


def _examples(rows: RefusalHourQuerySet, names: _Names) -> dict[str, list[Example]]:
    """The newest of each code, those of each key and feature in turn."""
    newest = rows.annotate(
        turn=Window(RowNumber(), partition_by=["code", "key", "feature_slug"], order_by=F("last_at").desc())
    )
    newest = newest.filter(turn__lte=2).order_by("turn", "-last_at")[: 100 * MOST_EXAMPLES]
    found: dict[str, list[Example]] = {}
    for row in newest:
        found.setdefault(row.code, []).extend(
            Example(
                row.last_at, names.keys[row.key_id], names.feature(row.feature_slug),
                each["id"], each["detail"], each["sent"],
            )
            for each in row.examples
        )  # fmt: skip
    return found


def warning_lines(person: User, *, window: str, now: datetime) -> Iterator[list[object]]:
    """Every row behind the page, newest hour first, as WARNING_COLUMNS."""
    since = now.replace(minute=0, second=0, microsecond=0) - WINDOWS[window] + HOUR
    rows = RefusalHour.objects.visible_to(person).between(since, now + HOUR).select_related("key")
    for row in rows.order_by("-hour", "-n", "pk").iterator():
        last = row.examples[-1] if row.examples else {}
        yield [
            row.hour.isoformat(), str(row.key), row.feature_slug, row.endpoint, row.code, row.field, row.n,
            row.last_at.isoformat(), last.get("id", ""), last.get("detail", ""), last.get("sent", ""),
        ]  # fmt: skip


WARNING_COLUMNS = (
    "hour", "key", "feature", "endpoint", "code", "field", "n", "last_at", "example_id", "example_detail",
    "example_sent",
)  # fmt: skip
