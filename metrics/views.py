from dataclasses import asdict

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone

from feedback.exports import csv_answer
from feedback.models import Feature, User
from feedback.policy import MEMBER, PERSON, allow
from metrics import alert_reading, drift_reading, reading
from metrics.filters import FeatureFilter
from metrics.overview import Overview, agreed_of, facts_of, overviews, with_facts
from metrics.reports import FeatureRow, SeriesPoint
from reviews.models import SamplingPolicy


def _person(request: HttpRequest) -> User:
    """The signed-in person; the policy of every page here asks for one."""
    assert isinstance(request.user, User)  # noqa: S101  for the type checker
    return request.user


@allow(PERSON)
def features(request: HttpRequest) -> HttpResponse:
    user = _person(request)
    visible = Feature.objects.visible_to(user)
    chosen = FeatureFilter(request.GET, queryset=visible)
    now = timezone.now()
    found = reading.listed(with_facts(chosen.qs, user=user, now=now))
    rates = dict(
        SamplingPolicy.objects.current().filter(feature__in=found).values_list("feature", "reviews_per_day")
    )
    lines = reading.feature_rows(found, facts={each.pk: facts_of(each) for each in found})
    rows = list(zip(lines, overviews(found, rates=rates, now=now), strict=True))
    if request.GET.get("format") == "csv":
        return _features_csv(rows)
    query = request.GET.copy()
    query["format"] = "csv"
    context = {
        "rows": rows,
        "filter": chosen,
        "n_total": visible.count(),
        "csv_url": f"{reverse('metrics:features')}?{query.urlencode()}",
    }
    is_partial = getattr(request, "htmx", False)
    return render(request, "metrics/_features_table.html" if is_partial else "metrics/features.html", context)


@allow(MEMBER)
def feature(request: HttpRequest, slug: str) -> HttpResponse:
    user = _person(request)
    now = timezone.now()
    visible = with_facts(Feature.objects.visible_to(user).select_related("owner"), user=user, now=now)
    found = get_object_or_404(visible, slug=slug)
    facts = facts_of(found)
    page = reading.feature_page(found, may_review=facts.may_review, as_of=facts.as_of)
    if request.GET.get("format") == "csv":
        return _series_csv(found.slug, page.series)
    rates = {found.pk: page.progress.reviews_per_day} if page.progress else {}
    context = {
        "page": page,
        "overview": overviews([found], rates=rates, now=now)[0],
        "agreed": agreed_of(found, now=now),
        "chart_data": [asdict(point) for point in page.series],
        "chance_data": [asdict(bar) for bar in page.observed.reliability.bars]
        if page.observed.reliability
        else [],
        "csv_url": f"{found.get_absolute_url()}?format=csv",
    }
    return render(request, "metrics/feature.html", context)


@allow(MEMBER)
def feature_watch(request: HttpRequest, slug: str) -> HttpResponse:
    """What is watched of a feature, as a part of its page: fetched after it, so that the page stays light."""
    found = get_object_or_404(Feature.objects.visible_to(_person(request)), slug=slug)
    context = {
        "slug": slug,
        "alerts": alert_reading.feature_alerts(found, now=timezone.now()),
        "budget": alert_reading.BUDGET,
        "drift": drift_reading.drift_report(found),
    }
    return render(request, "metrics/_feature_watch.html", context)


def _features_csv(rows: list[tuple[FeatureRow, Overview]]) -> HttpResponse:
    columns = [
        "slug", "name", "stage", "owner", "version", "right", "low", "high", "n", "state", "source", "as_of",
        "adoption", "adoption_low", "adoption_high", "adoption_state", "accountability", "accountability_low",
        "accountability_high", "accountability_state", "wrong_but_used", "feedback_open", "feedback_overdue",
        "predictions_28d",
    ]  # fmt: skip
    lines = []
    for row, overview in rows:
        used, answered = overview.standing.adoption, overview.standing.accountability
        lines.append([
            row.slug, row.name, row.stage, row.owner, row.version, row.right.value, row.right.low, row.right.high,
            row.right.n, row.right.state, row.source, row.as_of,
            used.value, used.low, used.high, used.state,
            answered.value, answered.low, answered.high, answered.state,
            overview.wrong_but_used.value if overview.wrong_but_used else None,
            overview.n_open, overview.n_overdue, row.n_predictions_28d,
        ])  # fmt: skip
    return csv_answer("features.csv", columns, lines)


def _series_csv(slug: str, series: list[SeriesPoint]) -> HttpResponse:
    columns = ["from_on", "days", "version", "source", "value", "low", "high", "n", "is_partial", "is_mature"]
    return csv_answer(f"{slug}-over-time.csv", columns, [list(asdict(point).values()) for point in series])
