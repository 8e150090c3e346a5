"""Reads the stored figures of usage for page and REST, and puts them into sentences. Never computes a figure."""

from dataclasses import dataclass

from feedback.models import Feature, UsageEvent
from metrics.models import UsageSummary
from metrics.usage_reports import TrustWeek, UsageReport, no_report, report_from

NO_EVENTS = "no usage event has arrived"
NOT_SUMMED = "the worker has not summed up its usage events yet; figures appear within two minutes"
SPANS = {"day": ("day", "days"), "week": ("week", "weeks"), "month": ("four weeks", "times four weeks")}


@dataclass(frozen=True, slots=True)
class UsagePage:
    """The report in sentences: verdict on top, then the findings over the charts."""

    slug: str
    name: str
    report: UsageReport
    has_events: bool
    verdict: str
    verdict_detail: str
    acceptance_title: str
    returns_title: str
    trust_title: str
    strip_title: str
    span: str
    spans: str
    horizon: str


def usage_report(feature: Feature) -> UsageReport:
    """What the worker stored; before that a report without figures that says why. Two queries at most."""
    summary = UsageSummary.objects.filter(feature=feature).exclude(as_of=None).first()
    if summary is not None:
        return report_from(summary.figures)
    reason = NOT_SUMMED if UsageEvent.objects.of(feature).exists() else NO_EVENTS
    return no_report(feature.slug, reason, cadence=feature.cadence, simulated_note=feature.simulated_note)


def usage_page(feature: Feature) -> UsagePage:
    report = usage_report(feature)
    span, spans = SPANS[report.cadence]
    verdict, detail = _verdict(feature, report)
    return UsagePage(
        slug=feature.slug,
        name=feature.name,
        report=report,
        has_events=report.reason != NO_EVENTS,
        verdict=verdict,
        verdict_detail=detail,
        acceptance_title=_acceptance_title(report),
        returns_title=_returns_title(report, span),
        trust_title=_trust_title(report),
        strip_title=_strip_title(report, span),
        span=span,
        spans=spans,
        horizon=f"Back {report.horizon} {span if report.horizon == 1 else spans} later",
    )


def _people(n: int) -> str:
    return "1 person" if n == 1 else f"{n:,} people"


def _verdict(feature: Feature, report: UsageReport) -> tuple[str, str]:
    if report.reason:
        return f"Nobody can say yet whether {feature.name} is used.", f"Because {report.reason}."
    if not report.n_people:
        who = "Nobody may use it" if report.has_roster else "It was shown to nobody"
        return f"{who} in the last 28 days.", "The last 28 complete days hold no exposure and no roster of people."
    if report.has_roster:
        verdict = f"Of {_people(report.n_people)} who may use it {report.n_people_using:,} did in 28 days."
        detail = ""
    else:
        verdict = f"Of {_people(report.n_people)} who saw an answer {report.n_people_using:,} used one in 28 days."
        detail = "Who may use it is not known, because no roster was sent: this is of those who saw it. "
    reach = report.reach
    if reach.low is not None and reach.high is not None:
        detail += f"In accounts like these {100 * reach.low:.0f} to {100 * reach.high:.0f} % would. "
    else:
        detail += "All are of one account, which says nothing of others. "
    if report.n_opted_out:
        detail += f"{_people(report.n_opted_out)} opted out, and count among those who may."
    return verdict, detail.strip()


def _acceptance_title(report: UsageReport) -> str:
    if report.acceptance.value is None:
        return "No answer was taken or refused in the last 28 days"
    return f"Of 10 answers shown {_were(10 * report.acceptance.value)} taken in the last 28 days"


def _returns_title(report: UsageReport, span: str) -> str:
    first = next((point.figure for point in report.returns if point.after == 1), None)
    if first is None or first.value is None:
        return "Nobody began long enough ago to have come back"
    return f"Of 10 who began {10 * first.value:.0f} came back in the {span} after"


def _trust_title(report: UsageReport) -> str:
    week = latest_known(report)
    if week is None:
        return "Whether used answers were right is not known yet"
    share = week.wrong_but_used
    of = f"({share.about_low:,.0f} to {share.about_high:,.0f}) of {share.n_pairs:,} used answers"
    return f"About {share.about:,.0f} {of} were wrong in the week of {week.week_on:%-d %B}"


def _strip_title(report: UsageReport, span: str) -> str:
    if not report.life_cycle:
        return "Who comes, who stays, who goes"
    last = report.life_cycle[-1]
    stayed = last.returning + last.resurrected
    return f"In the last {span} {stayed:,} came again, {last.new:,} came first, {last.gone:,} stayed away"


def _were(n: float) -> str:
    return "1 was" if round(n) == 1 else f"{n:.0f} were"


def latest_known(report: UsageReport) -> TrustWeek | None:
    """The newest week that is over with a share of wrong but used, by the source that judged more of it."""
    known = [week for week in report.trust if week.wrong_but_used.value is not None and not week.is_partial]
    return max(known, key=lambda week: (week.week_on, week.wrong_but_used.n), default=None)
