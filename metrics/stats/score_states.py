"""What a score may be called, and whether accountability is asked for (product.md §2, §3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

ScoreState = Literal["collecting", "provisional", "measured", "not_asked", "no_data"]
NEEDED = {"accounts": 5, "actors": 20, "resolved answers": 50}
WIDEST = 25.0
ENOUGH_ACCOUNTS = 20
LARGEST_SHARE = 0.5
OPENS_AT, CLOSES_UNDER = 25.0, 15.0
GATE_ACTORS, GATE_ACCOUNTS = 10, 3


def adoption_state(
    *,
    n_accounts: int,
    n_actors: int,
    n_resolved: int,
    width: float | None,
    largest: tuple[str, float],
    no_score: str,
) -> tuple[ScoreState, str]:
    """(state, reason): how far A can be trusted. reason: plain words, empty when measured.

    n_accounts, n_actors: with an exposure or a value event. width: of the 95 % interval in points, None without a
    score. largest: the account with most of any denominator, and its share. no_score: why there is no A, or "".
    """
    if n_actors == 0:
        return "no_data", "no usage of it has arrived in the 28 days"
    counted = {"accounts": n_accounts, "actors": n_actors, "resolved answers": n_resolved}
    missing = [f"{n} of {NEEDED[what]} {what}" for what, n in counted.items() if n < NEEDED[what]]
    if missing:
        return "collecting", ", ".join(missing)
    if no_score or width is None:
        return "no_data", no_score
    doubts = []
    if width > WIDEST:
        doubts.append(f"its interval is {width:.0f} points wide, over {WIDEST:.0f}")
    if n_accounts < ENOUGH_ACCOUNTS:
        doubts.append(f"{n_accounts} of {ENOUGH_ACCOUNTS} accounts")
    account, share = largest
    if share > LARGEST_SHARE:
        doubts.append(f"{account or 'one person'} alone makes up {100 * share:.0f} % of a component")
    return ("provisional", ", ".join(doubts)) if doubts else ("measured", "")


@dataclass(frozen=True, slots=True)
class GateWeek:
    """Adoption in one weekly snapshot. value: None while there is no score."""

    ended_on: date
    value: float | None
    n_value_actors: int
    n_accounts: int
    reason: str = ""

    @property
    def is_high(self) -> bool:
        has_people = self.n_value_actors >= GATE_ACTORS and self.n_accounts >= GATE_ACCOUNTS
        return has_people and self.value is not None and self.value >= OPENS_AT

    @property
    def is_low(self) -> bool:
        """Nobody using it at all is low too, though there is no score then."""
        return self.n_value_actors == 0 or (self.value is not None and self.value < CLOSES_UNDER)


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether accountability is asked for, and why, in one sentence."""

    is_open: bool
    sentence: str


def gate(weeks: Sequence[GateWeek], *, bypass: str = "") -> Gate:
    """Replay of all weekly snapshots, oldest first: opens after two high ones running, closes after two low ones.

    weeks: in any order. bypass: why it is asked for without adoption, or "". No weeks -> shut. A week
    between the two thresholds, or without a score, leaves it as it is and breaks the run.
    """
    if bypass:
        return Gate(True, f"asked at once, because {bypass}")
    is_open, since, before = False, None, None
    ordered = sorted(weeks, key=lambda week: week.ended_on)
    for week in ordered:
        if before is not None and not is_open and before.is_high and week.is_high:
            is_open, since = True, week.ended_on
        elif before is not None and is_open and before.is_low and week.is_low:
            is_open, since = False, None
        before = week
    if is_open and since is not None:
        return Gate(
            True, f"asked since {since.day} {since:%B %Y}, when adoption had been {OPENS_AT:.0f} or more twice"
        )
    return Gate(False, _why_shut(ordered[-1] if ordered else None))


def _why_shut(last: GateWeek | None) -> str:
    if last is None:
        return f"not asked yet: no complete week of adoption, opens at {OPENS_AT:.0f}"
    if last.value is None:
        known = f"adoption is not known yet ({last.reason})" if last.reason else "adoption is not known yet"
        return f"not asked yet: {known}, opens at {OPENS_AT:.0f}"
    if last.value < OPENS_AT:
        return f"not asked yet: adoption {last.value:.0f}, opens at {OPENS_AT:.0f}"
    if last.is_high:
        return f"not asked yet: adoption {last.value:.0f} in one week, opens after two running at {OPENS_AT:.0f}"
    return (
        f"not asked yet: adoption {last.value:.0f} from {last.n_value_actors} people of {last.n_accounts}"
        f" accounts, opens with {GATE_ACTORS} of {GATE_ACCOUNTS}"
    )
