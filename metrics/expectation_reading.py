"""Expectations as pages and REST show them: what was agreed, how it stands, how it came to be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import QuerySet

from feedback.models import Feature
from metrics.functions import SIGNING, name_of
from metrics.models import Expectation, ExpectationStatus
from metrics.stats.expectations import ENOUGH_FOR_A_RECORD, brier

Metric = Expectation.Metric
FOUND = {
    Metric.ACCURACY: "Of 100 answers{where} about {value} ({low} to {high}) are right",
    Metric.PRECISION: "Of 100 times{where} that it says {label}, about {value} ({low} to {high}) are right",
    Metric.RECALL: "Of 100{where} that are {label}, it finds about {value} ({low} to {high})",
    Metric.F1: "Saying and finding {label} together{where} come to about {value} of 100 ({low} to {high})",
    Metric.LATENCY: "Of 20 answers{where} 19 come within {value} ({low} to {high})",
    Metric.ADOPTION: "Adoption{where} is about {value} of 100 ({low} to {high})",
}
NOT_FOUND = {
    Metric.ACCURACY: "Nobody can say yet how often it is right{where}",
    Metric.PRECISION: "Nobody can say yet how often it is right{where} when it says {label}",
    Metric.RECALL: "Nobody can say yet how much of {label}{where} it finds",
    Metric.F1: "Nobody can say yet how well it says and finds {label}{where}",
    Metric.LATENCY: "Nobody can say yet how fast it answers{where}",
    Metric.ADOPTION: "Nobody can say yet how far it is adopted{where}",
}


@dataclass(frozen=True, slots=True)
class StatusChange:
    status: str
    status_label: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Signature:
    """function: of the two that sign. person, at, p: None until it has; p: its chance that it will be met."""

    function: str
    name: str
    person: str | None
    at: datetime | None
    p: float | None


@dataclass(frozen=True, slots=True)
class Link:
    """What was agreed before, and replaced: a goalpost that was moved."""

    id: int
    target: float
    target_text: str
    by_on: date
    why_moved: str
    status_label: str
    agreed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ExpectationReport:
    """An expectation and how it stands.

    target, baseline, value, low, high: in the metric's unit (shares in [0, 1], ms, adoption 0 to 100); *_text:
    for people. low, high: the interval that stays right however often people look. p_met: chance that it is
    met given the data. n_to_go: counted items until it can be told. moved: the chain, newest first.
    """

    id: int
    feature: str
    metric: str
    metric_label: str
    segment: str
    version: str | None
    direction: str
    baseline: float | None
    baseline_text: str
    target: float
    target_text: str
    by_on: date
    why: str
    state: str
    status: str
    status_label: str
    since: datetime | None
    as_of: datetime | None
    is_resolved: bool
    sentence: str
    value: float | None
    low: float | None
    high: float | None
    span_text: str
    n: int
    source: str
    measured_version: str
    p_met: float | None
    n_to_go: int | None
    reason: str
    proposed_by: str
    proposed_at: datetime
    signatures: list[Signature]
    missing: list[str]
    replaces: int | None
    n_moved: int
    moved: list[Link]
    history: list[StatusChange]


@dataclass(frozen=True, slots=True)
class CalibrationRecord:
    """How well a function's stated chances foretold what came. brier: from 20 resolved ones on, else None."""

    function: str
    name: str
    n_resolved: int
    n_needed: int
    brier: float | None
    mean_stated: float | None
    share_met: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class ExpectationsPage:
    """What is agreed and proposed about a feature, and each function's record over the features one sees."""

    feature: str
    name: str
    in_force: list[ExpectationReport]
    proposed: list[ExpectationReport]
    ended: list[ExpectationReport]
    calibration: list[CalibrationRecord]


def expectations_page(feature: Feature, *, visible: QuerySet[Feature]) -> ExpectationsPage:
    """Everything about the expectations of a feature. visible: what the reader may see, for the records."""
    rows = list(Expectation.objects.of(feature).with_statuses().order_by("-proposed_at", "-pk"))
    by_pk = {row.pk: row for row in rows}
    reports = {state: [report_of(row, by_pk) for row in rows if row.state == state] for state in Expectation.State}
    return ExpectationsPage(
        feature=feature.slug,
        name=feature.name,
        in_force=reports[Expectation.State.AGREED],
        proposed=reports[Expectation.State.PROPOSED],
        ended=reports[Expectation.State.WITHDRAWN],
        calibration=calibration(visible),
    )


def report_of(row: Expectation, by_pk: dict[int, Expectation]) -> ExpectationReport:
    statuses = list(row.statuses.all())
    newest = statuses[0] if statuses else None
    moved = [_link(old, newer) for newer, old in _chain(row, by_pk)]
    signatures = [_signature(row, function) for function in SIGNING]
    has_value = newest is not None and newest.value is not None
    return ExpectationReport(
        id=row.pk,
        feature=row.feature.slug,
        metric=row.metric,
        metric_label=row.get_metric_display(),
        segment=row.segment,
        version=row.version.name if row.version else None,
        direction=row.direction,
        baseline=row.baseline,
        baseline_text=in_words(row, row.baseline) if row.baseline is not None else "",
        target=row.target,
        target_text=in_words(row, row.target),
        by_on=row.by_on,
        why=row.why,
        state=row.state,
        status=newest.status if newest else "unknown",
        status_label=newest.get_status_display() if newest else "unknown",
        since=newest.since if newest else None,
        as_of=newest.checked_at if newest else None,
        is_resolved=row.resolved_at is not None,
        sentence=sentence_for(row, newest),
        value=newest.value if newest else None,
        low=newest.low if newest else None,
        high=newest.high if newest else None,
        span_text=_span(row, newest) if newest and has_value else "",
        n=newest.n if newest else 0,
        source=newest.source if newest else "",
        measured_version=newest.version if newest else "",
        p_met=newest.p_met if newest else None,
        n_to_go=newest.n_to_go if newest else None,
        reason=newest.reason if newest else "it has not been checked yet; that takes a minute",
        proposed_by=str(row.proposed_by),
        proposed_at=row.proposed_at,
        signatures=signatures,
        missing=[signature.function for signature in signatures if signature.person is None],
        replaces=row.replaces_id,
        n_moved=len(moved),
        moved=moved,
        history=[StatusChange(each.status, each.get_status_display(), each.since) for each in statuses],
    )


def _chain(row: Expectation, by_pk: dict[int, Expectation]) -> Iterator[tuple[Expectation, Expectation]]:
    """Each step back: what replaced, and what was replaced."""
    while row.replaces_id is not None:
        older = by_pk[row.replaces_id]
        yield row, older
        row = older


def _link(old: Expectation, newer: Expectation) -> Link:
    newest = next(iter(old.statuses.all()), None)
    signed = [at for at in (old.data_science_signed_at, old.product_signed_at) if at]
    return Link(
        id=old.pk,
        target=old.target,
        target_text=in_words(old, old.target),
        by_on=old.by_on,
        why_moved=newer.why,
        status_label=newest.get_status_display() if newest else "unknown",
        agreed_at=max(signed, default=None),
    )


def _signature(row: Expectation, function: str) -> Signature:
    person = getattr(row, f"{function}_signed_by")
    return Signature(
        function=function,
        name=name_of(function),
        person=str(person) if person else None,
        at=getattr(row, f"{function}_signed_at"),
        p=getattr(row, f"p_{function}"),
    )


def _span(row: Expectation, status: ExpectationStatus) -> str:
    return f"{_bare(row, status.low)} to {in_words(row, status.high)}"


def _bare(row: Expectation, value: float | None) -> str:
    if value is None:
        return "–"
    if row.metric == Metric.LATENCY:
        return f"{value:,.3g}" if value < 999.5 else f"{value:,.0f}"
    return f"{100 * value if row.is_share else value:.0f}"


def in_words(row: Expectation, value: float | None) -> str:
    """A value in the metric's unit: "82 %", "120 ms", "61"."""
    unit = "\u00a0%" if row.is_share else "\u00a0ms" if row.metric == Metric.LATENCY else ""
    return f"{_target_number(row, value)}{unit}" if value is not None else "–"


def _target_number(row: Expectation, value: float) -> str:
    """With the digits that were agreed: 88.5 stays 88.5."""
    return f"{100 * value if row.is_share else value:,.4g}"


def sentence_for(row: Expectation, status: ExpectationStatus | None) -> str:
    """What was found and what was agreed, in a sentence for people."""
    where = f" with {row.segment.replace(':', ' ')}" if row.segment else ""
    words = {"where": where, "label": _label(row, status)}
    if status is None or status.value is None:
        found = NOT_FOUND[Metric(row.metric)].format(**words)
    else:
        unit = "\u00a0ms" if row.metric == Metric.LATENCY else ""
        value, low, high = (_bare(row, each) for each in (status.value, status.low, status.high))
        found = FOUND[Metric(row.metric)].format(value=value + unit, low=low, high=high, **words)
    return f"{found}; {_agreed(row)}."


def _agreed(row: Expectation) -> str:
    unit = "\u00a0ms" if row.metric == Metric.LATENCY else ""
    usual = row.Direction.AT_MOST if row.metric == Metric.LATENCY else row.Direction.AT_LEAST
    words = "" if row.direction == usual else f"{row.get_direction_display()} "
    who = "product and data science agreed on" if row.state != row.State.PROPOSED else "proposed is"
    return f"{who} {words}{_target_number(row, row.target)}{unit}"


def _label(row: Expectation, status: ExpectationStatus | None) -> str:
    """The label that precision, recall and F1 speak of, in the feature's words."""
    label = status.label if status else ""
    return f"“{row.feature.words_for(label)}”" if label else "what it looks for"


def calibration(features: QuerySet[Feature]) -> list[CalibrationRecord]:
    """Each function's record over these features: promises whose day has passed and that were met or broken."""
    resolved = (
        Expectation.objects.visible_in(features)
        .filter(resolved_at__isnull=False)
        .with_statuses()
        .order_by("resolved_at")
    )
    outcomes = [(row, status.status) for row in resolved for status in list(row.statuses.all())[:1]]
    decided = [(row, status == "met") for row, status in outcomes if status in {"met", "broken"}]
    return [_record(function, decided) for function in SIGNING]


def _record(function: str, decided: Sequence[tuple[Expectation, bool]]) -> CalibrationRecord:
    stated = [getattr(row, f"p_{function}") for row, _ in decided]
    was_met = [is_met for _, is_met in decided]
    n = len(decided)
    score = brier(stated, was_met) if n >= ENOUGH_FOR_A_RECORD else None
    mean = sum(stated) / n if n else None
    share = sum(was_met) / n if n else None
    if score is None or mean is None or share is None:
        sentence = f"{n} of {ENOUGH_FOR_A_RECORD} resolved"
        return CalibrationRecord(function, name_of(function), n, ENOUGH_FOR_A_RECORD, None, None, None, sentence)
    sentence = f"It said {100 * mean:.0f} of 100 would be met, {100 * share:.0f} of 100 were ({n} resolved)."
    return CalibrationRecord(function, name_of(function), n, ENOUGH_FOR_A_RECORD, score, mean, share, sentence)
