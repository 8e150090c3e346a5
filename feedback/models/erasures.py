from __future__ import annotations

from hashlib import blake2b

from django.db import models

from feedback.models.features import Feature


class Erasure(models.Model):
    """That somebody was erased from a feature: what was summed up of them is still to go. Names nobody.

    mark: of the pseudonym, keyed with the feature's secret. The row goes as soon as all of it is gone.
    """

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+")
    mark = models.CharField(max_length=32)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~models.Q(mark=""), name="feedback_erasure_has_a_mark"),
        ]

    def __str__(self) -> str:
        return f"{self.feature}: {self.mark[:8]}"


def erasure_mark(feature: Feature, actor: str) -> str:
    return blake2b(actor.encode(), key=feature.sampling_salt.encode()[:64], digest_size=16).hexdigest()
