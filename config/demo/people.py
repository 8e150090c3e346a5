"""The demo's people; its reviewers judge from the true answers, err at a stated rate, and are marked simulated."""

import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import cycle

from django.db import transaction
from django.utils import timezone

from config.demo.logs import Story
from feedback.actions.features import change_feature
from feedback.actions.people import create_person, join
from feedback.models import Feature, Membership, User
from reviews.actions.desk import Answer, claim_next, policy_of, rubric_of, set_policy, set_rubric, submit
from reviews.models import Assignment, ReviewItem

OWNER = "ada@touchstone.example"
REVIEWERS = [f"{name}@touchstone.example" for name in ("amir", "jonas", "mei", "ruth")]
AT_ONCE = 20  # judgments a transaction
PAUSE = 0.1  # seconds between two, in which others get to write: SQLite takes one writer at a time
Role = Membership.Role


def settle_in(story: Story, *, now: datetime) -> tuple[Feature, list[User]]:
    """Owner, reviewers, policy and guideline of a feature. Whoever is staff may review, too. Safe to repeat."""
    feature = Feature.objects.get(slug=story.slug)
    owner = create_person(email=OWNER, now=now)
    join(user=owner, feature=feature, role=Role.OWNER)
    change_feature(feature=feature, owner=owner, simulated_note=story.simulated_note)
    reviewers = [create_person(email=email, now=now) for email in REVIEWERS]
    for person in [*reviewers, *User.objects.filter(is_staff=True, is_active=True)]:
        join(user=person, feature=feature, role=Role.REVIEWER)
    if policy_of(feature) is None:
        set_policy(feature=feature, user=owner, now=now, **story.sampling)
    if rubric_of(feature) is None:
        set_rubric(feature=feature, now=now, guideline=story.guideline, reasons=story.reasons)
    return feature, reviewers


def n_to_judge(story: Story, feature: Feature) -> int:
    """How many judgments are missing from the share of the queue that the demo's reviewers work off."""
    drawn = ReviewItem.objects.of(feature).in_probability_sample()
    return max(0, round(story.judged * drawn.count()) - drawn.final().count())


def judge(
    story: Story, feature: Feature, reviewers: list[User], truths: dict[str, str], told: Callable[[int], None]
) -> None:
    """Work off part of the queue, as people at the desk would: claim, judge, submit."""
    chance = random.Random(story.slug)  # noqa: S311  the same errors at every load
    turns = cycle(reviewers)
    left = n_to_judge(story, feature)
    while left > 0:
        with transaction.atomic():
            done = sum(1 for _ in _judged(story, feature, turns, truths, chance, min(left, AT_ONCE)))
        told(done)
        time.sleep(PAUSE)
        left = left - done if done else 0


def _judged(
    story: Story, feature: Feature, turns: Iterator[User], truths: dict[str, str], chance: random.Random, n: int
) -> Iterator[None]:
    for _ in range(n):
        reviewer, now = next(turns), timezone.now()
        assignment = claim_next(reviewer=reviewer, features=[feature], now=now)
        if assignment is None:
            return
        submit(
            assignment_id=assignment.pk,
            token=assignment.lease_token,
            reviewer=reviewer,
            now=now,
            idempotency_key=assignment.lease_token,
            is_simulated=True,
            **opinion(story, assignment, truths, chance),
        )
        yield


def opinion(story: Story, assignment: Assignment, truths: dict[str, str], chance: random.Random) -> Answer:
    """What a reviewer says who knows the truth and errs in error_rate of the cases."""
    prediction = assignment.item.prediction
    truth = truths.get(prediction.external_id)
    if truth is None:
        return {"verdict": "cannot_judge"}
    if chance.random() < story.error_rate:
        truth = chance.choice([label for label in story.labels if label != truth])
    if truth == prediction.label:
        return {"verdict": "right"}
    return {"verdict": "wrong", "corrected": truth, "reasons": [chance.choice(story.reasons)["code"]]}
