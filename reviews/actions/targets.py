"""Predictions that somebody picked for review: the targeted arm, which no estimate counts."""

from datetime import UTC, datetime

from django.db import transaction

from feedback.models import Prediction
from reviews.draw import luck, queue_key
from reviews.models import Assignment, ReviewItem

# Picked ones come before all that were drawn by chance: somebody is waiting for the answer.
AHEAD = 1e-6


@transaction.atomic
def send_to_review(*, prediction: Prediction, now: datetime) -> tuple[ReviewItem, bool]:
    """The review item of a picked prediction, and whether it is new.

    Whether chance has drawn it, too, makes no difference: each arm has an item of its own. Replay and race: the
    unique key (prediction, arm) decides, whoever comes second gets the same item.
    """
    feature = prediction.feature
    u = luck(slug=feature.slug, external_id=prediction.external_id, salt=feature.sampling_salt.encode())
    item, is_new = ReviewItem.objects.get_or_create(
        prediction=prediction,
        arm=ReviewItem.Arm.TARGETED,
        defaults={
            "feature": feature,
            "version_id": prediction.version_id,
            "luck": u,
            "weight": 1.0,
            "queue_key": AHEAD * queue_key(u, 1.0),
            "cohort_on": prediction.occurred_at.astimezone(UTC).date(),
            "drawn_at": now,
        },
    )
    Assignment.objects.get_or_create(
        item=item, ordinal=1, defaults={"feature": feature, "queue_key": item.queue_key}
    )
    return item, is_new
