"""How a feature is sampled, as REST reads and changes it: `sampling` of a feature (docs/api.md)."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import serializers

from feedback.models import Feature, User
from reviews.actions.policies import change_policy
from reviews.models import SamplingPolicy

A_SAMPLING = {
    "design": "uncertainty",
    "reviews_per_day": 40,
    "overlap_share": 0.1,
    "gold_share": 0.05,
    "blind": True,
    "target_count": 500,
}
STORED_SAMPLING = {"number": 3, **A_SAMPLING}


class Share(serializers.FloatField):
    def to_internal_value(self, sent: Any) -> float:
        found = super().to_internal_value(sent)
        if not math.isfinite(found):  # DRF takes the texts "NaN" and "Infinity" for numbers
            raise serializers.ValidationError("This is not a number.")
        return found


class SamplingShape(serializers.Serializer[SamplingPolicy]):
    """number: of the version that holds; a change makes the next one."""

    number = serializers.IntegerField(read_only=True)
    design = serializers.ChoiceField(choices=SamplingPolicy.Design.choices, required=False)
    reviews_per_day = serializers.IntegerField(min_value=0, max_value=10_000, required=False)
    overlap_share = Share(min_value=0, max_value=1, required=False)
    gold_share = Share(min_value=0, max_value=0.5, required=False)
    blind = serializers.BooleanField(source="is_blind", required=False)
    target_count = serializers.IntegerField(min_value=1, max_value=1_000_000, required=False)


def sampling_of(features: Iterable[Feature]) -> dict[int, dict[str, Any]]:
    """What holds for each feature that is sampled, by its key; one query."""
    current = SamplingPolicy.objects.current().filter(feature__in=list(features))
    return {policy.feature_id: dict(SamplingShape(policy).data) for policy in current}


def set_sampling(
    *, feature: Feature, sent: Mapping[str, Any] | None, user: User | None, now: datetime
) -> SamplingPolicy | None:
    """A new version of what was sent; nothing sent, null or nothing new: None. Its errors are named sampling.*."""
    if not sent:
        return None
    try:
        return change_policy(feature=feature, user=user, now=now, **sent)
    except ValidationError as error:
        called = {"is_blind": "blind"}
        told = {f"sampling.{called.get(name, name)}": texts for name, texts in error.message_dict.items()}
        raise ValidationError(told) from error
