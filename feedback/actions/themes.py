"""Grouping what customers say: making themes, merging them, and taking a merge back without loss."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from feedback.models import Feature, Theme, User
from feedback.themes import heads_of

ONE_ALREADY = "These two are one theme already: merging them again would lead in a circle."


@transaction.atomic
def create_theme(*, feature: Feature, title: str, user: User, now: datetime) -> Theme:
    """Raises ValidationError in the user's words where the feature has a theme of this title.

    Race: the feature's row is locked, so the second of two is told, too.
    """
    _line_up(feature)
    theme = Theme(feature=feature, title=" ".join(title.split()), created_by=user, created_at=now)
    theme.full_clean(exclude=["created_by"])
    theme.save()
    return theme


@transaction.atomic
def merge(*, theme: Theme, into: Theme, now: datetime) -> Theme:
    """Make two themes one, under the title of `into`; returns the one in front.

    Groups are merged whole: whatever was merged into either comes along. Stored is one pointer from the younger
    to the older of the two in front, so no circle can come about and `unmerge` restores every count. Raises
    ValidationError for themes of two features, and where both are one already (a replay, or a circle). Race: the
    feature's row is locked, the second sees what the first did.
    """
    if theme.feature_id != into.feature_id:
        raise ValidationError("Themes of two features stay apart.")
    _line_up(theme.feature)
    themes = list(Theme.objects.of(theme.feature))
    heads, by_id = heads_of(themes), {each.pk: each for each in themes}
    moved, kept = heads[theme.pk], heads[into.pk]
    if moved == kept:
        raise ValidationError(ONE_ALREADY)
    younger, older = by_id[max(moved, kept)], by_id[min(moved, kept)]
    younger.merged_into, younger.merged_at, younger.gives_its_title = older, now, younger.pk == kept
    younger.save(update_fields=["merged_into", "merged_at", "gives_its_title"])
    return older


@transaction.atomic
def unmerge(*, theme: Theme) -> bool:
    """Take a theme, with what was merged into it, out again. False: it was in no other (a replay)."""
    _line_up(theme.feature)
    apart = {"merged_into": None, "merged_at": None, "gives_its_title": False}
    return bool(Theme.objects.filter(pk=theme.pk, merged_into__isnull=False).update(**apart))


def _line_up(feature: Feature) -> None:
    """One change to the themes of a feature after the other."""
    Feature.objects.select_for_update(no_key=True).get(pk=feature.pk)
