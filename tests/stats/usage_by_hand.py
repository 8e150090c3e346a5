"""product.md §1 read a second time, event by event, without sharing code: what a day of a person holds."""

from collections import defaultdict
from datetime import timedelta

PATIENCE = timedelta(hours=72)
VALUES = ("accepted", "edited", "auto_applied")
REFUSALS = ("overridden", "dismissed")
REACTIONS = (*VALUES, *REFUSALS, "undone")
# Of one instant the later one holds.
ORDER = ["auto_applied", "accepted", "edited", "overridden", "dismissed", "undone", "completed", "reverted"]


def when(event):
    return event["at"], ORDER.index(event["kind"]), event["id"]


def days_by_hand(events, *, now, follow_through):
    """events: dicts of id, kind, actor, pair (or None), at, is_internal, edit. (actor, date) -> counts."""
    days = defaultdict(lambda: defaultdict(float))
    pairs = defaultdict(list)
    for event in events:
        day = days[event["actor"], event["at"].date()]
        if event["is_internal"]:
            day["n_internal"] += 1
            continue
        day["n_events"] += 1
        counted = {"exposed": "n_exposures", "fallback_shown": "n_fallbacks", "escalated": "n_escalated",
                   "snoozed": "n_snoozed"}  # fmt: skip
        if event["kind"] in counted:
            day[counted[event["kind"]]] += 1
        if event["pair"] is not None:
            pairs[event["actor"], event["pair"]].append(event)
    for (actor, _), about in pairs.items():
        _pair(days, actor, about, now, follow_through)
    return {key: {name: n for name, n in day.items() if n} for key, day in days.items()}


def _pair(days, actor, about, now, follow_through):
    seen = [event["at"] for event in about if event["kind"] == "exposed"]
    reactions = sorted((event for event in about if event["kind"] in REACTIONS), key=when)
    if not seen and not reactions:
        return
    start = min(seen) if seen else reactions[0]["at"]
    day = days[actor, start.date()]
    day["n_pairs"] += 1
    day["n_opened"] += any(event["kind"] == "opened" for event in about)
    if not seen:
        day["n_implied"] += 1
        day["n_exposures"] += 1
    takes = [event["at"] for event in reactions if event["kind"] in VALUES]
    undos = [event["at"] for event in reactions if event["kind"] == "undone"]
    if undos and (not takes or min(undos) < min(takes)):
        day["n_early_undos"] += 1
    if not reactions:
        if start + PATIENCE <= now:
            day["n_resolved"] += 1
            day["n_ignored"] += 1
        return
    last = reactions[-1]
    day["n_resolved"] += 1
    names = {"accepted": "n_accepted", "edited": "n_edited", "auto_applied": "n_auto", "undone": "n_undone"}
    day[names.get(last["kind"], "n_refused")] += 1
    if last["kind"] not in VALUES:
        return
    day["worth"] += 1 - (0.5 if last["edit"] is None else last["edit"]) if last["kind"] == "edited" else 1
    days[actor, last["at"].date()]["n_values"] += 1
    until = last["at"] + follow_through
    if until <= now:
        day["n_horizon_passed"] += 1
        work = [event for event in about if event["kind"] in ("completed", "reverted") and event["at"] <= until]
        day["n_followed"] += bool(work) and max(work, key=when)["kind"] == "completed"
