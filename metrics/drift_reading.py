"""Drift as pages and REST show it: what looks different from a version's first days."""

from dataclasses import dataclass
from datetime import date, datetime

from feedback.models import Feature
from metrics.models import DriftLook, DriftReading

Kind = DriftReading.Kind
NOT_LOOKED = "no prediction of it is summed up yet"
NO_ALARM = "Drift alone raises no alarm; it brings more reviews."


@dataclass(frozen=True, slots=True)
class WeekDistance:
    """distance: None where the week has no predictions."""

    from_on: date
    distance: float | None
    n: int


@dataclass(frozen=True, slots=True)
class QualityRow:
    """Predictions of the week whose input is missing, was unseen in the first days, or is out_of_type.

    what: one of the three. unseen: another category, or out of range. n, share: in the week; reference_share: in
    the first days; None without any predictions.
    """

    what: str
    n: int
    share: float | None
    reference_share: float | None


@dataclass(frozen=True, slots=True)
class DriftRow:
    """One input, the answers, or how the scores are spread. distance: 0 the same, 1 nothing in common.

    None with a reason. A reason beside a distance says what it cannot show.
    """

    kind: str
    name: str
    distance: float | None
    psi: float | None
    threshold: float | None
    is_drifting: bool
    n: int
    n_reference: int
    reason: str
    weeks: list[WeekDistance]
    quality: list[QualityRow]

    @property
    def line(self) -> list[float]:
        """Weeks with a distance, for the sparkline; under two there is none."""
        known = [week.distance for week in self.weeks if week.distance is not None]
        return known if len(known) > 1 else []

    @property
    def weeks_label(self) -> str:
        """What the sparkline shows, for those who do not see it."""
        return f"Distance in {len(self.line)} weeks, {', '.join(f'{value:.2f}' for value in self.line)}"


@dataclass(frozen=True, slots=True)
class ExpectedRight:
    """The share right that is expected from the scores of the week: an estimate, not measured.

    source: what the scores were checked against, reviewed or observed; empty: nothing, they stand as sent.
    """

    value: float | None
    low: float | None
    high: float | None
    reference_value: float | None
    reference_low: float | None
    reference_high: float | None
    n_reference: int
    n: int
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class VersionDrift:
    """One version's newest week [window_from, window_to) against its first days, both ends included."""

    version: str
    window_from: date
    window_to: date
    reference_from: date | None
    reference_to: date | None
    as_of: datetime
    sentence: str
    n_drifting: int
    inputs: list[DriftRow]
    label: DriftRow | None
    confidence: DriftRow | None
    expected_right: ExpectedRight | None


@dataclass(frozen=True, slots=True)
class DriftReport:
    """Of a feature, the newest version in front. reason: why there is none; empty otherwise."""

    feature: str
    name: str
    as_of: datetime | None
    versions: list[VersionDrift]
    reason: str

    @property
    def newest(self) -> VersionDrift | None:
        return self.versions[0] if self.versions else None


def drift_report(feature: Feature) -> DriftReport:
    """In two queries."""
    look = DriftLook.objects.filter(feature=feature).first()
    readings = list(DriftReading.objects.of(feature).select_related("version").order_by("-version", "pk"))
    of_version: dict[int, list[DriftReading]] = {}
    for reading in readings:
        of_version.setdefault(reading.version_id, []).append(reading)
    return DriftReport(
        feature=feature.slug,
        name=feature.name,
        as_of=look.as_of if look else None,
        versions=[_version(rows) for rows in of_version.values()],
        reason="" if readings else NOT_LOOKED,
    )


def _version(rows: list[DriftReading]) -> VersionDrift:
    head = rows[0]
    by_kind = {row.kind: row for row in rows if row.kind != Kind.FIELD}
    inputs = sorted((_row(row) for row in rows if row.kind == Kind.FIELD), key=_farthest_first)
    label, confidence = by_kind.get(Kind.LABEL), by_kind.get(Kind.CONFIDENCE)
    answers = _row(label) if label else None
    return VersionDrift(
        version=head.version.name,
        window_from=head.window_from,
        window_to=head.window_to,
        reference_from=head.reference_from,
        reference_to=head.reference_to,
        as_of=head.as_of,
        sentence=_sentence(inputs, answers),
        n_drifting=sum(row.is_drifting for row in rows),
        inputs=inputs,
        label=answers,
        confidence=_row(confidence) if confidence else None,
        expected_right=_expected(confidence) if confidence else None,
    )


def _farthest_first(row: DriftRow) -> tuple[bool, float, str]:
    return not row.is_drifting, -(row.distance if row.distance is not None else -1.0), row.name


def _row(row: DriftReading) -> DriftRow:
    return DriftRow(
        kind=row.kind,
        name=row.name,
        distance=row.js_distance,
        psi=row.psi,
        threshold=row.threshold,
        is_drifting=row.is_drifting,
        n=row.n,
        n_reference=row.n_reference,
        reason=row.reason,
        weeks=[WeekDistance(date.fromisoformat(first), distance, n) for first, distance, n in row.weeks],
        quality=[
            QualityRow(what, n, _share(n, row.n), _share(before, row.n_reference))
            for what, (n, before) in row.quality.items()
        ],
    )


def _share(n: int, of: int) -> float | None:
    return n / of if of else None


def _expected(row: DriftReading) -> ExpectedRight:
    reason = row.reason if row.value is None else ""
    return ExpectedRight(
        value=row.value,
        low=row.low,
        high=row.high,
        reference_value=row.reference_value,
        n=row.n,
        source=row.source,
        reason=reason,
        reference_low=row.reference_low,
        reference_high=row.reference_high,
        n_reference=row.n_reference,
    )


def _sentence(inputs: list[DriftRow], label: DriftRow | None) -> str:
    known = [row for row in inputs if row.distance is not None]
    if not known and (label is None or label.distance is None):
        why = next((row.reason for row in (*inputs, label) if row and row.reason), "nothing is known yet")
        return f"Nobody can say yet whether anything looks different, because {why}."
    if not known:
        answers = "look different" if label and label.is_drifting else "look as in the first days"
        return f"No input can be compared; the answers {answers}. {NO_ALARM}"
    n = sum(row.is_drifting for row in known)
    verb = "looks" if n == 1 else "look"
    told = f"{n or 'None'} of {len(known)} inputs {verb} different from the first days"
    return f"{told}{_and_answers(label, n)}. {NO_ALARM}"


def _and_answers(label: DriftRow | None, n_drifting: int) -> str:
    if label is None or label.distance is None:
        return ""
    if label.is_drifting:
        return ", and so do the answers" if n_drifting else "; the answers look different"
    return "; the answers do not" if n_drifting else "; neither do the answers"
