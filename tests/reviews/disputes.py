"""Cases that two reviewers have judged, by the actions of the desk."""

from reviews.actions.desk import claim_decision, submit
from reviews.models import Assignment
from tests.factories import NOON
from tests.reviews.steps import MINUTE, answer, claim, queue, reviewers


def judged_by_two(feature, said, *, now=NOON, raters=None, **policy):
    """A case for each pair of answers, {"verdict": ..., "corrected": ...} of two raters; and the two."""
    queue(feature, len(said), overlap_share=1.0, **policy)
    ann, bob = raters or reviewers(feature, 2)
    for one, other in said:
        for rater, words in ((ann, one), (bob, other)):
            if words is not None:
                case = claim(feature, rater, now=now)
                answer(case, rater, now=now + MINUTE, key=f"{case.pk} {rater.pk}", **words)
    return ann, bob


def decided(feature, adjudicator, *, now=NOON + 2 * MINUTE, comment="Four legs.", **words):
    case = claim_decision(adjudicator=adjudicator, features=[feature], now=now)
    submit(
        assignment_id=case.pk,
        token=case.lease_token,
        reviewer=adjudicator,
        idempotency_key="decided",
        now=now,
        **{"verdict": "wrong", "corrected": "lost", "comment": comment, **words},
    )
    return Assignment.objects.get(pk=case.pk)
