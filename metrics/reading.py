"""Reads what the workers stored into the dataclasses of metrics.reports. Never computes a statistic."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Prefetch, Q, QuerySet

from feedback.models import Feature, ModelVersion
from metrics.models import Conclusion, Estimate, EstimateSet, RuntimePercentiles
from metrics.reports import (
    Bounds,
    CalibrationBin,
    Comparison,
    Confusion,
    EstimateReport,
    Facts,
    FeaturePage,
    FeatureRow,
    Figure,
    Lag,
    LagPoint,
    Percentiles,
    Reliability,
    ReviewProgress,
    RuntimeReport,
    SegmentRow,
    SeriesPoint,
    VersionRow,
    VersionRuntime,
    Window,
)
from metrics.stats.comparing import ends_of_difference
from metrics.stats.intervals import reviews_to_go
from metrics.words import chart_title, segments_title, verdict
from reviews.models import Assignment, ReviewItem, SamplingPolicy
from reviews.reliability_store import accuracy_without_error

Source = EstimateSet.Source
GOAL_HALF_WIDTH = 0.05  # product.md §3: the agreed half-width where nobody agreed on another one
ALWAYS_THERE = ("accuracy", "precision", "recall", "f1")
# Besides, where truth arrives by itself, by the kind of answer.
OBSERVED_TOO: dict[str, tuple[str, ...]] = {
    Feature.AnswerKind.LABEL: ("auc", "average_precision", "brier", "log_loss", "ece"),
    Feature.AnswerKind.NUMBER: ("mae", "median_ape", "bias"),
}
NONE_IN_SEGMENT = "no predictions in this segment"
NOT_YET = "the worker has summed nothing up yet; figures appear within two minutes"


def no_figure(reason: str) -> Figure:
    return Figure(None, None, None, None, None, 0, "", "no_data", reason)


def figure_of(estimate: Estimate) -> Figure:
    return Figure(
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        anytime_low=estimate.anytime_low,
        anytime_high=estimate.anytime_high,
        n=estimate.n,
        method=estimate.method,
        state=estimate.state,  # type: ignore[arg-type]  # the database holds only these
        reason=estimate.reason,
    )


def estimate_report(
    feature: Feature, *, window: str, version: ModelVersion | None, source: str, segment: str = ""
) -> EstimateReport:
    """The stored estimates of one window. Nothing stored: every figure is absent, with the reason."""
    if version is not None and window == EstimateSet.Window.ALL:
        window = EstimateSet.Window.VERSION  # all time of one version is its life
    stored = (
        EstimateSet.objects.of(feature)
        .filter(window=window, version=version, source=source, segment=segment)
        .prefetch_related("estimates")
        .order_by("-window_from")
        .first()
    )
    missing = NOT_YET
    if stored is None and segment and Conclusion.objects.filter(feature=feature).exists():
        missing = NONE_IN_SEGMENT
    return report_of(feature, stored, source=source, version=version, segment=segment, missing=missing)


def report_of(
    feature: Feature,
    stored: EstimateSet | None,
    *,
    source: str,
    version: ModelVersion | None,
    segment: str = "",
    missing: str = NOT_YET,
) -> EstimateReport:
    """missing: why nothing is stored, where that is so."""
    estimates = list(stored.estimates.all()) if stored else []
    per_label: dict[str, dict[str, Figure]] = defaultdict(dict)
    for estimate in estimates:
        if estimate.label:
            per_label[estimate.label][estimate.metric] = figure_of(estimate)
    whole = {estimate.metric: figure_of(estimate) for estimate in estimates if not estimate.label}
    reason = stored.reason if stored else missing
    return EstimateReport(
        feature=feature.slug,
        version=version.name if version else None,
        segment=segment,
        window=Window(stored.window_from, stored.window_to) if stored else Window(None, None),
        as_of=stored.as_of if stored else None,
        source=source,  # type: ignore[arg-type]  # callers pass one of the two
        population=stored.population if stored else 0,
        counted=stored.counted if stored else 0,
        undecided_share=stored.undecided_share if stored else None,
        covered_days=stored.covered_days if stored else 0,
        days=stored.days if stored else 0,
        metrics={name: whole.get(name, no_figure(reason or NOT_YET)) for name in _names(feature, source)},
        per_label=dict(per_label),
        reason=reason,
        **(_details(stored) if stored else {"confusion": None, "calibration": [], "segments_reason": missing}),
    )


def _names(feature: Feature, source: str) -> tuple[str, ...]:
    return ALWAYS_THERE + (OBSERVED_TOO.get(feature.answer_kind, ()) if source == Source.OBSERVED else ())


def _details(stored: EstimateSet) -> dict[str, Any]:
    """What is kept beside the figures, as the dataclasses that it was made from."""
    is_observed = stored.source == Source.OBSERVED
    low, high = stored.undecided_low, stored.undecided_high
    return {
        "confusion": Confusion(**stored.confusion) if stored.confusion else None,
        "calibration": _bars(stored.calibration),
        "reliability": _reliability(stored.reliability),
        "coverage": stored.counted / stored.population if is_observed and stored.population else None,
        "lag": _lag(stored.lag),
        "mature_until": stored.mature_until,
        "segments": [SegmentRow(**row) for row in stored.segments],
        "segments_reason": stored.segments_reason,
        "undecided_bounds": None if low is None or high is None else Bounds(low, high),
        "comparison": next(iter(comparisons_of(stored)), None),
    }


def _bars(kept: Iterable[Mapping[str, Any]]) -> list[CalibrationBin]:
    return [CalibrationBin(**bar) for bar in kept]


def _reliability(kept: Mapping[str, Any] | None) -> Reliability | None:
    return Reliability(kept["event"], _bars(kept["bars"])) if kept else None


def _lag(kept: Mapping[str, Any] | None) -> Lag | None:
    return Lag(**{**kept, "curve": [LagPoint(**point) for point in kept["curve"]]}) if kept else None


def comparisons_of(stored: EstimateSet) -> list[Comparison]:
    """With the version before first, then with the baseline; on the same cases first."""
    return [Comparison(**each) for each in stored.comparisons]


def runtime_report(feature: Feature) -> RuntimeReport:
    """Percentiles per version over its life, in the order of deployment."""
    by_version: dict[int, list[RuntimePercentiles]] = defaultdict(list)
    for row in (
        RuntimePercentiles.objects.filter(feature=feature)
        .select_related("version")
        .order_by("version__deployed_at", "version")
    ):
        by_version[row.version_id].append(row)
    versions = [_version_runtime(rows) for rows in by_version.values()]
    as_of = max((row.as_of for rows in by_version.values() for row in rows), default=None)
    return RuntimeReport(
        feature=feature.slug,
        window=Window(None, as_of),
        as_of=as_of,
        versions=versions,
        simulated_note=feature.simulated_note,
    )


def _version_runtime(rows: Sequence[RuntimePercentiles]) -> VersionRuntime:
    measures = {row.measure: Percentiles(row.p50, row.p90, row.p95, row.p99, row.n) for row in rows}
    first = rows[0]
    return VersionRuntime(
        version=first.version.name, is_baseline=first.version.is_baseline, n=first.n_predictions, **measures
    )


def review_progress(feature: Feature, lately: EstimateSet | None) -> ReviewProgress | None:
    """How far the reviews are. lately: the reviewed set whose accuracy is to become sure; None: no policy."""
    policy = SamplingPolicy.objects.filter(feature=feature).order_by("-number").first()
    if policy is None:
        return None
    drawn = ReviewItem.objects.of(feature).in_probability_sample()
    n = drawn.aggregate(all=Count("pk"), final=Count("pk", filter=Q(state=ReviewItem.State.FINAL)))
    half_width, n_to_go, reason = _still_needed(lately, policy.target_count)
    return ReviewProgress(
        n_drawn=n["all"],
        n_final=n["final"],
        n_counted=lately.counted if lately else 0,
        target_count=policy.target_count,
        n_open=n["all"] - n["final"],
        reviews_per_day=policy.reviews_per_day,
        design=policy.get_design_display(),
        half_width=half_width,
        goal_half_width=GOAL_HALF_WIDTH,
        n_to_go=n_to_go,
        reason=reason,
    )


def _still_needed(lately: EstimateSet | None, target_count: int) -> tuple[float | None, int | None, str]:
    if lately is None or lately.accuracy_variance is None:
        why = (lately.reason if lately else "") or "no review counts yet"
        return None, None, f"not known yet, because {why}."
    accuracy = next(each for each in lately.estimates.all() if each.metric == "accuracy" and not each.label)
    half_width = ((accuracy.anytime_high or 0) - (accuracy.anytime_low or 0)) / 2
    n_to_go = reviews_to_go(
        variance=lately.accuracy_variance, n_now=lately.counted, distance=GOAL_HALF_WIDTH, n_star=target_count
    )
    return half_width, n_to_go, ""


def feature_page(feature: Feature, *, may_review: bool, as_of: datetime | None) -> FeaturePage:
    """What the Feature page shows of quality, in a number of queries that does not grow with the data."""
    versions = list(ModelVersion.objects.of(feature).by_deployment())
    sets = list(
        EstimateSet.objects.of(feature)
        .filter(segment="")
        .select_related("version")
        .prefetch_related("estimates")
        .order_by("window_from", "version")
    )
    current = versions[-1] if versions else None
    reviewed = _main_set(sets, current, Source.REVIEWED)
    observed = _main_set(sets, current, Source.OBSERVED)
    reports = {
        source: report_of(feature, found, source=source, version=current)
        for source, found in ((Source.REVIEWED, reviewed), (Source.OBSERVED, observed))
    }
    ranked = max(reports.values(), key=_n_found)
    series = _series(sets)
    best = _best_figure(reports[Source.REVIEWED], reports[Source.OBSERVED])
    sentence, detail = verdict(feature, best[0], source=best[1], version=current.name if current else "")
    return FeaturePage(
        slug=feature.slug,
        name=feature.name,
        description=feature.description,
        stage_label=feature.get_stage_display(),
        owner=str(feature.owner or ""),
        simulated_note=feature.simulated_note,
        answer_kind=feature.answer_kind,
        label_names=feature.label_names,
        verdict=sentence,
        verdict_detail=detail,
        current_version=current.name if current else "",
        as_of=as_of,
        reviewed=reports[Source.REVIEWED],
        observed=reports[Source.OBSERVED],
        ranked=ranked,
        difference=_difference(reports[Source.REVIEWED], reports[Source.OBSERVED]),
        difference_ends=_difference_ends(reports[Source.REVIEWED], reports[Source.OBSERVED]),
        series=series,
        versions=[_version_row(version, versions, sets) for version in reversed(versions)],
        runtime=runtime_report(feature),
        progress=review_progress(feature, reviewed),
        may_review=may_review,
        without_error=accuracy_without_error(current) if current else None,
        chart_title=chart_title(versions, series),
        segments_title=segments_title(ranked.segments),
    )


def _main_set(sets: Iterable[EstimateSet], version: ModelVersion | None, source: str) -> EstimateSet | None:
    """The current version's whole life: what a verdict is made of."""
    return next(
        (
            each
            for each in sets
            if version and each.version_id == version.pk and each.window == "version" and each.source == source
        ),
        None,
    )


def _best_figure(reviewed: EstimateReport, observed: EstimateReport) -> tuple[Figure, str]:
    """Reviews where they decide, else the truth that arrived, else whatever there is."""
    pairs = [(reviewed.metrics["accuracy"], "reviewed"), (observed.metrics["accuracy"], "observed")]
    order = {"measured": 0, "collecting": 1, "no_data": 2}
    return min(pairs, key=lambda pair: order[pair[0].state])


def _n_found(report: EstimateReport) -> tuple[int, int, int]:
    return sum(row.is_found for row in report.segments), len(report.segments), report.counted


def _difference(reviewed: EstimateReport, observed: EstimateReport) -> float | None:
    a, b = reviewed.metrics["accuracy"].value, observed.metrics["accuracy"].value
    return None if a is None or b is None else a - b


def _difference_ends(reviewed: EstimateReport, observed: EstimateReport) -> tuple[float, float] | None:
    return ends_of_difference(reviewed.metrics["accuracy"], observed.metrics["accuracy"])


def _series(sets: Sequence[EstimateSet]) -> list[SeriesPoint]:
    lives = {
        each.version_id: each.mature_until
        for each in sets
        if each.window == EstimateSet.Window.VERSION and each.source == Source.OBSERVED
    }
    return [
        SeriesPoint(
            from_on=each.window_from.date(),
            days=(each.window_to - each.window_from).days,
            version=each.version.name if each.version else "",
            source=each.source,  # type: ignore[arg-type]  # the database holds only these
            value=estimate.value,
            low=estimate.low,
            high=estimate.high,
            n=estimate.n,
            is_partial=each.window_to > each.as_of,
            is_mature=_is_mature(each, lives.get(each.version_id)),
        )
        for each in sets
        if each.window == EstimateSet.Window.PERIOD
        for estimate in each.estimates.all()
        if estimate.value is not None and estimate.low is not None and estimate.high is not None
    ]


def _is_mature(period: EstimateSet, mature_until: date | None) -> bool:
    """Whether nearly all truth of a point has arrived, at the lag of its version."""
    if period.source == Source.REVIEWED:
        return True
    return mature_until is not None and period.window_to.date() <= mature_until


def _version_row(version: ModelVersion, versions: list[ModelVersion], sets: list[EstimateSet]) -> VersionRow:
    found = {source: _main_set(sets, version, source) for source in Source}
    figures = {source: _accuracy(stored) for source, stored in found.items()}
    observed = found[Source.OBSERVED]
    return VersionRow(
        name=version.name,
        is_baseline=version.is_baseline,
        is_latest=version == versions[-1],
        deployed_at=version.deployed_at,
        n_predictions=observed.population if observed else 0,
        reviewed=figures[Source.REVIEWED],
        observed=figures[Source.OBSERVED],
    )


def _accuracy(stored: EstimateSet | None) -> Figure:
    if stored is None:
        return no_figure(NOT_YET)
    return next(
        (figure_of(each) for each in stored.estimates.all() if each.metric == "accuracy" and not each.label),
        no_figure(stored.reason or NOT_YET),
    )


def listed(features: QuerySet[Feature]) -> list[Feature]:
    """The features with what their lines need of themselves, in two queries."""
    versions = Prefetch("versions", ModelVersion.objects.by_deployment())
    return list(features.select_related("owner").prefetch_related(versions))


def feature_rows(features: Iterable[Feature], *, facts: Mapping[int, Facts]) -> list[FeatureRow]:
    """The lines of the Features page: the same few queries for three features and for thirty."""
    ids = list(facts)
    sets: dict[int, list[EstimateSet]] = defaultdict(list)
    stored = (
        EstimateSet.objects.filter(feature__in=ids, segment="", window__in=["version", "28d", "period"])
        .select_related("version")
        .prefetch_related(Prefetch("estimates", Estimate.objects.filter(metric="accuracy", label="")))
        .order_by("window_from")
    )
    for each in stored:
        sets[each.feature_id].append(each)
    free = Assignment.objects.to_judge().filter(feature__in=ids, state="open").order_by()
    n_open = dict(free.values_list("feature").annotate(n=Count("pk")))
    return [
        _feature_row(feature, sets[feature.pk], n_open=n_open.get(feature.pk, 0), facts=facts[feature.pk])
        for feature in features
    ]


def _feature_row(
    feature: Feature,
    sets: list[EstimateSet],
    *,
    n_open: int,
    facts: Facts,
) -> FeatureRow:
    versions = list(feature.versions.all())
    current = versions[-1] if versions else None
    reports = [
        report_of(feature, _main_set(sets, current, source), source=source, version=current)
        for source in (Source.REVIEWED, Source.OBSERVED)
    ]
    right, source = _best_figure(*reports)
    points = [point for point in _series(sets) if point.source == source and not point.is_partial]
    lately = [
        each for each in sets if each.window == "28d" and each.version_id is None and each.source == "observed"
    ]
    return FeatureRow(
        slug=feature.slug,
        name=feature.name,
        description=feature.description,
        stage=feature.stage,
        stage_label=feature.get_stage_display(),
        owner=str(feature.owner or ""),
        version=current.name if current else "",
        is_baseline=bool(current and current.is_baseline),
        right=right,
        source=source,
        series=[point.value for point in points[-8:]],
        period_days=points[-1].days if points else 0,
        n_predictions_28d=lately[0].population if lately else 0,
        n_open_reviews=n_open,
        as_of=facts.as_of,
        may_review=facts.may_review,
    )
