"""Looking at a feature's reviewers anew, after judgments have come. For workers only: it takes numpy."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import Count, Max, Sum

from feedback.models import Feature, ModelVersion
from reviews.agreement import MIN_ITEMS, gold_accuracy
from reviews.anchoring import anchoring_of
from reviews.disagreements import Shared, disagreements_of
from reviews.figures import OneLookFigure
from reviews.models import Assignment, GoldReference, Judgment, Reliability
from reviews.reliability_reading import ReviewerFigures, accuracy_without_error_of, reliability_of

# A fit of 10,000 items takes ten seconds and more, for each version: not after every judgment.
WAIT = timedelta(minutes=5)


def due_features(*, now: datetime) -> list[int]:
    """Features in which something was judged or voided, or gold added, since the last look 5 minutes ago."""
    stored = Reliability.objects.filter(version=None).values_list("feature", "mark", "as_of")
    marks = {feature: (mark, as_of) for feature, mark, as_of in stored}
    due = []
    for pk in Feature.objects.order_by("pk").values_list("pk", flat=True):
        mark, as_of = marks.get(pk, ("", None))
        if (as_of is None or as_of <= now - WAIT) and _mark_of(pk) not in {mark, ""}:
            due.append(pk)
    return due


def prepare_reliability(*, feature: Feature, now: datetime) -> Callable[[], int]:
    """Look at the reviewers of a feature, and at each version without their errors.

    The effect stores what was found in place of what stood there, and answers with how many rows. Replay: the
    same figures, because the intervals are drawn by a seed that belongs to the feature.
    """
    mark = _mark_of(feature.pk)
    rows: list[tuple[ModelVersion | None, dict[str, Any]]] = [(None, _figures(feature))]
    for version in ModelVersion.objects.of(feature).select_related("feature").order_by("pk"):
        found = accuracy_without_error_of(version, rng=np.random.default_rng(version.pk))
        rows.append((version, asdict(found)))

    def store() -> int:
        for version, figures in rows:
            said = {"mark": mark, "as_of": now, "figures": figures}
            Reliability.objects.update_or_create(feature=feature, version=version, defaults=said)
        return len(rows)

    return store


def _mark_of(feature: int) -> str:
    """Judgments are only added and voided; empty: there is none."""
    newest = Judgment.objects.filter(feature=feature).order_by("-pk").values_list("pk", flat=True).first()
    if newest is None:
        return ""
    n_void = Assignment.objects.filter(feature=feature, state=Assignment.State.VOID).count()
    n_gold = GoldReference.objects.filter(item__feature=feature, item__arm="gold").count()
    return f"{newest} {n_void} {n_gold}"


def _figures(feature: Feature) -> dict[str, Any]:
    found = reliability_of(feature, rng=np.random.default_rng(feature.pk))
    apart = disagreements_of(feature)
    by_person = {one.reviewer_id: one for one in found.reviewers}
    work = _work_of(feature)
    return {
        "n_items": found.n_items,
        "n_shared": found.n_shared,
        "raw": asdict(found.raw),
        "alpha": asdict(found.alpha),
        "pairs": [asdict(pair) for pair in found.pairs],
        "confusion_reason": found.confusion_reason,
        "anchoring": asdict(anchoring_of(feature)),
        "labels": [asdict(each) for each in apart.labels],
        "reasons": [asdict(each) for each in apart.reasons],
        "reviewers": [
            {"reviewer_id": pk, **done, **_told(by_person.get(pk), apart.shared.get(pk))}
            for pk, done in work.items()
        ],
    }


def _work_of(feature: Feature) -> dict[int, dict[str, Any]]:
    """How much each has judged, and for how long they were there."""
    submitted = Assignment.objects.filter(
        feature=feature, state=Assignment.State.SUBMITTED, reviewer__isnull=False
    )
    totals = submitted.values("reviewer").annotate(
        n=Count("pk"), active_seconds=Sum("active_seconds"), last_at=Max("submitted_at")
    )
    return {
        row["reviewer"]: {
            "n": row["n"],
            "active_seconds": row["active_seconds"],
            "last_at": row["last_at"].isoformat() if row["last_at"] else None,
        }
        for row in totals.order_by("reviewer")
    }


def _told(figures: ReviewerFigures | None, shared: Shared | None) -> dict[str, Any]:
    return {
        "agreement": asdict(_agreement(shared)),
        "gold": asdict(figures.gold if figures else gold_accuracy(0, 0)),
        "confusion": figures.confusion if figures else None,
    }


def _agreement(shared: Shared | None) -> OneLookFigure:
    """How often somebody else gave the same answer of the same case, with Wilson's interval.

    A case has two opinions at most, so that each counts once.
    """
    n = shared.n if shared else 0
    if shared is None or n < MIN_ITEMS:
        missing = MIN_ITEMS - n
        reason = f"needs {missing} more case{'' if missing == 1 else 's'} that somebody else judged too"
        return OneLookFigure(None, n, None, None, reason)
    share = gold_accuracy(shared.n_agreed, n)
    return OneLookFigure(share.value, n, share.low, share.high)
