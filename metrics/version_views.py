from dataclasses import asdict

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from feedback.exports import csv_answer
from feedback.models import Feature
from feedback.policy import MEMBER, allow
from metrics.version_reading import VersionLine, VersionsPage, versions_page

COLUMNS = [
    "version", "is_baseline", "deployed_at", "predictions", "source", "right", "low", "high", "n", "state",
    "against", "method", "difference", "difference_low", "difference_high", "difference_anytime_low",
    "difference_anytime_high", "n_against", "n_to_go", "difference_state", "sentence",
]  # fmt: skip


@allow(MEMBER)
def versions(request: HttpRequest, slug: str) -> HttpResponse:
    feature = get_object_or_404(Feature.objects.visible_to(request.user), slug=slug)
    page = versions_page(feature)
    if request.GET.get("format") == "csv":
        return _csv(page)
    context = {
        "page": page,
        "chart_data": [asdict(point) for point in page.points],
    }
    return render(request, "metrics/versions.html", context)


def _csv(page: VersionsPage) -> HttpResponse:
    """A row for each version and source, or for each comparison of it."""
    rows = [row for line in page.lines for row in _rows(line)]
    return csv_answer(f"{page.slug}-versions.csv", COLUMNS, rows)


def _rows(line: VersionLine) -> list[list[object]]:
    rows = []
    head = [line.name, line.is_baseline, line.deployed_at, line.n_predictions]
    for source, figure in (("reviewed", line.reviewed), ("observed", line.observed)):
        told = [*head, source, figure.value, figure.low, figure.high, figure.n, figure.state]
        mine = [each for each in line.comparisons if (each.method == "unpaired") == (source == "reviewed")]
        rows += [
            [
                *told, each.against, each.method, each.value, each.low, each.high, each.anytime_low,
                each.anytime_high, each.n_against, each.n_to_go, each.state, each.sentence,
            ]
            for each in mine
        ] or [[*told, *[None] * 11]]  # fmt: skip
    return rows
