"""What was said of a feature and of its parts, as pages show it: frozen values, no models."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from urllib.parse import urlencode

from django.urls import reverse

from feedback.models import Comment, Decision, Feature, FeedbackItem, User
from feedback.models.comments import CommentQuerySet
from feedback.models.decisions import SOMEBODY_WHO_LEFT

Kind = Literal["feature", "prediction", "item", "decision"]
MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Former:
    """What a comment said until it was edited."""

    text: str
    replaced_at: datetime


@dataclass(frozen=True, slots=True)
class Said:
    pk: int
    author: str
    at: datetime
    text: str
    is_removed: bool
    former: list[Former]
    may_edit: bool
    may_remove: bool


@dataclass(frozen=True, slots=True)
class Target:
    """What a thread is about. key: a decision's or item's number, a prediction's id, empty for the feature."""

    feature: Feature
    kind: Kind = "feature"
    key: str = ""
    title: str = ""
    decision: Decision | None = None
    item: FeedbackItem | None = None

    @property
    def address(self) -> str:
        """Where the thread stands: a decision's on its page, every other on the feature's page of threads."""
        if self.decision is not None:
            return f"{self.decision.get_absolute_url()}#thread"
        page = reverse("feedback:discuss", args=[self.feature.slug])
        return page if self.kind == "feature" else f"{page}?{_query(self.kind, self.key)}"

    def comments(self) -> CommentQuerySet:
        of_feature = Comment.objects.of(self.feature)
        if self.kind == "feature":
            return of_feature.on_feature_itself()
        if self.kind == "prediction":
            return of_feature.filter(prediction_external_id=self.key)
        return of_feature.filter(decision=self.decision, item=self.item)


@dataclass(frozen=True, slots=True)
class Thread:
    """Comments on one target, oldest first. n_earlier: so many before these. draft, error: of a refused one."""

    slug: str
    kind: Kind
    key: str
    title: str
    address: str
    comments: list[Said]
    n_earlier: int = 0
    draft: str = ""
    error: str = ""


def _query(kind: Kind, key: str) -> str:
    return urlencode([(kind, key)])


def about_decision(decision: Decision) -> Target:
    return Target(decision.feature, "decision", str(decision.pk), decision.title, decision=decision)


def about_item(item: FeedbackItem) -> Target:
    title = f"{item.get_channel_display()}: {item.text[:80] or item.rating}"
    return Target(item.feature, "item", str(item.pk), title, item=item)


def about_prediction(feature: Feature, external_id: str) -> Target:
    return Target(feature, "prediction", external_id, f"Prediction {external_id}")


def about_feature(feature: Feature) -> Target:
    return Target(feature, title=feature.name)


def thread_of(target: Target, person: User, *, most: int | None = MOST_SHOWN) -> Thread:
    """The thread on one target, its newest `most` comments (None: all); a count more where there are more."""
    rows = target.comments().select_related("author").prefetch_related("revisions").order_by("-made_at", "-pk")
    shown = list(rows if most is None else rows[:most])
    n_earlier = rows.count() - most if most is not None and len(shown) == most else 0
    thread = _thread(target, reversed(shown), person)
    return replace(thread, n_earlier=n_earlier)


def threads_on_parts(feature: Feature, person: User) -> list[Thread]:
    """Threads on the feature's predictions, items and decisions, the latest first; of the newest comments."""
    rows = Comment.objects.of(feature).on_something_else().order_by("-made_at", "-pk")
    rows = rows.select_related("author", "item", "decision").prefetch_related("revisions")
    found: dict[tuple[Kind, str], tuple[Target, list[Comment]]] = {}
    for comment in rows[:MOST_SHOWN]:
        target = _target_of(comment, feature)
        found.setdefault((target.kind, target.key), (target, []))[1].append(comment)
    return [_thread(target, reversed(comments), person) for target, comments in found.values()]


def _target_of(comment: Comment, feature: Feature) -> Target:
    for target in (comment.decision, comment.item):
        if target is not None:
            target.feature = feature  # known; else each would ask for it
    if comment.decision is not None:
        return about_decision(comment.decision)
    if comment.item is not None:
        return about_item(comment.item)
    return about_prediction(feature, comment.prediction_external_id)


def _thread(target: Target, comments: Iterable[Comment], person: User) -> Thread:
    said = [_said(comment, person) for comment in comments]
    return Thread(target.feature.slug, target.kind, target.key, target.title, target.address, said)


def _said(comment: Comment, person: User) -> Said:
    is_own, is_there = comment.author_id == person.pk, comment.removed_at is None
    return Said(
        pk=comment.pk,
        author=str(comment.author or SOMEBODY_WHO_LEFT),
        at=comment.made_at,
        text=comment.text,
        is_removed=not is_there,
        former=[Former(old.text, old.replaced_at) for old in comment.revisions.all()],
        may_edit=is_own and is_there,
        may_remove=(is_own or person.is_staff) and is_there,
    )
