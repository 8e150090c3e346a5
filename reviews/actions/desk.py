"""The work at the desk under one name: what pages, REST, jobs and the demo call."""

from reviews.actions.answers import Answer
from reviews.actions.claims import (
    MOST_LEASES,
    adjudicated_by,
    claim_after,
    claim_decision,
    claim_like,
    claim_next,
)
from reviews.actions.judgments import (
    UNDO_WITHIN,
    discard_draft,
    give_own_answer,
    keep_draft,
    revise,
    submit,
    submit_and_claim,
    undo,
)
from reviews.actions.leases import beat, expire_leases, release, skip
from reviews.actions.policies import policy_of, rubric_of, set_policy, set_rubric

__all__ = [
    "MOST_LEASES",
    "UNDO_WITHIN",
    "Answer",
    "adjudicated_by",
    "beat",
    "claim_after",
    "claim_decision",
    "claim_like",
    "claim_next",
    "discard_draft",
    "expire_leases",
    "give_own_answer",
    "keep_draft",
    "policy_of",
    "release",
    "revise",
    "rubric_of",
    "set_policy",
    "set_rubric",
    "skip",
    "submit",
    "submit_and_claim",
    "undo",
]
