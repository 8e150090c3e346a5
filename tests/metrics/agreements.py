"""A feature with a team of every function, and what they agree on: only through actions."""

from datetime import timedelta

from metrics.actions.debating import Place, open_round, place
from metrics.actions.expecting import Terms, propose, sign
from metrics.functions import FUNCTIONS
from metrics.models import ScoreSnapshot
from tests.factories import NOON, make_feature, make_membership, make_user

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ACCURACY = {
    "metric": "accuracy",
    "direction": "at_least",
    "target": 0.8,
    "why": "Below this people check each one.",
}


def make_team(feature=None, functions=FUNCTIONS):
    """(feature, {function: its person})."""
    feature = feature or make_feature()
    people = {
        function: make_membership(make_user(f"{function}.{feature.slug}@example.org"), feature, function).user
        for function in functions
    }
    return feature, people


def make_terms(now=NOON, **changed):
    return Terms(**{**ACCURACY, "by_on": now.date() + 30 * DAY, **changed})


def make_proposal(feature, people, *, by="data_science", p=0.8, now=NOON, replaces=None, **terms):
    return propose(
        feature=feature,
        terms=make_terms(now, **terms),
        user=people[by],
        function=by,
        p=p,
        now=now,
        replaces=replaces,
    )


def make_agreed(feature, people, *, p=0.8, p_product=0.7, now=NOON, **terms):
    """Proposed by data science and signed by product."""
    proposal = make_proposal(feature, people, p=p, now=now, **terms)
    return sign(expectation=proposal, user=people["product"], function="product", p=p_product, now=now)


def make_round(feature, people, *, now=NOON, quadrant="adoption_accountability", quorum=4, **fields):
    """Opened by product, for all functions, until two days later."""
    fields = {"functions": list(FUNCTIONS), "deadline": now + 2 * DAY, "user": people["product"], **fields}
    return open_round(feature=feature, quadrant=quadrant, quorum=quorum, now=now, **fields)


def vote(round_, people, function, x=7, y=3, *, confidence=2, reason="", now=NOON + HOUR):
    at = Place(x=x, y=y, confidence=confidence, reason=reason or f"Because {function} sees it so")
    return place(round_=round_, function=function, user=people[function], at=at, now=now)


def make_score(feature, kind="adoption", *, value=60.0, half=4.0, state="measured", now=NOON):
    return ScoreSnapshot.objects.create(
        feature=feature, kind=kind, taken_at=now, first_taken_at=now, as_of=now, formula_version="1",
        market_fit="before", inputs={}, state=state, n_accounts=40,
        value=value, low=value - half, high=value + half,
    )  # fmt: skip
