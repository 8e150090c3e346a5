"""How many reviews a version still needs: all of them, or only as many as it takes to watch (statistics.md §3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Standing = Literal["met", "broken", "met before", "never met"]
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Promise:
    """An agreed expectation as it stands for a version. is_reviewed: whether reviews are what decides it."""

    name: str
    standing: Standing
    is_reviewed: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """All that decides how many reviews a version needs.

    promises: every agreed expectation that speaks of the version. alerts: titles of the raised ones, snoozed or
    not. drifting: what lies further from the reference than it may. is_new: nothing of it has been checked yet.
    """

    promises: Sequence[Promise] = ()
    alerts: Sequence[str] = ()
    drifting: Sequence[str] = ()
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Rate:
    """share: of the policy's reviews a day, in (0, 1]. why: in plain words."""

    share: float
    why: str


def wanted_rate(seen: Seen, *, watch_share: float) -> Rate | None:
    """The rate that follows from what is seen; None: leave it as it is.

    Whatever went wrong outweighs what is met. Full for a raised alert, for drift, for a broken expectation, for
    a new version, and where nothing that reviews decide is promised, or something promised was never met yet.
    The watch share once everything promised is met. What was met and is not sure any more changes nothing: a
    rate that followed every such turn would go up and down with luck.
    """
    if worries := _worries(seen):
        return Rate(1.0, worries[0] if len(worries) == 1 else f"{worries[0]}; {worries[1]}")
    if any(promise.standing == "met before" for promise in seen.promises):
        return None
    return Rate(watch_share, f"everything agreed is met: {_named([each.name for each in seen.promises])}")


def _worries(seen: Seen) -> list[str]:
    """Why a version needs all its reviews, what weighs most in front."""
    broken = [each.name for each in seen.promises if each.standing == "broken"]
    unmet = [each.name for each in seen.promises if each.standing == "never met"]
    reasons = [
        (seen.alerts, "an alert is raised"),
        (broken, "broken"),
        (seen.drifting, "drifting"),
    ]
    worries = [f"{what}: {_named(names)}" for names, what in reasons if names]
    if seen.is_new:
        worries.append("a new version: nothing of it was checked yet")
    elif not any(promise.is_reviewed for promise in seen.promises):
        worries.append("nothing is agreed that reviews could show")
    elif unmet:
        worries.append(f"not met yet: {_named(unmet)}")
    return worries


def _named(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
