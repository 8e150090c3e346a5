"""Themes as groups: which one stands in front, what it is called, and who asked for it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from feedback.models import Feature, FeedbackItem, Theme, UsageEvent

USED_WITHIN = timedelta(days=28)
VALUE = ("accepted", "edited", "auto_applied")


@dataclass(frozen=True, slots=True)
class Part:
    """A theme that was merged into another one, and may be taken out again."""

    pk: int
    title: str
    n_items: int


@dataclass(frozen=True, slots=True)
class ThemeRow:
    """A group of themes. n_actors, n_accounts: votes, each counted once however often they spoke.

    n_users: of those actors, how many got value from the feature in the last 28 days. n_unnamed: items that name
    neither, and so are nobody's vote. parts: what was merged into it, directly.
    """

    pk: int
    title: str
    own_title: str
    feature_slug: str
    feature_name: str
    n_items: int
    n_open: int
    n_actors: int
    n_accounts: int
    n_users: int
    n_unnamed: int
    last_at: datetime | None
    parts: list[Part]


def heads_of(themes: Iterable[Theme]) -> dict[int, int]:
    """Of each theme the one in front of its group. Pointers lead to older themes, so one pass is enough."""
    heads: dict[int, int] = {}
    for theme in sorted(themes, key=lambda each: each.pk):
        heads[theme.pk] = heads.get(theme.merged_into_id, theme.pk) if theme.merged_into_id else theme.pk
    return heads


def titles_of(themes: Iterable[Theme]) -> dict[int, str]:
    """What each goes by: the title of what was last merged into it and gives its title, else its own."""
    titles: dict[int, str] = {}
    given: dict[int, tuple[datetime, int, str]] = {}
    for theme in sorted(themes, key=lambda each: -each.pk):
        titles[theme.pk] = given[theme.pk][2] if theme.pk in given else theme.title
        if theme.merged_into_id and theme.merged_at and theme.gives_its_title:
            mine = (theme.merged_at, theme.pk, titles[theme.pk])
            given[theme.merged_into_id] = max(given.get(theme.merged_into_id, mine), mine)
    return titles


def group_of(theme_id: int) -> list[int]:
    """All themes that are one with this one, itself included; none, where there is no such theme."""
    theme = Theme.objects.filter(pk=theme_id).first()
    heads = heads_of(Theme.objects.filter(feature=theme.feature_id)) if theme else {}
    return [pk for pk, head in heads.items() if head == heads[theme_id]]


def theme_rows(features: QuerySet[Feature], *, now: datetime) -> list[ThemeRow]:
    """The themes of these features, most accounts first. Three queries, however many themes there are."""
    themes = list(Theme.objects.filter(feature__in=features).select_related("feature"))
    heads, titles = heads_of(themes), titles_of(themes)
    said: dict[int, list[Said]] = defaultdict(list)
    for one in _said(features):
        said[one.theme].append(one)
    users = _users(features, since=now - USED_WITHIN, until=now) if said else set()
    groups: dict[int, list[Theme]] = defaultdict(list)
    for theme in themes:
        groups[heads[theme.pk]].append(theme)
    rows = [
        _row(next(each for each in group if each.pk == head), group, titles, said, users)
        for head, group in groups.items()
    ]
    return sorted(rows, key=lambda row: (-row.n_accounts, -row.n_actors, -row.n_items, row.title.lower()))


@dataclass(frozen=True, slots=True)
class Said:
    """As much of an item as its theme counts."""

    theme: int
    feature: int
    actor: str
    account: str
    is_open: bool
    occurred_at: datetime


def _said(features: QuerySet[Feature]) -> list[Said]:
    items = FeedbackItem.objects.trusted().filter(theme__isnull=False, feature__in=features)
    columns = ("theme_id", "feature_id", "actor", "account", "state", "occurred_at")
    return [
        Said(theme, feature, actor, account, state != FeedbackItem.State.CLOSED, at)
        for theme, feature, actor, account, state, at in items.values_list(*columns)
    ]


def _users(features: QuerySet[Feature], *, since: datetime, until: datetime) -> set[tuple[int, str]]:
    """Of those who spoke under a theme: (feature, actor) with a value event in the time."""
    spoke = FeedbackItem.objects.filter(theme__isnull=False, feature__in=features).exclude(actor="")
    events = UsageEvent.objects.filter(feature__in=features, kind__in=VALUE, is_internal=False)
    events = events.occurred_between(since, until).filter(actor__in=spoke.values("actor"))
    return set(events.values_list("feature_id", "actor").distinct())


def uses_the_feature(feature: Feature, actor: str, *, now: datetime) -> bool:
    """Whether this actor got value from the feature in the last 28 days."""
    events = UsageEvent.objects.of(feature).filter(actor=actor, kind__in=VALUE, is_internal=False)
    return bool(actor) and events.occurred_between(now - USED_WITHIN, now).exists()


def _row(
    head: Theme,
    group: Sequence[Theme],
    titles: dict[int, str],
    said: dict[int, list[Said]],
    users: set[tuple[int, str]],
) -> ThemeRow:
    heard = [one for theme in group for one in said.get(theme.pk, [])]
    actors = {one.actor for one in heard if one.actor}
    return ThemeRow(
        pk=head.pk,
        title=titles[head.pk],
        own_title=head.title,
        feature_slug=head.feature.slug,
        feature_name=head.feature.name,
        n_items=len(heard),
        n_open=sum(one.is_open for one in heard),
        n_actors=len(actors),
        n_accounts=len({one.account for one in heard if one.account}),
        n_users=sum((head.feature_id, actor) in users for actor in actors),
        n_unnamed=sum(not one.actor and not one.account for one in heard),
        last_at=max((one.occurred_at for one in heard), default=None),
        parts=[
            Part(each.pk, titles[each.pk], len(said.get(each.pk, [])))
            for each in group
            if each.merged_into_id == head.pk
        ],
    )
