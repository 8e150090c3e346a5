"""The sampling page: who may, what a change makes, what it brings, and who was first."""

from datetime import UTC, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from metrics.models import DaySummary, EstimateSet
from metrics.sampling_reading import forecast_page
from reviews.actions.desk import set_policy
from reviews.models import DrawDay, ReviewItem, ReviewRate, SamplingPolicy
from tests.factories import make_feature, make_membership, make_user, make_version

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
ADDRESS = "/features/claims/sampling/"


@pytest.fixture
def feature():
    return make_feature("claims")


@pytest.fixture
def ann(feature):
    return make_membership(make_user("ann@example.org"), feature, "data_science").user


@pytest.fixture
def browser(client_for, ann):
    return client_for(ann)


def entered(**fields):
    return {
        "after": "0",
        "design": "uniform",
        "reviews_per_day": "40",
        "target_count": "500",
        "watch_share": "10",
        "overlap_share": "15",
        "audit_share": "5",
        "gold_share": "0",
        "lease_minutes": "15",
        "skill_segment": "",
        "do": "save",
        **fields,
    }


def sum_up(version, n, *, days_ago=1):
    """n predictions of a day, as the worker would have summed them."""
    now = timezone.now()
    return DaySummary.objects.create(
        feature=version.feature,
        version=version,
        day=now.astimezone(UTC).date() - days_ago * DAY,
        payload={},
        source_count=n,
        summed_at=now,
    )


def words(answer):
    return " ".join(answer.content.decode().split())


# --- who may, and what is made


def test_the_first_version_bears_its_maker_s_name(browser, ann, feature):
    answer = browser.post(ADDRESS, entered(is_blind="on", lease_minutes="2.5"))
    assert (answer.status_code, answer["Location"]) == (302, ADDRESS)
    policy = SamplingPolicy.objects.get()
    assert (policy.number, policy.created_by, policy.design) == (1, ann, "uniform")
    assert (policy.overlap_share, policy.lease_seconds, policy.is_blind) == (0.15, 150, True)


def test_a_change_is_the_next_version_and_the_page_says_what_changed(browser, feature):
    browser.post(ADDRESS, entered())
    browser.post(ADDRESS, entered(after="1", reviews_per_day="60"))
    assert [policy.reviews_per_day for policy in SamplingPolicy.objects.order_by("number")] == [40, 60]
    page = browser.get(ADDRESS)
    assert page.context["versions"][0].changes == ["Reviews a day: 40 → 60"]
    assert page.context["form"].initial["reviews_per_day"] == 60


def test_saving_what_holds_makes_no_version(browser, feature):
    browser.post(ADDRESS, entered())
    page = browser.post(ADDRESS, entered(after="1"), follow=True)
    assert "Nothing was changed." in words(page)
    assert SamplingPolicy.objects.count() == 1


def test_who_comes_second_is_told_and_keeps_what_was_entered(browser, feature, client_for):
    browser.post(ADDRESS, entered())
    bob = make_membership(make_user("bob@example.org"), feature, "owner").user
    client_for(bob).post(ADDRESS, entered(after="1", reviews_per_day="10"))
    answer = browser.post(ADDRESS, entered(after="1", reviews_per_day="90"))
    assert answer.status_code == 409
    assert "Version 2 was saved meanwhile by bob@example.org. Yours is not saved" in words(answer)
    assert (answer.context["form"]["reviews_per_day"].value(), SamplingPolicy.objects.count()) == ("90", 2)
    again = entered(after=answer.context["form"]["after"].value(), reviews_per_day="90")
    assert browser.post(ADDRESS, again).status_code == 302
    assert SamplingPolicy.objects.get(number=3).reviews_per_day == 90


@pytest.mark.parametrize("role", ["owner", "product", "data_science"])
def test_these_roles_change_it(client_for, feature, role):
    person = make_membership(feature=feature, role=role).user
    assert client_for(person).post(ADDRESS, entered()).status_code == 302


@pytest.mark.parametrize("role", ["reviewer", "adjudicator", "engineering", "design", "customer_success"])
def test_others_of_the_feature_read_it_and_change_nothing(client_for, feature, role):
    set_policy(feature=feature, user=None, now=timezone.now(), design="uniform")
    browser = client_for(make_membership(feature=feature, role=role).user)
    page = browser.get(ADDRESS)
    assert "Every prediction alike" in words(page).replace("every", "Every")
    assert b">Save" not in page.content
    assert browser.post(ADDRESS, entered(after="1")).status_code == 403
    assert SamplingPolicy.objects.count() == 1


def test_nobody_else_sees_it(client, client_for, feature):
    assert client.get(ADDRESS).status_code == 302
    outsider = client_for(make_membership(role="owner").user)
    assert outsider.get(ADDRESS).status_code == 404
    assert outsider.post(ADDRESS, entered()).status_code == 404
    assert client_for(make_user(is_staff=True)).post(ADDRESS, entered()).status_code == 302


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("design", "gut"),
        ("reviews_per_day", "-1"),
        ("overlap_share", "101"),
        ("gold_share", "51"),
        ("gold_share", "nan"),
        ("watch_share", "0"),
        ("lease_minutes", "0.5"),
        ("lease_minutes", "inf"),
        ("target_count", "0"),
        ("skill_segment", "x" * 65),
        ("skill_segment", "a\0b"),
        ("after", "newest"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_saved(browser, feature, field, value):
    answer = browser.post(ADDRESS, entered(**{field: value}))
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, [field])
    assert "No forecast, because a field is not right yet." in words(answer)
    assert not SamplingPolicy.objects.exists()


# --- what it brings


def test_the_forecast_without_scripts_saves_nothing_and_keeps_what_was_entered(browser, feature):
    sum_up(make_version(feature), 1000)
    answer = browser.post(ADDRESS, entered(do="forecast", reviews_per_day="40"))
    assert answer.status_code == 200
    assert "About <strong>40</strong> predictions a day" in words(answer)
    assert "About <strong>46</strong> judgments a day" in words(answer)
    assert answer.context["form"]["reviews_per_day"].value() == "40"
    assert not SamplingPolicy.objects.exists()


def test_the_live_forecast_is_a_fragment_that_saves_nothing(browser, feature):
    sum_up(make_version(feature), 30)
    answer = browser.post(ADDRESS, entered(do=""), headers={"HX-Request": "true"})
    assert (answer.status_code, b"<html" in answer.content) == (200, False)
    assert "About <strong>30</strong> predictions a day" in words(answer)
    wrong = browser.post(ADDRESS, entered(do="", overlap_share="x"), headers={"HX-Request": "true"})
    assert (wrong.status_code, b"<html" in wrong.content) == (422, False)
    assert not SamplingPolicy.objects.exists()


def test_without_traffic_the_page_says_why_there_is_no_forecast(browser, feature):
    assert "No forecast yet, because no whole day of traffic is summed up yet." in words(browser.get(ADDRESS))


def test_each_version_in_use_has_its_own_reviews_a_day(feature):
    old, first, second = (make_version(feature) for _ in range(3))
    sum_up(old, 5000, days_ago=3)  # no longer in use
    for days_ago, n in [(1, 100), (2, 300)]:
        sum_up(first, n, days_ago=days_ago)
    sum_up(second, 10)
    ReviewRate.objects.create(
        version=first, from_on=timezone.now().date(), share=0.5, why="All is met.", created_at=timezone.now()
    )
    policy = SamplingPolicy(feature=feature, reviews_per_day=40)
    found = forecast_page(feature, policy, now=timezone.now()).forecast
    assert (found.traffic_a_day, found.items_a_day) == (210, 20 + 10)


def test_what_is_known_is_the_newest_version_s(feature):
    make_version(feature, deployed_at=timezone.now() - DAY)
    newest = make_version(feature, "newest", deployed_at=timezone.now())
    sum_up(newest, 1000)
    EstimateSet.objects.create(
        feature=feature, version=newest, window="version", source="reviewed", window_from=timezone.now() - DAY,
        window_to=timezone.now(), as_of=timezone.now(), population=1000, counted=400, covered_days=1, days=1,
        accuracy_variance=0.0001,
    )  # fmt: skip
    page = forecast_page(feature, SamplingPolicy(feature=feature), now=timezone.now())
    assert (page.version, page.n_counted, page.forecast.is_measured) == ("newest", 400, True)
    assert page.reaches[0].n_to_go == 11  # b(411) = 3.04: 3.04 sqrt(0.04 / 411) is the first at most 0.03


def test_the_page_says_from_when_a_change_holds(browser, feature):
    assert "Nothing is drawn of today yet" in words(browser.get(ADDRESS))
    policy = set_policy(feature=feature, user=None, now=timezone.now())
    version = make_version(feature)
    DrawDay.objects.create(
        version=version, day=timezone.now().astimezone(UTC).date(), policy=policy, k_cap=1.0, gbar=0.5,
        created_at=timezone.now(),
    )  # fmt: skip
    assert "change from tomorrow, 00:00 UTC" in words(browser.get(ADDRESS))
    assert not ReviewItem.objects.exists()


def test_thirty_versions_take_as_many_queries_as_three(browser, feature):
    for number in range(3):
        set_policy(feature=feature, user=None, now=timezone.now(), reviews_per_day=number)
    browser.get(ADDRESS)
    with CaptureQueriesContext(connection) as few:
        browser.get(ADDRESS)
    for number in range(27):
        set_policy(feature=feature, user=None, now=timezone.now(), reviews_per_day=number)
    with CaptureQueriesContext(connection) as many:
        browser.get(ADDRESS)
    assert len(many) == len(few) < 20
