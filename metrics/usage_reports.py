"""What the usage page and its REST answer show: made by the worker, stored as JSON, read back as these."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class UseFigure:
    """A share with its evidence: numerator of denominator, in n_accounts accounts.

    value None: reason says why. low and high are None where one account alone is known.
    """

    value: float | None
    low: float | None
    high: float | None
    numerator: float
    denominator: float
    n_accounts: int
    reason: str


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """n of what the step before had; of_first: share of the first step, None without one."""

    name: str
    n: int
    of_first: float | None


@dataclass(frozen=True, slots=True)
class AcceptanceWeek:
    """Worth of what was taken, of all resolved answers shown in the week (Monday on)."""

    from_on: date
    value: float
    low: float | None
    high: float | None
    n: int
    n_accounts: int
    is_partial: bool


@dataclass(frozen=True, slots=True)
class ReturnPoint:
    """Of those whose interval number `after` is over, the share that had a value in it again."""

    after: int
    figure: UseFigure


@dataclass(frozen=True, slots=True)
class LifeCycleStep:
    """People with a value in an interval, by what they did before it; gone: had one before, not now."""

    from_on: date
    days: int
    new: int
    returning: int
    resurrected: int
    gone: int


@dataclass(frozen=True, slots=True)
class TrustShare:
    """value: share of the pairs; about: how many pairs that is, of n_pairs in the week; n: judged predictions."""

    value: float | None
    low: float | None
    high: float | None
    about: float | None
    about_low: float | None
    about_high: float | None
    n_pairs: int
    n: int
    reason: str


@dataclass(frozen=True, slots=True)
class TrustWeek:
    week_on: date
    source: Literal["reviewed", "observed"]
    wrong_but_used: TrustShare
    right_but_refused: TrustShare
    is_partial: bool


@dataclass(frozen=True, slots=True)
class Quality:
    """What is wrong with the events themselves, in the window."""

    n_events: int
    n_internal: int
    n_implied: int
    n_early_undos: int
    n_no_account: int
    n_pairs: int


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Whether a feature is used, willingly and again. Window: 28 complete UTC days, [from_on, to_on).

    n_people: who may use it, or without a roster whoever it was shown to. n_people_using: of those with a value.
    reason: why there are no figures, empty where there are.
    """

    feature: str
    as_of: datetime | None
    from_on: date | None
    to_on: date | None
    reason: str
    cadence: str
    horizon: int
    has_roster: bool
    n_people: int
    n_people_using: int
    n_opted_out: int
    reach: UseFigure
    acceptance: UseFigure
    retention: UseFigure
    stickiness: UseFigure
    follow_through: UseFigure
    people_funnel: list[FunnelStep]
    answer_funnel: list[FunnelStep]
    answers: dict[str, int]
    also: dict[str, int]
    weeks: list[AcceptanceWeek]
    returns: list[ReturnPoint]
    life_cycle: list[LifeCycleStep]
    trust: list[TrustWeek]
    quality: Quality
    simulated_note: str = ""


NO_FIGURE = UseFigure(None, None, None, 0, 0, 0, "nothing is summed up yet")


def no_report(feature: str, reason: str, *, cadence: str = "week", simulated_note: str = "") -> UsageReport:
    nothing = UseFigure(None, None, None, 0, 0, 0, reason)
    return UsageReport(
        feature=feature, as_of=None, from_on=None, to_on=None, reason=reason, cadence=cadence, horizon=0,
        has_roster=False, n_people=0, n_people_using=0, n_opted_out=0, reach=nothing, acceptance=nothing,
        retention=nothing, stickiness=nothing, follow_through=nothing, people_funnel=[], answer_funnel=[],
        answers={}, also={}, weeks=[], returns=[], life_cycle=[], trust=[],
        quality=Quality(0, 0, 0, 0, 0, 0), simulated_note=simulated_note,
    )  # fmt: skip


def report_from(figures: dict[str, Any]) -> UsageReport:
    """The stored JSON of a report as the report again."""
    told = dict(figures)
    for name in ("reach", "acceptance", "retention", "stickiness", "follow_through"):
        told[name] = UseFigure(**told[name])
    for name in ("from_on", "to_on"):
        told[name] = date.fromisoformat(told[name])
    told["as_of"] = datetime.fromisoformat(told["as_of"])
    told["quality"] = Quality(**told["quality"])
    for name in ("people_funnel", "answer_funnel"):
        told[name] = [FunnelStep(**step) for step in told[name]]
    told["weeks"] = [AcceptanceWeek(**_dated(week, "from_on")) for week in told["weeks"]]
    told["returns"] = [ReturnPoint(point["after"], UseFigure(**point["figure"])) for point in told["returns"]]
    told["life_cycle"] = [LifeCycleStep(**_dated(step, "from_on")) for step in told["life_cycle"]]
    told["trust"] = [
        TrustWeek(
            **{
                **_dated(week, "week_on"),
                "wrong_but_used": TrustShare(**week["wrong_but_used"]),
                "right_but_refused": TrustShare(**week["right_but_refused"]),
            }
        )
        for week in told["trust"]
    ]
    return UsageReport(**told)


def _dated(step: dict[str, Any], name: str) -> dict[str, Any]:
    return {**step, name: date.fromisoformat(step[name])}
