"""The demo's people; its reviewers judge from the true answers, err at a stated rate, and are marked simulated."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import cycle

from django.db import transaction
from django.utils import timezone

from config.demo.logs import Story
from feedback.actions.features import change_feature
from feedback.actions.people import create_person, join
from feedback.models import Feature, Membership, Outcome, Prediction, User
from reviews.actions.desk import (
    Answer,
    claim_decision,
    claim_next,
    policy_of,
    rubric_of,
    set_policy,
    set_rubric,
    submit,
)
from reviews.actions.leading import make_gold
from reviews.models import Assignment, GoldReference, ReviewItem

OWNER = "ada@touchstone.example"
ADJUDICATOR = "ines@touchstone.example"
REVIEWERS = [f"{name}@touchstone.example" for name in ("amir", "jonas", "mei", "ruth")]
AT_ONCE = 20  # judgments a transaction
N_GOLD = 40
LEFT_TO_DECIDE = 3  # so that the desk of decisions has something to show
PAUSE = 0.1  # seconds between two, in which others get to write: SQLite takes one writer at a time
Role = Membership.Role


def settle_in(story: Story, *, now: datetime) -> tuple[Feature, list[User]]:
    """Owner, reviewers, policy and guideline of a feature. Whoever is staff may review, too. Safe to repeat."""
    feature = Feature.objects.get(slug=story.slug)
    owner = create_person(email=OWNER, now=now)
    join(user=owner, feature=feature, role=Role.OWNER)
    change_feature(feature=feature, owner=owner, simulated_note=story.simulated_note)
    reviewers = [create_person(email=email, now=now) for email in REVIEWERS]
    adjudicator = create_person(email=ADJUDICATOR, now=now)
    join(user=adjudicator, feature=feature, role=Role.ADJUDICATOR)
    for person in User.objects.filter(is_staff=True, is_active=True):
        join(user=person, feature=feature, role=Role.ADJUDICATOR)
        join(user=person, feature=feature, role=Role.REVIEWER)
    for person in reviewers:
        join(user=person, feature=feature, role=Role.REVIEWER)
    if policy_of(feature) is None:
        set_policy(feature=feature, user=owner, now=now, **story.sampling)
    if rubric_of(feature) is None:
        set_rubric(feature=feature, user=owner, now=now, guideline=story.guideline, reasons=story.reasons)
    return feature, reviewers


def stock(feature: Feature, *, now: datetime) -> None:
    """Gold items from truths that arrived, spread over the log, where the policy asks for gold. Safe to repeat."""
    policy, owner = policy_of(feature), User.objects.get(email=OWNER)
    if policy is None or not policy.gold_share or GoldReference.objects.filter(item__feature=feature).exists():
        return
    known = list(Outcome.objects.filter(feature=feature).order_by("pk").values_list("external_id", flat=True))
    chosen = known[:: max(1, len(known) // N_GOLD)][:N_GOLD]
    for prediction in Prediction.objects.of(feature).filter(external_id__in=chosen):
        make_gold(prediction=prediction, lead=owner, now=now)


def decide(story: Story, feature: Feature, truths: dict[str, str]) -> None:
    """Have the adjudicator decide what two disagree on, all but the last few, and look at the audits."""
    adjudicator = User.objects.get(email=ADJUDICATOR)
    perfect = replace(story, error_rate=0.0)
    waiting = Assignment.objects.filter(feature=feature, state=Assignment.State.OPEN).to_decide()
    for _ in range(waiting.count() - LEFT_TO_DECIDE):
        now = timezone.now()
        case = claim_decision(adjudicator=adjudicator, features=[feature], now=now)
        if case is None:
            return
        answer = opinion(perfect, case, truths, random.Random(case.pk))  # noqa: S311  of the reasons alone
        _submit(case, adjudicator, now, {**answer, "comment": "Looked up in the operations log."})


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
        _submit(assignment, reviewer, now, opinion(story, assignment, truths, chance))
        yield


def _submit(assignment: Assignment, reviewer: User, now: datetime, answer: Answer) -> None:
    submit(
        assignment_id=assignment.pk,
        token=assignment.lease_token,
        reviewer=reviewer,
        now=now,
        idempotency_key=assignment.lease_token,
        is_simulated=True,
        **answer,
    )


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
