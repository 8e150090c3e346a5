"""From counted reviews and expectations to alerts, and their ends. For workers: the alarm takes numpy."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import takewhile
from typing import Any

import numpy as np
from django.db.models import Count, Max

from feedback.models import Feature, ModelVersion
from metrics.actions.drifting import answering_versions
from metrics.expectation_reading import in_words, sentence_for
from metrics.models import Alert, AlertLook, AlertStep, Expectation, ExpectationStatus, QualityWatch
from metrics.stats.alarm import Review, Watched, drop_of, watch
from metrics.stats.budget import FALSE_ALARM_EVERY
from metrics.stats.intervals import Z95, wilson
from reviews.draw import RIGHT_VALUE, inclusion_probability, is_counted, threshold
from reviews.models import DrawDay, ReviewItem

NEWEST = 200  # reviews shown beside what was foretold
WRONG_SHOWN = 10
BROKEN = ExpectationStatus.Status.BROKEN
MET = ExpectationStatus.Status.MET
Kind = Alert.Kind
Reach = Mapping[str, float]  # UTC day of a draw -> last queue key that counts


@dataclass(frozen=True, slots=True)
class Counted:
    """A counted review and when nothing before it in its cohort's queue was missing any more.

    era: how many times a person had called the state normal before it came to count.
    """

    era: int
    at: datetime
    cohort_on: date
    key: float
    external_id: str
    review: Review


@dataclass(frozen=True, slots=True)
class VersionWatch:
    version: ModelVersion
    counted: list[Counted]
    watched: Watched


def mark_of(feature: Feature, *, now: datetime) -> str:
    """What the alerts would be made of. The same mark again: nothing to do."""
    items = ReviewItem.objects.of(feature).in_probability_sample()
    final = items.final().aggregate(at=Max("final_at"), n=Count("pk"))
    statuses = ExpectationStatus.objects.filter(expectation__feature=feature).aggregate(pk=Max("pk"))
    agreed = Expectation.objects.of(feature).in_force().aggregate(n=Count("pk"), pk=Max("pk"))
    cleared = Alert.objects.of(feature).aggregate(at=Max("cleared_at"))
    newest = ModelVersion.objects.of(feature).aggregate(pk=Max("pk"))
    n_resolved = Expectation.objects.of(feature).filter(resolved_at__isnull=False).count()
    promises = (statuses["pk"], agreed["n"], agreed["pk"], n_resolved)
    parts = (final["at"], final["n"], items.count(), *promises, cleared["at"], newest["pk"], now.date())
    return " ".join(str(part) for part in parts)


def due_features(*, now: datetime) -> list[int]:
    """The features of which something has changed since they were looked at for alerts."""
    marks = dict(AlertLook.objects.values_list("feature", "mark"))
    features = Feature.objects.order_by("pk")
    return [each.pk for each in features if marks.get(each.pk) != mark_of(each, now=now)]


def prepare_alerts(*, feature: Feature, now: datetime) -> Callable[[], tuple[int, int]] | None:
    """Watch a feature; the answer raises and clears alerts, and says how many of each.

    None: nothing has changed since the last look. Each version's alarm is computed from all its counted reviews:
    a few thousand take milliseconds, and nothing can get out of step. Replay: what is raised stays raised once.
    Race: writers and people who clear lock the feature's row; what was read before it changed is not written, and
    the next look reads it anew.
    """
    mark = mark_of(feature, now=now)
    if AlertLook.objects.filter(feature=feature, mark=mark).exists():
        return None
    watches = [watch_version(version) for version in answering_versions(feature)]

    def write() -> tuple[int, int]:
        Feature.objects.select_for_update(no_key=True).get(pk=feature.pk)
        if mark_of(feature, now=now) != mark:
            return 0, 0
        AlertLook.objects.update_or_create(feature=feature, defaults={"mark": mark, "as_of": now})
        QualityWatch.objects.of(feature).delete()
        QualityWatch.objects.bulk_create([_state(each, now) for each in watches])
        broken = _broken(feature)
        n_cleared = _clear_what_is_over(feature, watches, broken, now)
        return _raise_what_is_new(feature, watches, broken, now), n_cleared

    return write


# --- the quality alarm


def watch_version(version: ModelVersion) -> VersionWatch:
    eras = _eras(version)
    counted = counted_in_order(version, eras)
    accepted = [sum(each.era <= era for each in counted) for era in range(len(eras))]
    watched = watch([each.review for each in counted], threshold=FALSE_ALARM_EVERY, accepted=accepted)
    return VersionWatch(version, counted, watched)


def _eras(version: ModelVersion) -> list[Reach]:
    """How far each day of draws had been counted at each time that a person called the state normal."""
    cleared = Alert.objects.filter(version=version, kind=Kind.QUALITY, is_cleared_by_person=True)
    return list(cleared.order_by("cleared_at", "pk").values_list("counted_to", flat=True))


def counted_in_order(version: ModelVersion, eras: Sequence[Reach] = ()) -> list[Counted]:
    """The decided reviews of a version in the order in which they came to count: later ones are only added.

    eras: as _eras. What a person called normal stays before all that came later, judged anew or not.
    The weight is that of the whole day's rate, which is fixed with its draw, not of how far reviewing has come.
    """
    columns = (
        "cohort_on", "queue_key", "weight", "verdict", "final_at",
        "prediction__external_id", "prediction__label", "prediction__score",
    )  # fmt: skip
    cohorts = defaultdict(list)
    drawn = ReviewItem.objects.filter(version=version).in_probability_sample().order_by("queue_key")
    for row in drawn.values_list(*columns).iterator():
        cohorts[row[0]].append(row)
    caps = dict(DrawDay.objects.filter(version=version).values_list("day", "k_cap"))
    found = [each for day, rows in cohorts.items() for each in _counted(rows, caps.get(day), eras)]
    return sorted(found, key=in_order)


def in_order(each: Counted) -> tuple[int, datetime, date, float]:
    return each.era, each.at, each.cohort_on, each.key


def _era(day: date, key: float, eras: Sequence[Reach]) -> int:
    return next((n for n, reach in enumerate(eras) if key <= reach.get(day.isoformat(), -1.0)), len(eras))


def _counted(rows: Sequence[tuple[Any, ...]], k_cap: float | None, eras: Sequence[Reach]) -> Iterator[Counted]:
    t = threshold((key for _, key, _, _, final_at, *_ in rows if final_at is None), k_cap)
    at = None
    for day, key, weight, verdict, final_at, external_id, label, score in rows:
        if final_at is None or not is_counted(key, t):
            return
        at = max(at, final_at) if at else final_at
        if verdict in RIGHT_VALUE:
            p = inclusion_probability(k_cap, weight)
            review = Review(label or "", score, RIGHT_VALUE[verdict], 1 / p)
            yield Counted(_era(day, key, eras), at, day, key, external_id, review)


def _state(found: VersionWatch, now: datetime) -> QualityWatch:
    reviews, foretold = [each.review for each in found.counted[-NEWEST:]], found.watched.forecasts[-NEWEST:]
    return QualityWatch(
        feature_id=found.version.feature_id,
        version=found.version,
        as_of=now,
        n=found.watched.n,
        n_to_learn=found.watched.n_to_learn,
        statistic=found.watched.statistic,
        threshold=found.watched.threshold,
        n_newest=len(reviews),
        **(_beside(reviews, foretold) if reviews else {}),
    )


def _beside(reviews: Sequence[Review], foretold: Any) -> dict[str, float]:
    """Shares right, foretold and found, weighted to the traffic; Wilson's interval at Kish's effective number."""
    weights = np.array([review.weight for review in reviews])
    right = np.array([review.right for review in reviews])
    n_effective = float(weights.sum() ** 2 / (weights**2).sum())
    share = min(1.0, float((weights * right).sum() / weights.sum()))
    low, high = wilson(share * n_effective, n_effective)
    mean = float((weights * foretold).sum() / weights.sum())
    return {"foretold": mean, "found": share, "found_low": min(low, share), "found_high": max(high, share)}


def evidence_of(found: VersionWatch) -> dict[str, Any]:
    """What is known when the alarm goes off: the reviews since the drop began against what was foretold."""
    raised = found.watched.alarms[-1]
    about = slice(raised.since, raised.at + 1)
    counted, foretold = found.counted[about], found.watched.forecasts[about]
    reviews = [each.review for each in counted]
    drop = drop_of(reviews, foretold)
    weights = np.array([review.weight for review in reviews])
    short = foretold - np.array([review.right for review in reviews])
    half = Z95 * float(np.sqrt((weights**2 * (short - drop) ** 2).sum()) / weights.sum())
    return {
        "version": found.version.name,
        "since": counted[0].at.isoformat(),
        "until": counted[-1].at.isoformat(),
        "n": len(reviews),
        "n_before": raised.since,
        **_beside(reviews, foretold),
        "drop": drop,
        "drop_low": drop - half,
        "drop_high": drop + half,
        "false_alarm_every": found.watched.threshold,
        "labels": _by_label(reviews, foretold),
        "wrong": [each.external_id for each in reversed(counted) if each.review.right < 1][:WRONG_SHOWN],
    }


def _by_label(reviews: Sequence[Review], foretold: Any) -> list[dict[str, Any]]:
    """Each predicted label's reviews, the largest shortfall first."""
    places: dict[str, list[int]] = defaultdict(list)
    for at, review in enumerate(reviews):
        places[review.label].append(at)
    rows = [
        {"label": label, "n": len(at), **_beside([reviews[i] for i in at], foretold[at])}
        for label, at in places.items()
    ]
    return sorted(rows, key=lambda row: row["found"] - row["foretold"])


# --- raising and clearing


@dataclass(frozen=True, slots=True)
class Broken:
    """An expectation in force that broke and was not met since. first: the status with which it broke.

    status: the newest; not sure is no end of it.
    """

    expectation: Expectation
    first: ExpectationStatus
    status: ExpectationStatus

    @property
    def key(self) -> str:
        return f"expectation {self.expectation.pk} {self.first.pk}"


def _broken(feature: Feature) -> list[Broken]:
    found = []
    for row in Expectation.objects.of(feature).agreed().unresolved():
        told = list(row.statuses.all())  # newest first
        broke = [each for each in takewhile(lambda each: each.status != MET, told) if each.status == BROKEN]
        if broke:
            found.append(Broken(row, broke[-1], told[0]))
    return found


def _raise_what_is_new(
    feature: Feature, watches: Sequence[VersionWatch], broken: Sequence[Broken], now: datetime
) -> int:  # fmt: skip
    """A broken expectation is raised once for each time that it breaks; so is a drop."""
    raised = set(Alert.objects.of(feature).raised().values_list("key", flat=True))
    known = set(Alert.objects.of(feature).filter(kind=Kind.EXPECTATION).values_list("key", flat=True))
    fresh = [
        Alert(
            kind=Kind.QUALITY,
            key=quality_key(each.version),
            version=each.version,
            title=f"Version {each.version.name} is less often right than before",
            evidence=evidence_of(each),
            counted_to=_reach(each.counted),
        )
        for each in watches
        if each.watched.lasting and quality_key(each.version) not in raised
    ]
    fresh += [
        Alert(
            kind=Kind.EXPECTATION,
            key=each.key,
            version=each.expectation.version,
            title=_promise(each.expectation),
            evidence=_of_promise(each),
        )
        for each in broken
        if each.status.status == BROKEN and each.key not in known
    ]
    for alert in fresh:
        _raise(alert, feature, now)
    return len(fresh)


def _reach(counted: Sequence[Counted]) -> dict[str, float]:
    found: dict[str, float] = {}
    for each in counted:
        day = each.cohort_on.isoformat()
        found[day] = max(each.key, found.get(day, each.key))
    return found


def quality_key(version: ModelVersion) -> str:
    return f"quality {version.pk}"


def _raise(alert: Alert, feature: Feature, now: datetime) -> None:
    answer, close = Alert.DUE_WITHIN[Kind(alert.kind)]
    alert.feature, alert.owner = feature, feature.owner
    alert.raised_at, alert.due_at, alert.close_due_at = now, now + answer, now + close
    alert.title = alert.title[:200]
    alert.save()
    AlertStep.objects.create(alert=alert, kind=AlertStep.Kind.RAISED, to=feature.owner, at=now)


def _promise(row: Expectation) -> str:
    agreed = f"{row.get_direction_display()} {in_words(row, row.target)}"
    return f"Broken: {row.get_metric_display()}, agreed {agreed}"


def _of_promise(broken: Broken) -> dict[str, Any]:
    row, status = broken.expectation, broken.status
    return {
        "expectation": row.pk,
        "sentence": sentence_for(row, status),
        "since": status.since.isoformat(),
        "n": status.n,
        "source": status.source,
        "version": status.version,
    }


def _clear_what_is_over(
    feature: Feature, watches: Sequence[VersionWatch], broken: Sequence[Broken], now: datetime
) -> int:  # fmt: skip
    by_key = {quality_key(each.version): each for each in watches}
    still = {each.key for each in broken}
    n = 0
    for alert in Alert.objects.of(feature).raised().select_related("version").select_for_update(of=("self",)):
        why = _over(alert, by_key.get(alert.key)) if alert.kind == Kind.QUALITY else _kept(alert, still)
        if why:
            alert.cleared_at, alert.cleared_why = now, why
            alert.save(update_fields=["cleared_at", "cleared_why"])
            AlertStep.objects.create(alert=alert, kind=AlertStep.Kind.CLEARED, words=why, at=now)
            n += 1
    return n


def _over(alert: Alert, found: VersionWatch | None) -> str:
    if found is None:
        return "This version has not answered for two weeks: another one has taken its place."
    if found.watched.lasting is not None or _is_judged_anew(alert):
        return ""
    if not found.watched.alarms:
        return "Reviews that it was made of were corrected since: with them as they are now there is no alarm."
    return "The reviews since then are back: at most half of the drop is left, as far as can be told."


def _is_judged_anew(alert: Alert) -> bool:
    """Whether a review that the alarm was made of is open again: nobody knows yet what it is worth."""
    drawn = ReviewItem.objects.filter(version=alert.version_id, final_at=None).in_probability_sample()
    waiting = drawn.filter(cohort_on__in=list(alert.counted_to)).values_list("cohort_on", "queue_key")
    return any(key <= alert.counted_to[day.isoformat()] for day, key in waiting)


def _kept(alert: Alert, still: set[str]) -> str:
    if alert.key in still:
        return ""
    row = Expectation.objects.filter(pk=alert.evidence["expectation"]).first()
    if row is None or row.state != Expectation.State.AGREED:
        return "The expectation was renegotiated: another one is in its place."
    if row.resolved_at is not None:
        return "The expectation's day has passed."
    newest = ExpectationStatus.objects.filter(expectation=row).order_by("-since", "-pk").first()
    return f"The expectation is {newest.get_status_display() if newest else 'unknown'} now."
