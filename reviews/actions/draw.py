"""The draw: which of the predictions received become review items. Pull: a closed window, safe to repeat."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Avg, Count, F, Min
from django.db.models.functions import Floor

from feedback.actions.looks import look_at, pages
from feedback.models import Look, ModelVersion, Prediction
from feedback.models.predictions import PredictionQuerySet
from reviews.actions.rates import share_on
from reviews.claiming import rewind
from reviews.draw import (
    FINE_BINS,
    RIGHT_VALUE,
    UNKNOWN_CHANCE,
    Calibration,
    Traffic,
    expected_positive_share,
    fit_calibration,
    found_and_missed,
    inclusion_probability,
    informativeness,
    is_counted,
    luck,
    mean_informativeness,
    overlap_luck,
    present_recall,
    queue_key,
    rate_cap,
    scale_running_day,
    shares_of_labels,
    threshold,
    weight,
)
from reviews.models import Assignment, DrawDay, ReviewItem, ReviewRate, SamplingPolicy

CHUNK = 2_000
DAYS_OF_HISTORY = 7
ITEMS_TO_CALIBRATE = 50
DAY = timedelta(days=1)
COLUMNS = ("pk", "feature_id", "version_id", "occurred_at", "external_id", "label", "score", "segments")

CohortKey = tuple[int, date]  # version id, UTC day


class Row(NamedTuple):
    """As much of a prediction as the draw looks at."""

    pk: int
    external_id: str
    label: str | None
    score: float | None
    segments: dict[str, str] | None = None


class Drawn(NamedTuple):
    """A prediction that becomes an item, with what fixes its inclusion probability."""

    prediction: int
    luck: float
    weight: float
    queue_key: float
    n_opinions: int = 1
    skill: str = ""


class Cell(NamedTuple):
    """n predictions of one label in one of 1,000 score bins, and their mean score."""

    label: str | None
    score: float | None
    n: float


class JudgedItem(NamedTuple):
    """A counted item that was decided. z: what its verdict is worth; truth: the corrected label, or empty."""

    label: str
    score: float | None
    z: float
    truth: str
    p: float


@dataclass(slots=True)
class Run:
    """What one run of the draw has read already."""

    policies: dict[int, SamplingPolicy]
    now: datetime
    traffic: dict[CohortKey, list[Cell]] = field(default_factory=dict)
    day_before: dict[CohortKey, date | None] = field(default_factory=dict)
    judged: dict[int, list[JudgedItem]] = field(default_factory=dict)
    calibrations: dict[int, Calibration] = field(default_factory=dict)
    rates: dict[int, list[ReviewRate]] = field(default_factory=dict)


def drawn(rows: Iterable[Row], draw_day: DrawDay) -> list[Drawn]:
    """Those of the rows that become items: a pure function of them and of what the day is drawn with.

    rows: predictions of the draw day's version and day. The draw day, its policy, version and feature are
    all that is read, so every draw can be computed again.
    """
    feature, policy = draw_day.version.feature, draw_day.policy
    salt, traffic = feature.sampling_salt.encode(), _known_traffic(draw_day)
    calibration = _stored_calibration(draw_day)
    found = []
    for row in rows:
        u = luck(slug=feature.slug, external_id=row.external_id, salt=salt)
        chance = _chance(row.label, row.score, calibration)
        g = informativeness(policy.design, label=row.label, chance_right=chance, traffic=traffic)
        w = weight(g, draw_day.gbar)
        k = queue_key(u, w)
        if draw_day.k_cap is None or k < draw_day.k_cap:
            second = overlap_luck(slug=feature.slug, external_id=row.external_id, salt=salt)
            n_opinions = 2 if second < policy.overlap_share else 1
            found.append(Drawn(row.pk, u, w, k, n_opinions, (row.segments or {}).get(policy.skill_segment, "")))
    return found


def _stored_calibration(draw_day: DrawDay) -> Calibration | None:
    """None: the version was not calibrated yet."""
    if not draw_day.calibration:
        return None
    return Calibration(
        draw_day.calibration[0][2], {label: intercept for label, intercept, _ in draw_day.calibration}
    )


def _known_traffic(draw_day: DrawDay) -> Traffic:
    return Traffic(
        label_shares=dict(draw_day.label_shares),
        positive_label=draw_day.positive_label,
        positive_share=draw_day.positive_share,
        recall=draw_day.recall,
    )


def _chance(label: str | None, score: float | None, calibration: Calibration | None) -> float:
    """The chance that a prediction is right; a number or free output tells nothing."""
    if label is None:
        return UNKNOWN_CHANCE
    if calibration is not None:
        return calibration.chance(label, score)
    return UNKNOWN_CHANCE if score is None else score


def draw_received(*, now: datetime) -> int:
    """Draw from everything received since the last look, and say how many items that made.

    Features without a sampling policy are left alone; all that such a feature has received is drawn from
    when its first policy stands. Replay and race: keys are a function of the prediction and the stored
    DrawDay, unique keys decide, so repeating changes nothing. One transaction a chunk; the look moves last.
    """
    policies = {policy.feature_id: policy for policy in SamplingPolicy.objects.current()}
    looked_at = set(Look.objects.filter(name__startswith="draw ").values_list("name", flat=True))
    run = Run(policies, now)
    recent, remember = look_at(Prediction.objects.order_by(), name="draw", now=now)
    known = [pk for pk in policies if _mark(pk) in looked_at]
    n = _draw_from(recent, set(known), run) if known else 0
    for pk in policies.keys() - set(known):
        whole = Prediction.objects.filter(feature=pk, received_at__lt=now).order_by()
        n += _draw_from(whole, {pk}, run)
        Look.objects.get_or_create(name=_mark(pk), defaults={"looked_until": now})
    remember()
    return n


def _mark(feature_id: int) -> str:
    """Says that a feature has been drawn from in whole once; from then on the common look is enough."""
    return f"draw {feature_id}"


def _draw_from(predictions: PredictionQuerySet, features: set[int], run: Run) -> int:
    n = 0
    for page in pages(predictions, *COLUMNS, size=CHUNK):
        cohorts: dict[CohortKey, list[Row]] = defaultdict(list)
        for pk, feature, version, occurred_at, *row in page:
            if feature in features:
                cohorts[version, occurred_at.astimezone(UTC).date()].append(Row(pk, *row))
        n += _draw_cohorts(cohorts, run) if cohorts else 0
    return n


@transaction.atomic
def _draw_cohorts(cohorts: dict[CohortKey, list[Row]], run: Run) -> int:
    days = _draw_days(sorted(cohorts, key=_by_day), run)
    items, skills = [], {}
    for key, rows in cohorts.items():
        for one in drawn(rows, days[key]):
            skills[one.prediction] = one.skill
            items.append(
                ReviewItem(
                    feature_id=days[key].version.feature_id,
                    version_id=key[0],
                    prediction_id=one.prediction,
                    luck=one.luck,
                    weight=one.weight,
                    queue_key=one.queue_key,
                    n_opinions=one.n_opinions,
                    cohort_on=key[1],
                    drawn_at=run.now,
                )
            )
    return _store(items, skills)


def _by_day(key: CohortKey) -> tuple[date, int]:
    return key[1], key[0]


def _by_prediction(item: ReviewItem) -> int:
    return item.prediction_id


def _store(items: list[ReviewItem], skills: dict[int, str]) -> int:
    """Store items and open as many assignments as opinions are asked for, of those that have none.

    skills: what a prediction's reviewer must know. Says how many items were new. What opens before the place
    in the queue that reviewers have come to sets their walks back, last of all: those are locked shortly.
    """
    items.sort(key=_by_prediction)  # two draws at once then wait for each other and never in a circle
    predictions = [item.prediction_id for item in items]
    stored = ReviewItem.objects.in_probability_sample().filter(prediction__in=predictions)
    n_before = stored.count()
    ReviewItem.objects.bulk_create(items, ignore_conflicts=True, batch_size=500)
    bare = list(stored.filter(assignments=None).order_by("pk"))
    Assignment.objects.bulk_create(
        [
            Assignment(
                item=item,
                feature_id=item.feature_id,
                ordinal=ordinal,
                queue_key=item.queue_key,
                skill=skills[item.prediction_id],
            )
            for item in bare
            for ordinal in range(1, item.n_opinions + 1)
        ],
        ignore_conflicts=True,
        batch_size=500,
    )
    for feature in sorted({item.feature_id for item in bare}):
        smallest = min(item.queue_key for item in bare if item.feature_id == feature)
        rewind(feature_id=feature, queue_key=smallest)
    return len(items) - n_before


def _draw_days(keys: Sequence[CohortKey], run: Run) -> dict[CohortKey, DrawDay]:
    """What each cohort is drawn with, fixed now where it is its first draw. Of two at once the first holds."""
    days = _stored_days(keys)
    missing = [key for key in keys if key not in days]
    if not missing:
        return days
    versions = ModelVersion.objects.in_bulk({version for version, _ in missing})
    fresh = [_new_day(versions[version], day, run) for version, day in missing]
    DrawDay.objects.bulk_create(fresh, ignore_conflicts=True)
    return _stored_days(keys)


def _stored_days(keys: Sequence[CohortKey]) -> dict[CohortKey, DrawDay]:
    wanted = set(keys)
    rows = DrawDay.objects.filter(version__in={key[0] for key in keys}, day__in={key[1] for key in keys})
    found = {(row.version_id, row.day): row for row in rows.select_related("version__feature", "policy")}
    return {key: row for key, row in found.items() if key in wanted}


def _new_day(version: ModelVersion, day: date, run: Run) -> DrawDay:
    policy = run.policies[version.feature_id]
    cells = _expected_traffic(version.pk, day, run)
    calibration = _calibration(version.pk, run)
    chances = [_chance(cell.label, cell.score, calibration) for cell in cells]
    traffic = _traffic_as_known(version, cells, chances, run)
    informative = [
        (informativeness(policy.design, label=cell.label, chance_right=chance, traffic=traffic), cell.n)
        for cell, chance in zip(cells, chances, strict=True)
    ]
    gbar, share = mean_informativeness(informative), share_on(_rates_of(version, run), day)
    return DrawDay(
        version=version,
        day=day,
        policy=policy,
        k_cap=_k_cap(policy, informative, gbar, share),
        gbar=gbar,
        rate_share=share,
        calibration=[[label, intercept, calibration.slope] for label, intercept in calibration.intercepts.items()]
        if calibration
        else [],
        label_shares=[[label, share] for label, share in traffic.label_shares.items()],
        positive_label=traffic.positive_label,
        positive_share=traffic.positive_share,
        recall=traffic.recall,
        created_at=run.now,
    )


def _traffic_as_known(version: ModelVersion, cells: list[Cell], chances: list[float], run: Run) -> Traffic:
    """What the version's traffic and its counted items say to `balanced` and `focused`."""
    positive, is_binary = version.positive_label, len(set(version.labels)) == 2
    expected = [(cell.label, chance, cell.n) for cell, chance in zip(cells, chances, strict=True)]
    spoken = []
    for label, _, z, truth, p in _judged_of(version.pk, run):
        found, missed = found_and_missed(
            label=label, z=z, truth=truth, positive_label=positive, is_binary=is_binary
        )
        spoken.append((found, missed, p))
    return Traffic(
        label_shares=shares_of_labels((cell.label, cell.n) for cell in cells),
        positive_label=positive,
        positive_share=expected_positive_share(expected, positive) if positive else 0.0,
        recall=present_recall(spoken),
    )


def _rates_of(version: ModelVersion, run: Run) -> list[ReviewRate]:
    if version.pk not in run.rates:
        run.rates[version.pk] = list(ReviewRate.objects.of(version))
    return run.rates[version.pk]


def _k_cap(
    policy: SamplingPolicy, informative: list[tuple[float, float]], gbar: float, share: float
) -> float | None:
    """share: of the policy's reviews a day; of all of them where the design takes every prediction."""
    wanted = share * policy.reviews_per_day
    if policy.design == SamplingPolicy.Design.ALL:
        if share == 1:
            return None
        wanted = share * sum(n for _, n in informative)
    by_weight: dict[float, float] = defaultdict(float)
    for g, n in informative:
        by_weight[weight(g, gbar)] += n
    return rate_cap(list(by_weight.items()), wanted)


def _expected_traffic(version: int, day: date, run: Run) -> list[Cell]:
    """What the day will bring: the mean of the last 7 days with traffic; without any, the day itself."""
    history: list[date] = []
    before = _day_before(version, day, run)
    while before is not None and len(history) < DAYS_OF_HISTORY:
        history.append(before)
        before = _day_before(version, before, run)
    if history:
        share = 1 / len(history)
        return [cell._replace(n=cell.n * share) for each in history for cell in _traffic_of(version, each, run)]
    cells = _traffic_of(version, day, run)
    n = sum(cell.n for cell in cells)
    scale = _running_day(version, day, n, run.now) / n if n else 1.0
    return [cell._replace(n=cell.n * scale) for cell in cells]


def _running_day(version: int, day: date, n: float, now: datetime) -> float:
    if now >= _midnight(day + DAY):
        return n
    first_at = _on(version, day).aggregate(at=Min("occurred_at"))["at"]
    return scale_running_day(n, now - first_at)


def _day_before(version: int, day: date, run: Run) -> date | None:
    """The version's last day with traffic before this one."""
    key = version, day
    if key not in run.day_before:
        earlier = Prediction.objects.filter(version=version, occurred_at__lt=_midnight(day))
        at = earlier.order_by("-occurred_at").values_list("occurred_at", flat=True).first()
        run.day_before[key] = at.astimezone(UTC).date() if at else None
    return run.day_before[key]


def _traffic_of(version: int, day: date, run: Run) -> list[Cell]:
    key = version, day
    if key not in run.traffic:
        grouped = (
            _on(version, day)
            .order_by()
            .values("label", fine=Floor(F("score") * FINE_BINS))
            .annotate(n=Count("pk"), mean=Avg("score"))
            .values_list("label", "fine", "mean", "n")
        )
        run.traffic[key] = [
            Cell(label, None if mean is None else min(1.0, mean), n) for label, _, mean, n in grouped
        ]
    return run.traffic[key]


def _on(version: int, day: date) -> PredictionQuerySet:
    return Prediction.objects.filter(version=version).occurred_between(_midnight(day), _midnight(day + DAY))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _judged_of(version: int, run: Run) -> list[JudgedItem]:
    if version not in run.judged:
        run.judged[version] = _judged(version)
    return run.judged[version]


def _calibration(version: int, run: Run) -> Calibration | None:
    """None before 50 items are counted."""
    judged = _judged_of(version, run)
    if not judged:
        return None
    if version not in run.calibrations:
        run.calibrations[version] = fit_calibration((item.label, item.score, item.z) for item in judged)
    return run.calibrations[version]


def _judged(version: int) -> list[JudgedItem]:
    """The version's counted items that were decided; none before 50 are counted."""
    items = ReviewItem.objects.in_probability_sample().filter(version=version)
    if items.final().count() < ITEMS_TO_CALIBRATE:
        return []
    cohorts = defaultdict(list)
    judgment = ("state", "verdict", "truth", "prediction__label", "prediction__score")
    for day, *item in items.values_list("cohort_on", "queue_key", "weight", *judgment):
        cohorts[day].append(item)
    caps = dict(DrawDay.objects.filter(version=version).values_list("day", "k_cap"))
    counted = [
        (verdict, label, score, truth, inclusion_probability(t, w))
        for day, cohort in cohorts.items()
        if day in caps  # without it nothing tells how far the day was drawn
        for t in [threshold((k for k, _, state, *_ in cohort if state != ReviewItem.State.FINAL), caps[day])]
        for k, w, state, verdict, truth, label, score in cohort
        if state == ReviewItem.State.FINAL and label is not None and is_counted(k, t)
    ]
    if len(counted) < ITEMS_TO_CALIBRATE:
        return []
    return [
        JudgedItem(label, score, RIGHT_VALUE[verdict], truth or "", p)
        for verdict, label, score, truth, p in counted
        if verdict in RIGHT_VALUE
    ]
