"""Making features and versions."""

from datetime import datetime
from typing import Any

from django.db import transaction

from feedback.models import Feature, ModelVersion, User

FIXED = {"slug", "answer_kind", "sampling_salt", "created_at"}
MOVED_BY_RULES = {"stage"}  # metrics.actions.staging, which knows the rules (docs/decisions/0010)


@transaction.atomic
def create_feature(*, slug: str, name: str, now: datetime, owner: User | None = None, **fields: Any) -> Feature:
    """A new feature. Raises ValidationError in the user's words for a taken slug or a wrong field."""
    feature = Feature(slug=slug, name=name, created_at=now, owner=owner, **fields)
    feature.full_clean()
    feature.save()
    return feature


@transaction.atomic
def change_feature(*, feature: Feature, **fields: Any) -> Feature:
    """Change what may change of a feature: never its slug, kind of answer or salt, and not its stage.

    Repeating is harmless.
    """
    if fixed := (FIXED | MOVED_BY_RULES) & fields.keys():
        raise ValueError(f"{', '.join(sorted(fixed))} cannot change.")
    for name, value in fields.items():
        setattr(feature, name, value)
    feature.full_clean()
    feature.save(update_fields=list(fields))
    return feature


@transaction.atomic
def create_version(*, feature: Feature, name: str, now: datetime, **fields: Any) -> ModelVersion:
    """A new version. Raises ValidationError for a taken name or a second baseline."""
    version = ModelVersion(feature=feature, name=name, created_at=now, **{"deployed_at": now, **fields})
    version.full_clean()
    version.save()
    return version
