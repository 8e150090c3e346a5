"""The two real prediction logs, moved to the present, as the items that a service would post."""

import math
import random
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

DATA = Path(__file__).parent / "data"
WEEK = timedelta(weeks=1)
Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Version:
    """latency_ms, rss_mb: middle of what the demo simulates for it."""

    name: str
    is_baseline: bool
    latency_ms: float
    rss_mb: float
    notes: str


@dataclass(frozen=True, slots=True)
class Story:
    """One feature of the demo. error_rate: of its simulated reviewers; judged: share of the queue they judge."""

    file: str
    feature: dict[str, Any]
    labels: list[str]
    positive_label: str
    versions: list[Version]
    inputs: list[str]
    segment: str
    sampling: dict[str, Any]
    guideline: str
    reasons: list[dict[str, str]]
    error_rate: float
    judged: float
    probabilities: dict[str, str] = field(default_factory=dict)  # label -> column

    @property
    def slug(self) -> str:
        return str(self.feature["slug"])

    @property
    def simulated_note(self) -> str:
        return (
            "Simulated: latency, CPU time, memory, what people did and said, and the reviews, which were made "
            f"from the true answers with {100 * self.error_rate:.0f} errors in 100. Predictions and truth are "
            "real, moved in time."
        )


def read(story: Story) -> pd.DataFrame:
    """The log as it is: times of long ago, aware in UTC."""
    log = pd.read_parquet(DATA / story.file)
    for name in ("occurred_at", "truth_at"):
        log[name] = log[name].dt.tz_localize(UTC)
    return log.sort_values(["occurred_at", "id"], ignore_index=True)


def weeks_to_today(log: pd.DataFrame, now: datetime) -> timedelta:
    """The least number of whole weeks by which the log's end is not before now."""
    end: datetime = log["occurred_at"].max().to_pydatetime()
    return math.ceil((now - end) / WEEK) * WEEK


def first_seen(log: pd.DataFrame) -> dict[str, datetime]:
    """When each version answered first."""
    return {
        str(name): at.to_pydatetime()
        for name, at in log.groupby("version", observed=True)["occurred_at"].min().items()
    }


def predictions(story: Story, log: pd.DataFrame, *, moved: timedelta, now: datetime) -> Iterator[Item]:
    """What has been predicted by now, oldest first."""
    costs = random.Random(story.slug)  # noqa: S311  the same figures at every load, so that a repeat is one
    versions = {version.name: version for version in story.versions}
    for row in log.to_dict("records"):
        item = _prediction(story, row, moved) | _simulated_costs(versions[row["version"]], costs)
        if row["occurred_at"] + moved <= now:
            yield item


def outcomes(story: Story, log: pd.DataFrame, *, moved: timedelta, now: datetime) -> Iterator[Item]:
    """What has come true by now, in the order in which it did."""
    known = log.dropna(subset=["truth", "truth_at"]).sort_values(["truth_at", "id"])
    for row in known[known["truth_at"] + moved <= now].to_dict("records"):
        observed_at = (row["truth_at"] + moved).isoformat()
        yield {"feature": story.slug, "prediction": row["id"], "truth": row["truth"], "observed_at": observed_at}


def truths(log: pd.DataFrame) -> dict[str, str]:
    """Prediction id -> true label, where it is known: what the simulated reviewers look up."""
    known = log.dropna(subset=["truth"])
    return dict(zip(known["id"], known["truth"].astype(str), strict=True))


def _prediction(story: Story, row: Mapping[Hashable, Any], moved: timedelta) -> Item:
    if story.probabilities:
        probabilities = {label: row[column] for label, column in story.probabilities.items()}
        answer = {"probabilities": probabilities, "score": probabilities[row["label"]]}
    else:
        chance = row["probability_late"]
        answer = {"score": round(chance if row["label"] == story.positive_label else 1 - chance, 4)}
    return {
        "id": row["id"],
        "feature": story.slug,
        "version": row["version"],
        "occurred_at": (row["occurred_at"] + moved).isoformat(),
        "label": row["label"],
        "inputs": {name: None if pd.isna(row[name]) else _plain(row[name]) for name in story.inputs},
        "segments": {story.segment: row[story.segment]},
        **answer,
    }


def _plain(value: Any) -> Any:
    """A float32 of the log as people would write it: 10.36, not 10.359999656677246; 3, not 3.0."""
    if not isinstance(value, float):
        return value
    return int(value) if value.is_integer() else round(value, 2)


def _simulated_costs(version: Version, costs: random.Random) -> Item:
    latency = version.latency_ms * costs.lognormvariate(0, 0.4) * (8 if costs.random() < 0.01 else 1)
    return {
        "latency_ms": round(latency, 2),
        "cpu_ms": round(latency * costs.uniform(0.6, 0.9), 2),
        "rss_mb": round(version.rss_mb * costs.uniform(0.97, 1.06), 1),
    }
