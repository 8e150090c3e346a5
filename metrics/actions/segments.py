"""Which segments of a feature are summed up for themselves: first come, first registered, and then for good."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from django.db import transaction

from feedback.models import Feature
from metrics.models import SegmentValue
from metrics.models.summaries import MOST_KEYS, MOST_VALUES, OTHER_VALUES
from metrics.summaries import segment_name

Found = Mapping[str, Counter[str]]  # key -> value -> predictions
Names = dict[str, dict[str, str]]  # key -> value -> name of its segment


def keys_of(feature: Feature, n: Counter[str]) -> list[str]:
    """The keys that may be summed up: those registered, and of the others as many as there could be places for.

    n: key -> predictions. However many keys somebody sends, no more are looked at.
    """
    registered = set(SegmentValue.objects.of(feature).values_list("key", flat=True))
    others = sorted(set(n) - registered, key=lambda key: (-n[key], key))
    return sorted({*others[: max(0, MOST_KEYS - len(registered))], *(registered & set(n))})


def names_of(feature: Feature, found: Found) -> Names:
    """The names of the segments found, of every key that is summed up; a value without one is other_values(key).

    What is new is registered while there are places: at most 10 keys and 50 values of each, of those that come
    together the most frequent first. Commits that by itself, before anything is counted: two runs agree, and
    one that is repeated finds the same.
    """
    names = _registered(feature)
    if any(_newcomers(names, found)):
        with transaction.atomic():
            Feature.objects.select_for_update(no_key=True).get(pk=feature.pk)  # one after the other
            newcomers = _newcomers(_registered(feature), found)
            rows = [SegmentValue(feature=feature, key=key, value=v, name=name) for key, v, name in newcomers]
            SegmentValue.objects.bulk_create(rows)
        names = _registered(feature)
    return names


def other_values(key: str) -> str:
    return segment_name(key, OTHER_VALUES)


def _registered(feature: Feature) -> Names:
    names: Names = defaultdict(dict)
    for key, value, name in SegmentValue.objects.of(feature).values_list("key", "value", "name"):
        names[key][value] = name
    return names


def _newcomers(names: Names, found: Found) -> Iterator[tuple[str, str, str]]:
    """(key, value, name) of what there still is a place for."""
    taken = {name for of_key in names.values() for name in of_key.values()}
    places = MOST_KEYS - len(names)
    for key in sorted(found, key=lambda key: (-found[key].total(), key)):
        held = names.get(key, {})
        if len(held) >= MOST_VALUES or (not held and places <= 0):
            continue
        fresh = [value for value in found[key] if value not in held and _is_nameable(value)]
        fresh.sort(key=lambda value: (-found[key][value], value))
        chosen = [value for value in fresh if segment_name(key, value) not in taken][: MOST_VALUES - len(held)]
        places -= not held and bool(chosen)
        for value in chosen:
            name = segment_name(key, value)
            taken.add(name)
            yield key, value, name


def _is_nameable(value: str) -> bool:
    """No value may be called what the rest of a key is called."""
    return value != OTHER_VALUES and not value.endswith(f":{OTHER_VALUES}")
