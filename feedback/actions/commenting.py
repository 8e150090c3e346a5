"""Comments: written, edited with their history kept, removed for good."""

from datetime import datetime

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from feedback.models import Comment, CommentRevision, Decision, Feature, FeedbackItem, User

EMPTY = "Write something first."


@transaction.atomic
def write_comment(
    *,
    feature: Feature,
    text: str,
    user: User,
    now: datetime,
    prediction: str = "",
    item: FeedbackItem | None = None,
    decision: Decision | None = None,
) -> Comment:
    """Say something about a feature, or about one thing of it. prediction: the sender's id.

    Raises ValidationError for an empty text, two targets, or a target of another feature. Replay: said twice.
    """
    if any(target is not None and target.feature_id != feature.pk for target in (item, decision)):
        raise ValidationError("This belongs to another feature.")
    if not text.strip():
        raise ValidationError({"text": EMPTY})
    comment = Comment(
        feature=feature,
        prediction_external_id=prediction,
        item=item,
        decision=decision,
        text=text.strip(),
        author=user,
        made_at=now,
    )
    comment.full_clean()
    comment.save()
    return comment


@transaction.atomic
def edit_comment(*, comment: Comment, text: str, user: User, now: datetime) -> Comment:
    """Put another text; what stood there before is kept. Only its author may; the same text again keeps nothing.

    Race: one after the other, both former texts are kept. Raises PermissionDenied, or ValidationError for an
    empty text and for one that was removed meanwhile.
    """
    locked = Comment.objects.select_for_update().get(pk=comment.pk)
    if locked.author_id is None or locked.author_id != user.pk:
        raise PermissionDenied("Only its author edits a comment.")
    if locked.removed_at:
        raise ValidationError("This comment was removed meanwhile.")
    if not text.strip():
        raise ValidationError({"text": EMPTY})
    if text.strip() == locked.text:
        return locked
    number = CommentRevision.objects.filter(comment=locked).count() + 1
    CommentRevision.objects.create(comment=locked, number=number, text=locked.text, replaced_at=now)
    locked.text = text.strip()
    locked.full_clean(exclude={"author"})
    locked.save(update_fields=["text"])
    return locked


@transaction.atomic
def remove_comment(*, comment: Comment, user: User, now: datetime) -> None:
    """Take a comment and its former texts away for good; that one stood there stays visible.

    Its author may, and staff. Repeating changes nothing. Raises PermissionDenied.
    """
    locked = Comment.objects.select_for_update().get(pk=comment.pk)
    if locked.author_id != user.pk and not user.is_staff:
        raise PermissionDenied("Its author removes a comment, or staff.")
    if locked.removed_at is None:
        CommentRevision.objects.filter(comment=locked).delete()
        locked.text, locked.removed_at = "", now
        locked.save(update_fields=["text", "removed_at"])
