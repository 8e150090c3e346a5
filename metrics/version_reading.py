"""Is the new version better? Reads what the workers compared. Never computes a statistic."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from feedback.models import Feature, ModelVersion
from metrics.models import EstimateSet
from metrics.reading import NOT_YET, comparisons_of, figure_of, no_figure
from metrics.reports import Comparison, Figure

Source = EstimateSet.Source
BY_STATE = {"measured": 0, "collecting": 1, "no_data": 2}


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version over its whole life, by both sources, and how it compares. is_best: the highest share so far."""

    name: str
    is_baseline: bool
    is_latest: bool
    is_best: bool
    deployed_at: datetime | None
    n_predictions: int
    notes: str
    reviewed: Figure
    observed: Figure
    comparisons: list[Comparison]


@dataclass(frozen=True, slots=True)
class VersionPoint:
    """A version in the chart: its share right by one source, and the best share up to then."""

    version: str
    on: date | None
    value: float
    low: float
    high: float
    n: int
    best: float


@dataclass(frozen=True, slots=True)
class VersionsPage:
    """verdict: one sentence on the newest version, main: the comparison that it is from. lines: the newest first.

    points: of the source that most versions have a figure by, oldest first.
    """

    slug: str
    name: str
    simulated_note: str
    as_of: datetime | None
    verdict: str
    main: Comparison | None
    lines: list[VersionLine]
    points: list[VersionPoint]
    points_source: str
    chart_title: str


def versions_page(feature: Feature) -> VersionsPage:
    """Every version beside the one before it and beside the baseline, in three queries."""
    versions = list(ModelVersion.objects.of(feature).by_deployment())
    stored = (
        EstimateSet.objects.of(feature)
        .filter(segment="", window=EstimateSet.Window.VERSION)
        .prefetch_related("estimates")
    )
    lives = {(each.version_id, each.source): each for each in stored}
    source, points = _points(versions, lives)
    best = max(points, key=lambda point: point.value, default=None)
    lines = [_line(version, versions, lives, best) for version in versions]
    main = _main(lines[-1].comparisons) if lines else None
    return VersionsPage(
        slug=feature.slug,
        name=feature.name,
        simulated_note=feature.simulated_note,
        as_of=max((each.as_of for each in lives.values()), default=None),
        verdict=_verdict(versions, main, has_figures=bool(lives)),
        main=main,
        lines=lines[::-1],
        points=points,
        points_source=source,
        chart_title=_chart_title(versions, points),
    )


def _accuracy(stored: EstimateSet | None) -> Figure:
    if stored is None:
        return no_figure(NOT_YET)
    found = (each for each in stored.estimates.all() if each.metric == "accuracy" and not each.label)
    return next((figure_of(each) for each in found), no_figure(stored.reason or NOT_YET))


def _line(
    version: ModelVersion,
    versions: Sequence[ModelVersion],
    lives: dict[tuple[int | None, str], EstimateSet],
    best: VersionPoint | None,
) -> VersionLine:
    found = {source: lives.get((version.pk, source)) for source in Source}
    observed = found[Source.OBSERVED]
    return VersionLine(
        name=version.name,
        is_baseline=version.is_baseline,
        is_latest=version == versions[-1],
        is_best=best is not None and best.version == version.name,
        deployed_at=version.deployed_at,
        n_predictions=observed.population if observed else 0,
        notes=version.notes,
        reviewed=_accuracy(found[Source.REVIEWED]),
        observed=_accuracy(observed),
        comparisons=[each for stored in found.values() if stored for each in comparisons_of(stored)],
    )


def _main(comparisons: Sequence[Comparison]) -> Comparison | None:
    """What decides, before what does not; with the version before, before the baseline; same cases first."""
    return min(
        comparisons,
        key=lambda each: (not each.against_is_previous, BY_STATE[each.state], each.method != "paired"),
        default=None,
    )


def _verdict(versions: Sequence[ModelVersion], main: Comparison | None, *, has_figures: bool) -> str:
    if main is not None:
        return main.sentence
    if not versions:
        return "There is nothing to compare yet, because no version has been registered."
    if len(versions) == 1:
        return f"There is nothing to compare yet, because {versions[0].name} is the only version."
    return f"Nothing can be compared yet, because {'the newest has answered nothing' if has_figures else NOT_YET}."


def _points(
    versions: Sequence[ModelVersion], lives: dict[tuple[int | None, str], EstimateSet]
) -> tuple[str, list[VersionPoint]]:
    """By the source that most versions have a figure by; reviews where both have as many."""
    by_source = {
        source: [(version, _accuracy(lives.get((version.pk, source)))) for version in versions]
        for source in Source
    }
    n_known = {source: sum(figure.value is not None for _, figure in found) for source, found in by_source.items()}
    source = max(Source, key=lambda each: n_known[each])
    points: list[VersionPoint] = []
    for version, figure in by_source[source]:
        if figure.value is not None and figure.low is not None and figure.high is not None:
            best = max(figure.value, points[-1].best if points else 0.0)
            on = version.deployed_at.date() if version.deployed_at else None
            points.append(VersionPoint(version.name, on, figure.value, figure.low, figure.high, figure.n, best))
    return source, points


def _chart_title(versions: Sequence[ModelVersion], points: Sequence[VersionPoint]) -> str:
    """The finding: from baseline to best, as far as both are known."""
    if not points:
        return "From baseline to best"
    baseline = {version.name for version in versions if version.is_baseline}
    first = next((point for point in points if point.version in baseline), points[0])
    best = max(points, key=lambda point: point.value)
    start = "the baseline" if first.version in baseline else first.version
    if best.version == first.version:
        return f"No version has been seen to be better than {start} ({100 * first.value:.0f} % right)"
    return f"From {100 * first.value:.0f} % right with {start} to {100 * best.value:.0f} % with {best.version}"
