"""Working on what customers said: each change is a step that stays, with who made it and when."""

from collections.abc import Iterable
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from feedback.models import Feature, FeedbackItem, FeedbackStep, Membership, Theme, User
from feedback.models.feedback_items import due_times

State = FeedbackItem.State
# Roles whose holders may change what is in the inbox; the others read.
TRIAGERS = frozenset({"product", "customer_success", "owner", "operations"})
NEEDS_WORDS = {
    State.ANSWERED: "Say what the customer was told.",
    State.CLOSED: "Say how it ended: feedback is closed with an outcome.",
}
IN_QUARANTINE = "This is in quarantine. Let it out first."


class Outrun(Exception):
    """Somebody else changed the item since it was read: nothing was changed now."""


def triaged_by(user: User) -> QuerySet[Feature]:
    """The features whose feedback this person may work on."""
    if user.is_staff:
        return Feature.objects.all()
    held = Membership.objects.of(user).with_role(*TRIAGERS)
    return Feature.objects.filter(pk__in=held.values("feature"))


@transaction.atomic
def set_state(*, item_id: int, to: str, seen: str, words: str = "", user: User, now: datetime) -> FeedbackItem:
    """Triage, plan, answer, close, or open again what was closed.

    to: any state but new. seen: the state that the person saw. words: what the customer was told, or the outcome;
    an answer in other words than the last one is another step. Raises ValidationError in the user's words.
    Replay: the same change by the same person changes nothing more.
    Race: the row is locked; whoever comes second raises Outrun, which names who was faster.
    """
    words = words.strip()
    if to not in State.values or to == State.NEW:
        raise ValidationError("Feedback does not become new again.")
    if to in NEEDS_WORDS and not words:
        raise ValidationError(NEEDS_WORDS[State(to)])
    item = FeedbackItem.objects.select_for_update().get(pk=item_id)
    if item.quarantine_reason:
        raise ValidationError(IN_QUARANTINE)
    if item.state != seen:
        last = FeedbackStep.objects.of(item).filter(kind="state").select_related("by").order_by("-pk").first()
        is_mine = last is not None and last.by_id == user.pk and (last.after, last.words) == (to, words)
        if is_mine:
            return item
        who = last.by.email if last and last.by else "Somebody"
        raise Outrun(f"{who} was faster: this is {item.get_state_display().lower()} now. Nothing was changed.")
    if _is_new(item, to, words, _last_words([item])):
        step = _move(item, to, words, user, now)
        item.save(update_fields=["state", "triaged_at", "closed_at", "outcome"])
        step.save()
    return item


def _move(item: FeedbackItem, to: str, words: str, user: User, now: datetime) -> FeedbackStep:
    step = FeedbackStep(item=item, kind="state", before=item.state, after=to, words=words, by=user, at=now)
    is_closed = to == State.CLOSED
    item.state, item.triaged_at = to, item.triaged_at or now
    item.closed_at, item.outcome = (now, words) if is_closed else (None, "")
    return step


def _is_new(item: FeedbackItem, to: str, words: str, told: dict[int, str]) -> bool:
    """Whether this moves the item, or tells the customer something else than what was told last."""
    return item.state != to or (to == State.ANSWERED and told.get(item.pk) != words)


def _last_words(items: Iterable[FeedbackItem]) -> dict[int, str]:
    """What was said with the last change of state of each, by its key."""
    steps = FeedbackStep.objects.filter(item__in=[item.pk for item in items], kind="state").order_by("pk")
    return dict(steps.values_list("item_id", "words"))


@transaction.atomic
def set_severity(*, item_id: int, severity: str, user: User, now: datetime) -> FeedbackItem:
    """How bad it is, as the team sees it: what is due follows, counted from when it came or was let out of
    quarantine.

    Raises ValidationError for an unknown one. Replay: nothing changes. Race: the last holds.
    """
    if severity not in FeedbackItem.Severity.values:
        raise ValidationError("Choose how bad it is.")
    item = FeedbackItem.objects.select_for_update().get(pk=item_id)
    if item.quarantine_reason:
        raise ValidationError(IN_QUARANTINE)
    if item.severity != severity:
        FeedbackStep.objects.create(
            item=item, kind="severity", before=item.severity, after=severity, by=user, at=now
        )
        item.severity = severity
        released = FeedbackStep.objects.of(item).filter(kind="released").order_by("pk").last()
        _fall_due(item, released.at if released else item.received_at)
        item.save(update_fields=["severity", "triage_due_at", "close_due_at"])
    return item


def _fall_due(item: FeedbackItem, at: datetime) -> None:
    item.triage_due_at, item.close_due_at = due_times(
        channel=item.channel, severity=item.severity, text=item.text, at=at
    )


@transaction.atomic
def set_theme(*, item_id: int, theme: Theme | None, user: User, now: datetime) -> FeedbackItem:
    """Put an item under a theme of its feature, or under none. Replay: nothing changes. Race: the last holds.

    Raises ValidationError for a theme of another feature.
    """
    item = FeedbackItem.objects.select_for_update(of=("self",)).select_related("theme").get(pk=item_id)
    if theme is not None and theme.feature_id != item.feature_id:
        raise ValidationError("This theme belongs to another feature.")
    if item.quarantine_reason:
        raise ValidationError(IN_QUARANTINE)
    if item.theme_id != (theme and theme.pk):
        _put_under(item, theme, user, now).save()
        item.save(update_fields=["theme"])
    return item


def _put_under(item: FeedbackItem, theme: Theme | None, user: User, now: datetime) -> FeedbackStep:
    before, after = (each.title if each else "" for each in (item.theme, theme))
    item.theme = theme
    return FeedbackStep(item=item, kind="theme", before=before, after=after, by=user, at=now)


@transaction.atomic
def change_many(
    *,
    items: QuerySet[FeedbackItem],
    to: str = "",
    theme: Theme | None = None,
    words: str = "",
    user: User,
    now: datetime,
) -> int:
    """Set the state, the theme or both of many items, and say how many of them changed.

    items: those that the person may work on; what is in quarantine, or of another feature than the theme, stays
    as it is. words: as in set_state, so another answer reaches what is answered already. Raises ValidationError
    where they are missing. Replay: nothing is left to change. Race: rows are locked in one order; each keeps what
    was done to it before, as steps.
    """
    words = words.strip()
    if to in NEEDS_WORDS and not words:
        raise ValidationError(NEEDS_WORDS[State(to)])
    rows = items.filter(quarantine_reason="").select_related("theme").order_by("pk")
    if theme is not None:
        rows = rows.filter(feature=theme.feature_id)
    changed: list[FeedbackItem] = []
    steps: list[FeedbackStep] = []
    locked = list(rows.select_for_update(of=("self",)))
    told = _last_words(locked) if to else {}
    for item in locked:
        before = len(steps)
        if to and _is_new(item, to, words, told):
            steps.append(_move(item, to, words, user, now))
        if theme is not None and item.theme_id != theme.pk:
            steps.append(_put_under(item, theme, user, now))
        if len(steps) > before:
            changed.append(item)
    FeedbackItem.objects.bulk_update(changed, ["state", "triaged_at", "closed_at", "outcome", "theme"])
    FeedbackStep.objects.bulk_create(steps)
    return len(changed)


@transaction.atomic
def release(*, item_id: int, user: User, now: datetime) -> FeedbackItem:
    """Let an item out of quarantine: it counts from now on, and is due from now. Replay: nothing changes."""
    item = FeedbackItem.objects.select_for_update().get(pk=item_id)
    if item.quarantine_reason:
        before = item.get_quarantine_reason_display()
        item.quarantine_reason = ""
        _fall_due(item, now)
        item.save(update_fields=["quarantine_reason", "triage_due_at", "close_due_at"])
        FeedbackStep.objects.create(item=item, kind="released", before=before, by=user, at=now)
    return item


@transaction.atomic
def record_sent_to_review(*, item: FeedbackItem, user: User, now: datetime) -> None:
    """Remember that the prediction of a complaint was sent to review. Replay: once is enough."""
    FeedbackItem.objects.select_for_update().get(pk=item.pk)
    if not FeedbackStep.objects.of(item).filter(kind="sent_to_review").exists():
        FeedbackStep.objects.create(item=item, kind="sent_to_review", by=user, at=now)
