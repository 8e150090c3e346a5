"""What one account adds to the components of adoption: sums, so that accounts add up."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class AccountCounts:
    """What one account adds to adoption's five components in 28 complete days. All are sums, so accounts add."""

    account: str  # "" stands for actors without an account: each such actor is an account of its own
    eligible: int  # actors on the roster, opted-out ones too; 0 everywhere when there is no roster
    exposed: int  # actors with an exposure in the window
    reached: int  # of the denominator of reach: actors with a value event
    value_actors: int  # actors with a value event
    worth: float  # sum of worth over resolved pairs
    resolved: int  # resolved pairs, ignored ones too
    cohort: int  # first-time value actors whose H-th interval later is complete
    returned: int  # of those: with a value event in that interval
    intervals_exposed: int  # actor-intervals with an exposure
    intervals_valued: int  # of those: with a value event too
    horizon_passed: int  # accepted pairs whose follow-through time has passed
    followed: int  # of those: completed and not reverted


@dataclass(frozen=True, slots=True)
class AdoptionInputs:
    """Everything that adoption of one feature is computed from."""

    from_on: date  # half-open [from_on, to_on): 28 complete UTC days
    to_on: date
    has_roster: bool
    accounts: list[AccountCounts]
    n_events: int
    n_internal: int
    n_implied_exposures: int
    n_no_account: int  # actors, not events
