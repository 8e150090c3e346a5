"""What is known of a feature when a decision is made: a snapshot in plain values, to be stored with it."""

from datetime import datetime
from typing import Any

from feedback.models import Exploration, Feature, ModelVersion
from metrics import reading
from metrics.actions.expecting import promises
from metrics.models import ScoreSnapshot
from metrics.reports import Figure

SOURCES = {"reviewed": "Right, by experts", "observed": "Right, by the truth that arrived"}
KINDS = {"adoption": "Adoption, 0 to 100", "accountability": "Accountability, 0 to 100"}


def evidence_of(feature: Feature, *, now: datetime) -> dict[str, Any]:
    """{what: {part: text or number}}: stage, quality of the current version, both scores, what was agreed.

    What is not known is in it too, with the reason: later nobody can say that it was forgotten.
    """
    version = ModelVersion.objects.of(feature).by_deployment().last()
    quality = {
        SOURCES[source]: _of_figure(_accuracy(feature, version, source)) for source in ("reviewed", "observed")
    }
    scores = {title: _of_score(ScoreSnapshot.objects.latest_of(feature, kind)) for kind, title in KINDS.items()}
    agreed = {promise.sentence: promise.status.replace("_", " ") for promise in promises(feature, now=now)}
    explored = {
        each.question: each.get_result_display()
        for each in Exploration.objects.of(feature).exclude(result="").order_by("-result_at")[:10]
    }
    return {
        "Taken": {"at": f"{now:%Y-%m-%d %H:%M} UTC", "stage": feature.get_stage_display()},
        "Version": version.name if version else "none yet",
        **quality,
        **scores,
        "Agreed": agreed or "nothing yet",
        **({"Explored": explored} if explored else {}),
    }


def _accuracy(feature: Feature, version: ModelVersion | None, source: str) -> Figure | None:
    report = reading.estimate_report(feature, window="version", version=version, source=source)
    return report.metrics.get("accuracy")


def _of_figure(figure: Figure | None) -> dict[str, Any] | str:
    if figure is None or figure.value is None:
        return f"not known: {figure.reason if figure and figure.reason else 'nothing arrived yet'}"
    shares = {"percent": figure.value, "from": figure.low, "to": figure.high}
    known = {part: round(100 * share, 1) for part, share in shares.items() if share is not None}
    return {**known, "counted": figure.n}


def _of_score(snapshot: ScoreSnapshot | None) -> dict[str, Any] | str:
    if snapshot is None:
        return "not known: not computed yet"
    if snapshot.value is None:
        return f"not known: {snapshot.reason}"
    return {
        "points": snapshot.value,
        "from": snapshot.low,
        "to": snapshot.high,
        "state": snapshot.get_state_display(),
        "as of": f"{snapshot.as_of:%Y-%m-%d}",
    }
