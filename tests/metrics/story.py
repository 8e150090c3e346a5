"""Four weeks of a feature with two versions, as services and reviewers would live them: only through actions."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from feedback.models import Feature, ModelVersion, User
from reviews.actions.desk import claim_next, set_policy, skip, submit, undo
from reviews.actions.draw import draw_received
from reviews.models import Assignment, Judgment
from tests.factories import (
    make_feature,
    make_membership,
    make_outcome,
    make_prediction,
    make_user,
    make_version,
)
from tests.metrics.work import work

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
START = datetime(2026, 1, 30, tzinfo=UTC)  # a Friday
SECOND = START + 24 * DAY  # the second version's first day
NOW = START + 28 * DAY + 9 * HOUR  # so that the first day lies outside of the last 28
A_DAY = 60
TARGET = 300


@dataclass
class Story:
    feature: Feature
    first: ModelVersion
    second: ModelVersion
    ann: User
    bob: User
    chance: random.Random
    true: dict

    def judge(self, reviewer, n, *, now, skip_every=0):
        """Claim and submit n cases; of the last half every skip_every-th is skipped, which leaves a gap."""
        for number in range(n):
            at = now + number * MINUTE / 3
            case = claim_next(reviewer=reviewer, features=[self.feature], now=at)
            if case is None:
                return
            held = {"assignment_id": case.pk, "reviewer": reviewer, "token": case.lease_token}
            if skip_every and number > n / 2 and number % skip_every == 0:
                skip(**held, reason="unclear", now=at)
            else:
                submit(**held, idempotency_key=f"k{number}", now=at, **self.opinion(case.item.prediction))

    def opinion(self, prediction):
        """What a careful expert says; now and then it cannot be told, or the answer is partly right."""
        luck = self.chance.random()
        labels = prediction.version.labels
        other = labels[(labels.index(prediction.label) + 1) % len(labels)]
        if luck < 0.05:
            return {"verdict": "cannot_judge"}
        if luck < 0.12:
            return {"verdict": "partly", "corrected": other}
        truth = self.true[prediction.external_id]
        return {"verdict": "right"} if truth == prediction.label else {"verdict": "wrong", "corrected": truth}

    def change_mind(self, *, now):
        """Undo the last judgment and answer otherwise."""
        last = Judgment.objects.exclude(verdict="").order_by("-created_at").first()
        case = undo(judgment_id=last.pk, reviewer=last.reviewer, now=now)
        held = {"assignment_id": case.pk, "reviewer": last.reviewer, "token": case.lease_token}
        verdict = "cannot_judge" if last.verdict == "right" else "right"
        submit(**held, verdict=verdict, idempotency_key="second thought", now=now)

    def arrive(self, version, day):
        for i in range(A_DAY):
            self._predict(
                version, f"{version.name}-{day.date()}-{i}", day + DAY * (i + self.chance.random()) / A_DAY
            )

    def _predict(self, version, external_id, at):
        # In the middle of a thousandth: the draw groups its traffic so, and then takes nothing for another.
        score = (self.chance.randrange(350, 1000) + 0.5) / 1000
        label = self.chance.choice(version.labels)
        is_right = self.chance.random() < score
        others = [each for each in version.labels if each != label]
        self.true[external_id] = label if is_right else self.chance.choice(others)
        prediction = make_prediction(
            version,
            external_id,
            occurred_at=at,
            label=label,
            score=None if self.chance.random() < 0.1 else score,
            actor=f"a{self.chance.randrange(12)}" if version == self.second and self.chance.random() < 0.8 else "",
            latency_ms=self.chance.lognormvariate(4, 0.7),
            cpu_ms=None if self.chance.random() < 0.2 else self.chance.lognormvariate(3, 0.5),
        )
        self._come_true(prediction, others)

    def _come_true(self, prediction, others):
        """Of six in ten the truth arrives; one in ten of those was told wrongly before."""
        if self.chance.random() < 0.4:
            return
        if self.chance.random() < 0.1:
            make_outcome(prediction, truth=others[0])
        truth, at = self.true[prediction.external_id], prediction.occurred_at + 2 * HOUR
        make_outcome(prediction, truth=truth, observed_at=at)


def tell():
    """The story up to NOW: part of the queue judged, some of it out of order, summed up and concluded."""
    feature = make_feature("claims", sampling_salt="s" * 64)
    first = make_version(feature, "first", deployed_at=START)
    second = make_version(
        feature, "second", labels=["on_time", "late", "lost"], positive_label="late", deployed_at=SECOND
    )
    people = (make_user(f"{name}@example.org") for name in ("ann", "bob"))
    ann, bob = (make_membership(user, feature).user for user in people)
    story = Story(feature, first, second, ann, bob, random.Random(11), {})
    set_policy(
        feature=feature, user=None, now=START, design="uncertainty", reviews_per_day=25, target_count=TARGET
    )
    for n in range(5):
        story.arrive(first, START + n * DAY)
    draw_received(now=START + 5 * DAY + HOUR)
    story.judge(ann, 90, now=START + 5 * DAY + 9 * HOUR, skip_every=5)
    for n in range(4):
        if n == 2:
            set_policy(feature=feature, user=None, now=SECOND + n * DAY + 12 * HOUR, reviews_per_day=35)
        story.arrive(second, SECOND + n * DAY)
        draw_received(now=SECOND + (n + 1) * DAY)
        story.judge(ann if n % 2 else bob, 35, now=SECOND + (n + 1) * DAY + 3 * HOUR, skip_every=6)
        story.change_mind(now=SECOND + (n + 1) * DAY + 3 * HOUR + 15 * MINUTE)
    work("sum_up", "conclude", now=NOW)
    return story


def queue(story):
    """Assignments that nobody has answered, smallest key first."""
    return Assignment.objects.filter(feature=story.feature).exclude(state="submitted").order_by("queue_key")
