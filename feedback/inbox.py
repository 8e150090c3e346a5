"""What the inbox shows: a list of items, the one in front, and how many wait. Frozen values, no models."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Case, Count, F, Q, QuerySet, When
from django.http import QueryDict

from feedback.actions.triage import triaged_by
from feedback.api.filters import FeedbackFilter
from feedback.models import Feature, FeedbackItem, FeedbackStep, Prediction, Theme, User
from feedback.models.feedback_items import FeedbackItemQuerySet
from feedback.themes import heads_of, titles_of, uses_the_feature

PER_PAGE = 50
THUMBS_WITHIN = timedelta(days=28)
VIEWS = ("open", "overdue", "closed", "quarantine")


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Select:
    """One filter: its name, its words, and what it may be set to."""

    name: str
    label: str
    choices: list[Choice]


@dataclass(frozen=True, slots=True)
class Counts:
    """Of everything that the person sees. n_wordless: ratings without words, counted but nobody's work; these and
    the thumbs that hold are of the last 28 days."""

    n_open: int
    n_overdue: int
    n_closed: int
    n_quarantine: int
    n_wordless: int
    n_thumbs_up: int
    n_thumbs_down: int


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list. due_at: of the next thing to do, triage or closing; None: nothing is to be done."""

    pk: int
    feature: str
    channel: str
    severity: str
    severity_label: str
    state: str
    state_label: str
    excerpt: str
    account: str
    theme: str
    due_at: datetime | None
    is_overdue: bool
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    words: str
    detail: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OneItem:
    """The item in front, with what was done about it. answer: of the prediction it names, where that is known."""

    row: Row
    feature_slug: str
    text: str
    rating: float | None
    actor: str
    is_user: bool
    prediction: str
    answer: str | None
    occurred_at: datetime
    triage_due_at: datetime | None
    close_due_at: datetime | None
    outcome: str
    quarantine: str
    note_text: str
    theme_id: int | None
    themes: list[Choice]
    steps: list[Step]
    may_triage: bool


@dataclass(frozen=True, slots=True)
class Inbox:
    """A page of the list. previous_pk, next_pk: beside the item in front, for the keys k and j."""

    view: str
    counts: Counts
    selects: list[Select]
    is_filtered: bool
    rows: list[Row]
    n: int
    page: int
    n_pages: int
    item: OneItem | None
    previous_pk: int | None
    next_pk: int | None
    bulk_themes: list[Choice]
    may_triage_any: bool


def visible_items(user: User) -> FeedbackItemQuerySet:
    return FeedbackItem.objects.filter(feature__in=Feature.objects.visible_to(user))


def inbox_of(user: User, asked: QueryDict, *, now: datetime, item_pk: int | None = None) -> Inbox:
    """The inbox as this person sees it, filtered as asked. item_pk: the item in front; else the first one.

    The number of queries is the same for any number of items.
    """
    visible = visible_items(user)
    view = asked.get("view", "")
    view = view if view in VIEWS else "open"
    chosen = FeedbackFilter(asked, queryset=in_view(visible, view, now))
    paginator = Paginator(by_urgency(chosen.qs), PER_PAGE)
    page = paginator.get_page(asked.get("page"))
    listed = list(page.object_list)
    places = [each.pk for each in listed]
    front = item_pk if item_pk is not None else places[0] if places else None
    item = visible.select_related("note").filter(pk=front).first() if front else None
    # After the items: what a colleague makes between the two reads is then known, and not missing.
    features = list(Feature.objects.visible_to(user))
    themes = list(Theme.objects.filter(feature__in=[each.pk for each in features]))
    titles, heads = titles_of(themes), heads_of(themes)
    names = _Names({each.pk: each for each in features}, {pk: titles[head] for pk, head in heads.items()}, now)
    mine = set(triaged_by(user).values_list("pk", flat=True))
    at = places.index(front) if front in places else None
    theme_heads = [theme for theme in themes if theme.merged_into_id is None]
    return Inbox(
        view=view,
        counts=_counts(visible, now),
        selects=_selects(asked, features, [(each.pk, titles[each.pk]) for each in theme_heads]),
        is_filtered=any(asked.get(name) for name in ("feature", "state", "channel", "severity", "theme")),
        rows=[names.row(each) for each in listed],
        n=paginator.count,
        page=page.number,
        n_pages=paginator.num_pages,
        item=_one(item, names, theme_heads, heads, item.feature_id in mine) if item else None,
        previous_pk=places[at - 1] if at else None,
        next_pk=_next(places, at),
        bulk_themes=[
            Choice(str(each.pk), f"{names.features[each.feature_id].name}: {titles[each.pk]}", False)
            for each in theme_heads
            if each.feature_id in mine
        ],
        may_triage_any=bool(mine & names.features.keys()),
    )


def _next(places: list[int], at: int | None) -> int | None:
    """What j leads to: the line below; the first one, where the item in front is not in the list."""
    below = places[at + 1 : at + 2] if at is not None else places[:1]
    return below[0] if below else None


def in_view(items: FeedbackItemQuerySet, view: str, now: datetime) -> FeedbackItemQuerySet:
    if view == "overdue":
        return items.overdue(now)
    if view == "closed":
        return items.filter(triage_due_at__isnull=False, state=FeedbackItem.State.CLOSED)
    return items.quarantined() if view == "quarantine" else items.open()


def by_urgency(items: QuerySet[FeedbackItem]) -> QuerySet[FeedbackItem]:
    """What is overdue longest first, then what falls due next, then the newest."""
    due = Case(
        When(state=FeedbackItem.State.CLOSED, then=None),
        When(state=FeedbackItem.State.NEW, then=F("triage_due_at")),
        default=F("close_due_at"),
    )
    return items.order_by(due.asc(nulls_last=True), "-received_at", "pk")


def _counts(items: FeedbackItemQuerySet, now: datetime) -> Counts:
    """Four queries, none of which reads every thumb that ever came: each has an index for its rows."""
    is_closed = Q(state=FeedbackItem.State.CLOSED)
    is_late = Q(state=FeedbackItem.State.NEW, triage_due_at__lte=now) | Q(close_due_at__lte=now)
    work = items.filter(triage_due_at__isnull=False).aggregate(
        n_open=Count("pk", filter=~is_closed),
        n_overdue=Count("pk", filter=~is_closed & is_late),
        n_closed=Count("pk", filter=is_closed),
    )
    recent = items.trusted().occurred_between(now - THUMBS_WITHIN, now).filter(triage_due_at=None)
    thumbs = items.current().occurred_between(now - THUMBS_WITHIN, now)
    held = thumbs.aggregate(
        n_thumbs_up=Count("pk", filter=Q(rating=1)), n_thumbs_down=Count("pk", filter=Q(rating=-1))
    )
    return Counts(n_quarantine=items.quarantined().count(), n_wordless=recent.count(), **work, **held)


def _selects(asked: Mapping[str, str], features: list[Feature], themes: list[tuple[int, str]]) -> list[Select]:
    states = [pair for pair in FeedbackItem.State.choices if pair[0] != FeedbackItem.State.CLOSED]
    offered: list[tuple[str, str, list[tuple[Any, Any]]]] = [
        ("feature", "Feature", [(each.slug, each.name) for each in features]),
        ("state", "State", states),
        ("channel", "Channel", FeedbackItem.Channel.choices),
        ("severity", "Severity", FeedbackItem.Severity.choices),
        ("theme", "Theme", sorted(themes, key=lambda pair: pair[1].lower())),
    ]
    return [
        Select(name, label, [Choice(str(value), words, str(value) == asked.get(name)) for value, words in pairs])
        for name, label, pairs in offered
    ]


@dataclass(frozen=True, slots=True)
class _Names:
    """The words for features and themes, each read once."""

    features: dict[int, Feature]
    themes: dict[int, str]
    now: datetime

    def row(self, item: FeedbackItem) -> Row:
        is_new = item.state == FeedbackItem.State.NEW
        is_closed = item.state == FeedbackItem.State.CLOSED
        due_at = None if is_closed else item.triage_due_at if is_new else item.close_due_at
        said = item.text or f"{item.get_channel_display()} {item.rating:g}"
        return Row(
            pk=item.pk,
            feature=self.features[item.feature_id].name,
            channel=item.get_channel_display(),
            severity=item.severity,
            severity_label=item.get_severity_display() if item.severity else "Severity not said",
            state=item.state,
            state_label=item.get_state_display(),
            excerpt=said if len(said) <= 140 else said[:140] + "…",
            account=item.account,
            theme=self.themes[item.theme_id] if item.theme_id else "",
            due_at=due_at,
            is_overdue=due_at is not None and due_at <= self.now,
            received_at=item.received_at,
        )


def _one(
    item: FeedbackItem, names: _Names, theme_heads: list[Theme], heads: dict[int, int], may_triage: bool
) -> OneItem:
    feature = names.features[item.feature_id]
    steps = FeedbackStep.objects.of(item).select_related("by").order_by("pk")
    head = heads[item.theme_id] if item.theme_id else None
    return OneItem(
        row=names.row(item),
        feature_slug=feature.slug,
        text=item.text,
        rating=item.rating,
        actor=item.actor,
        is_user=uses_the_feature(feature, item.actor, now=names.now),
        prediction=item.prediction_external_id,
        answer=_answer(feature, item.prediction_external_id),
        occurred_at=item.occurred_at,
        triage_due_at=item.triage_due_at,
        close_due_at=item.close_due_at,
        outcome=item.outcome,
        quarantine=item.get_quarantine_reason_display() if item.quarantine_reason else "",
        note_text=item.note.text if item.note else "",
        theme_id=head,
        themes=[
            Choice(str(each.pk), names.themes[each.pk], each.pk == head)
            for each in theme_heads
            if each.feature_id == item.feature_id
        ],
        steps=[_step(step) for step in steps],
        may_triage=may_triage,
    )


def _answer(feature: Feature, external_id: str) -> str | None:
    found = Prediction.objects.of(feature).filter(external_id=external_id).only("label", "value", "output").first()
    if found is None:
        return None
    if found.label is not None:
        return feature.words_for(found.label)
    return f"{found.value:g}" if found.value is not None else str(found.output)[:300]


def _step(step: FeedbackStep) -> Step:
    kind = FeedbackStep.Kind
    words = {
        kind.STATE: f"{FeedbackItem.State(step.after).label}" if step.kind == kind.STATE else "",
        kind.SEVERITY: f"Severity: {step.after}",
        kind.THEME: f"Theme: {step.after}" if step.after else f"Taken out of the theme {step.before}",
        kind.RELEASED: f"Let out of quarantine ({step.before})",
        kind.SENT_TO_REVIEW: "The prediction was sent to review",
    }[kind(step.kind)]
    return Step(words, step.words, step.by.email if step.by else "somebody who has left", step.at)


COLUMNS = (
    "feature", "id", "channel", "state", "severity", "theme", "account", "actor", "prediction", "rating", "text",
    "received_at", "triage_due_at", "close_due_at", "triaged_at", "closed_at", "outcome", "quarantine",
)  # fmt: skip


def inbox_lines(user: User, asked: QueryDict, *, now: datetime) -> Iterator[list[object]]:
    """Every item of the filtered list, as COLUMNS. Race: a theme that is made meanwhile is left out."""
    view = asked.get("view", "")
    items = in_view(visible_items(user), view, now)
    chosen = by_urgency(FeedbackFilter(asked, queryset=items).qs)
    themes = list(Theme.objects.filter(feature__in=Feature.objects.visible_to(user)))
    titles = titles_of(themes)
    names = {pk: titles[head] for pk, head in heads_of(themes).items()}
    for item in chosen.select_related("feature").iterator(chunk_size=500):
        yield [
            item.feature.slug, item.external_id, item.channel, item.state, item.severity,
            names.get(item.theme_id, "") if item.theme_id else "", item.account, item.actor,
            item.prediction_external_id, item.rating, item.text, _iso(item.received_at), _iso(item.triage_due_at),
            _iso(item.close_due_at), _iso(item.triaged_at), _iso(item.closed_at), item.outcome,
            item.quarantine_reason,
        ]  # fmt: skip


def _iso(at: datetime | None) -> str:
    return at.isoformat() if at else ""
