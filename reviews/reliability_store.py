"""What the worker has found of reviewers, as pages read it: no numpy here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from feedback.models import Feature, ModelVersion
from reviews.anchoring import Anchoring
from reviews.disagreements import Case, LabelCount, ReasonCount
from reviews.figures import AccuracyWithoutError, OneLookFigure
from reviews.models import Reliability

NOT_YET = "the worker has not looked at the judgments yet; it does so within minutes of the first"


@dataclass(frozen=True, slots=True)
class StoredReviewer:
    """n: judgments that stand, of every kind. agreement: with others on the same cases. gold: on known answers.

    confusion: verdict that is probably true -> verdict given -> share; None where the reading says why.
    """

    reviewer_id: int
    n: int
    active_seconds: float
    last_at: datetime | None
    agreement: OneLookFigure
    gold: OneLookFigure
    confusion: dict[str, dict[str, float]] | None


@dataclass(frozen=True, slots=True)
class StoredPair:
    first_id: int
    second_id: int
    raw: OneLookFigure
    kappa: OneLookFigure


@dataclass(frozen=True, slots=True)
class StoredReliability:
    """n_items: judged by anybody; n_shared: by two. The figures are those of reviews.reliability_reading."""

    as_of: datetime
    n_items: int
    n_shared: int
    raw: OneLookFigure
    alpha: OneLookFigure
    reviewers: list[StoredReviewer]
    pairs: list[StoredPair]
    labels: list[LabelCount]
    reasons: list[ReasonCount]
    confusion_reason: str
    anchoring: Anchoring | None


def reliability(feature: Feature) -> StoredReliability | None:
    """What is stored of a feature's reviewers; None before the first look. One query."""
    row = Reliability.objects.filter(feature=feature, version=None).first()
    return _read(row) if row else None


def accuracy_without_error(version: ModelVersion) -> AccuracyWithoutError:
    """A line of its own beside the estimate from reviews, or the reason why it is not there. One query.

    Never the estimate itself: it rests on the reviewers' errors being independent (docs/statistics.md).
    """
    row = Reliability.objects.filter(version=version).first()
    if row is None:
        return AccuracyWithoutError(None, 0, None, None, NOT_YET)
    return AccuracyWithoutError(**row.figures, as_of=row.as_of)


def accuracies_without_error(feature: Feature) -> dict[str, AccuracyWithoutError]:
    """Of every version that was looked at, by its name, the newest first. One query."""
    rows = Reliability.objects.filter(feature=feature, version__isnull=False).select_related("version")
    return {
        row.version.name: AccuracyWithoutError(**row.figures, as_of=row.as_of)
        for row in rows.order_by("-version__deployed_at", "-version")
        if row.version
    }


def _read(row: Reliability) -> StoredReliability:
    stored = row.figures
    return StoredReliability(
        as_of=row.as_of,
        n_items=stored["n_items"],
        n_shared=stored["n_shared"],
        raw=OneLookFigure(**stored["raw"]),
        alpha=OneLookFigure(**stored["alpha"]),
        reviewers=[_reviewer(each) for each in stored["reviewers"]],
        pairs=[
            StoredPair(
                each["first_id"],
                each["second_id"],
                OneLookFigure(**each["raw"]),
                OneLookFigure(**each["kappa"]),
            )
            for each in stored["pairs"]
        ],
        labels=[
            LabelCount(**{**each, "cases": [Case(**case) for case in each["cases"]]}) for each in stored["labels"]
        ],
        reasons=[ReasonCount(**each) for each in stored["reasons"]],
        confusion_reason=stored["confusion_reason"],
        # None: of a look before this was part of it.
        anchoring=Anchoring(**stored["anchoring"]) if "anchoring" in stored else None,
    )


def _reviewer(stored: Mapping[str, Any]) -> StoredReviewer:
    return StoredReviewer(
        reviewer_id=stored["reviewer_id"],
        n=stored["n"],
        active_seconds=stored["active_seconds"],
        last_at=datetime.fromisoformat(stored["last_at"]) if stored["last_at"] else None,
        agreement=OneLookFigure(**stored["agreement"]),
        gold=OneLookFigure(**stored["gold"]),
        confusion=stored["confusion"],
    )
