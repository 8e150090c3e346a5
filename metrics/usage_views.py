from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from feedback.exports import csv_answer
from feedback.models import Feature, User
from feedback.policy import MEMBER, allow
from metrics import usage_reading
from metrics.usage_reports import UsageReport, UseFigure

SHARE = ("value", "low", "high", "numerator", "denominator", "n_accounts")
TRUST = ("value", "low", "high", "about", "about_low", "about_high", "n_pairs", "n")


@allow(MEMBER)
def usage(request: HttpRequest, slug: str) -> HttpResponse:
    assert isinstance(request.user, User)  # noqa: S101  for the type checker; the policy asks for one
    feature = get_object_or_404(Feature.objects.visible_to(request.user), slug=slug)
    page = usage_reading.usage_page(feature)
    if request.GET.get("format") == "csv":
        return _csv(page.report, request.GET.get("table", "weeks"))
    report = page.report
    context = {
        "page": page,
        "report": report,
        "weeks_drawn": [{**asdict(week), "series": "taken"} for week in report.weeks],
        "strip_drawn": [asdict(step) for step in report.life_cycle],
        "trust_drawn": _trust_drawn(report),
    }
    return render(request, "metrics/usage.html", context)


def _trust_drawn(report: UsageReport) -> list[dict[str, Any]]:
    """Shares wrong among the used, a line for each source."""
    names = {"reviewed": "experts", "observed": "truth"}
    return [
        {
            "from_on": week.week_on,
            "series": names[week.source],
            **{name: getattr(week.wrong_but_used, name) for name in ("value", "low", "high", "n")},
            "is_partial": week.is_partial,
        }
        for week in report.trust
        if week.wrong_but_used.value is not None
    ]


def _csv(report: UsageReport, table: str) -> HttpResponse:
    columns, lines = TABLES.get(table, TABLES["weeks"])(report)
    return csv_answer(f"{report.feature}-usage-{table if table in TABLES else 'weeks'}.csv", columns, lines)


Table = tuple[Sequence[str], list[list[object]]]


def _figures(report: UsageReport) -> Table:
    names = ("reach", "acceptance", "retention", "stickiness", "follow_through")
    figures: list[tuple[str, UseFigure]] = [(name, getattr(report, name)) for name in names]
    return ("figure", *SHARE, "reason"), [
        [name, *(getattr(figure, column) for column in SHARE), figure.reason] for name, figure in figures
    ]


def _weeks(report: UsageReport) -> Table:
    columns = ("from_on", "value", "low", "high", "n", "n_accounts", "is_partial")
    return columns, [[getattr(week, name) for name in columns] for week in report.weeks]


def _returns(report: UsageReport) -> Table:
    return ("after", *SHARE), [
        [point.after, *(getattr(point.figure, name) for name in SHARE)] for point in report.returns
    ]


def _life_cycle(report: UsageReport) -> Table:
    columns = ("from_on", "days", "new", "returning", "resurrected", "gone")
    return columns, [[getattr(step, name) for name in columns] for step in report.life_cycle]


def _trust(report: UsageReport) -> Table:
    kinds = ("wrong_but_used", "right_but_refused")
    columns = ("week_on", "source", *(f"{kind}_{name}" for kind in kinds for name in TRUST), "is_partial")
    return columns, [
        [
            week.week_on, week.source,
            *(getattr(getattr(week, kind), name) for kind in kinds for name in TRUST), week.is_partial,
        ]
        for week in report.trust
    ]  # fmt: skip


TABLES = {
    "figures": _figures, "weeks": _weeks, "returns": _returns, "life_cycle": _life_cycle, "trust": _trust,
}  # fmt: skip
