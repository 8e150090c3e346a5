"""What people did with the demo's predictions, and what customers said: simulated, and marked so on each event."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from config.demo.logs import Item, Story

WEEKS = timedelta(weeks=14)
SIMULATED = {"simulated": True}


@dataclass(frozen=True, slots=True)
class Habit:
    """How the people of one feature use it.

    accounts: customers by name; people: at each; seen_by: how many see one answer; shown: the label that is
    shown at all, empty: every one. accept, accept_wrong: chance that a right or a wrong answer is taken; edit:
    share of these that is changed; complete: chance that the work goes through; quiet: share of the roster that
    never looks. said: what customers wrote, as `feedback` items without id, feature, time.
    """

    accounts: tuple[str, ...]
    people: int
    seen_by: int
    shown: str
    accept: float
    accept_wrong: float
    edit: float
    complete: float
    quiet: float
    surface: str
    said: tuple[Item, ...] = field(default=())


def events(story: Story, log: pd.DataFrame, *, habit: Habit, moved: timedelta, now: datetime) -> Iterator[Item]:
    """The roster, then what was seen and done in the last 14 weeks, the same at every load."""
    chance = random.Random(f"usage of {story.slug}")  # noqa: S311
    roster = [
        (f"{story.slug}-u{account:02d}{n:02d}", name)
        for account, name in enumerate(habit.accounts)
        for n in range(habit.people)
    ]
    liking = {actor: chance.betavariate(4, 2) for actor, _ in roster}
    at_home = {name: chance.uniform(0.8, 1.2) for name in habit.accounts}
    looking = roster[: round(len(roster) * (1 - habit.quiet))]
    chance.shuffle(looking)
    begun = log["occurred_at"].max().to_pydatetime() + moved - WEEKS
    joined = {actor: begun + WEEKS * max(0.0, chance.uniform(-0.6, 0.95)) for actor, _ in looking}
    for actor, account in roster:
        yield _event(story, habit, "eligible", actor, account, begun, id=f"{actor}-eligible")
    for row in log[log["occurred_at"] + moved >= begun].to_dict("records"):
        lucky = random.Random(str(row["id"]))  # noqa: S311  an answer of its own: what is sent later changes none
        at = (row["occurred_at"] + moved).to_pydatetime()
        if habit.shown and row["label"] != habit.shown:
            continue
        for actor, account in lucky.sample(looking, habit.seen_by):
            if at < joined[actor]:
                continue
            pull = liking[actor] * at_home[account] / 0.67
            for item in _pair(story, habit, row, actor, account, at, pull, lucky):
                if datetime.fromisoformat(item["occurred_at"]) <= now:
                    yield item


def _pair(
    story: Story,
    habit: Habit,
    row: Any,
    actor: str,
    account: str,
    at: datetime,
    pull: float,
    chance: random.Random,
) -> Iterator[Item]:
    """One answer before one person: seen, and then taken, changed, refused or left."""
    about = {"prediction": row["id"]}
    seen_at = at + timedelta(minutes=chance.uniform(1, 20))
    stem = f"{row['id']}-{actor}"
    yield _event(story, habit, "exposed", actor, account, seen_at, id=f"{stem}-seen", **about)
    is_right = row["truth"] == row["label"]
    taken = min(0.97, (habit.accept if is_right else habit.accept_wrong) * pull)
    luck, answered_at = chance.random(), seen_at + timedelta(minutes=chance.uniform(1, 60))
    if luck < taken:
        kind, props = "accepted", {}
        if chance.random() < habit.edit:
            kind, props = "edited", {"edit_fraction": round(chance.uniform(0.05, 0.5), 2)}
        yield _event(story, habit, kind, actor, account, answered_at, props, id=f"{stem}-answer", **about)
        if chance.random() < habit.complete * (1 if is_right else 0.8):
            done_at = answered_at + timedelta(hours=chance.uniform(1, 30))
            yield _event(story, habit, "completed", actor, account, done_at, id=f"{stem}-done", **about)
    elif luck < taken + (1 - taken) * 0.6:
        kind = chance.choice(["dismissed", "overridden"])
        yield _event(story, habit, kind, actor, account, answered_at, id=f"{stem}-answer", **about)


def _event(
    story: Story,
    habit: Habit,
    kind: str,
    actor: str,
    account: str,
    at: datetime,
    props: Item | None = None,
    **about: Any,
) -> Item:
    return {
        "feature": story.slug,
        "kind": kind,
        "actor": actor,
        "account": account,
        "occurred_at": at.isoformat(),
        "surface": habit.surface,
        "props": {**SIMULATED, **(props or {})},
        **about,
    }


def feedback(story: Story, log: pd.DataFrame, *, habit: Habit, moved: timedelta, now: datetime) -> Iterator[Item]:
    """What customers said in the last 8 weeks: thumbs on answers, and a few in words."""
    chance = random.Random(f"feedback on {story.slug}")  # noqa: S311
    end = log["occurred_at"].max().to_pydatetime() + moved
    lately = log[log["occurred_at"] + moved >= end - timedelta(weeks=8)].to_dict("records")
    shown = [row for row in lately if not habit.shown or row["label"] == habit.shown]
    for number, row in enumerate(chance.sample(shown, min(len(shown), 40))):
        at = (row["occurred_at"] + moved).to_pydatetime() + timedelta(hours=chance.uniform(1, 30))
        account = chance.choice(habit.accounts)
        item = {
            "id": f"{story.slug}-thumb-{number}",
            "feature": story.slug,
            "channel": "thumb",
            "rating": 1 if (row["truth"] == row["label"]) == (chance.random() < 0.9) else -1,
            "actor": f"{story.slug}-u{habit.accounts.index(account):02d}00",
            "account": account,
            "prediction": row["id"],
            "occurred_at": at.isoformat(),
        }
        if at <= now:
            yield item
    wrong = [row for row in shown if row["truth"] != row["label"]]
    for number, said in enumerate(habit.said):
        row = wrong[number % len(wrong)] if wrong else None
        at = end - timedelta(days=50 - 49 * number / max(1, len(habit.said) - 1), hours=chance.uniform(1, 20))
        account = habit.accounts[(7 * number) % len(habit.accounts)]
        item = {
            "id": f"{story.slug}-said-{number}",
            "feature": story.slug,
            "account": account,
            "actor": f"{story.slug}-u{habit.accounts.index(account):02d}00",
            "occurred_at": min(at, now).isoformat(),
            **said,
        }
        if row is not None and said["channel"] in {"complaint", "ticket"}:
            item["prediction"] = row["id"]
        yield item
