"""Versions, and the cards of the Feature page that truth fills: every state in words, the same figures in REST."""

import csv
import re
from datetime import timedelta

import pytest

from metrics.models import EstimateSet
from metrics.stats.comparing import Pairs, Share, observed_difference, paired_difference
from metrics.templatetags.measures import amount, decimal, in_unit, long_time, margin, percentage
from metrics.words import comparison_sentence
from tests.factories import (
    NOON,
    make_feature,
    make_key,
    make_membership,
    make_outcome,
    make_prediction,
    make_user,
    make_version,
)
from tests.metrics.work import work

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
ADDRESS = "/features/claims/versions/"


@pytest.fixture
def feature(db):
    return make_feature("claims", name="Claims check")


@pytest.fixture
def browser(client_for, feature):
    return client_for(make_membership(make_user("ann@example.org"), feature).user)


def text_of(answer):
    html = re.sub(r"<(script|style).*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\xa0", " ").split())


def come_true(version, n, *, n_wrong, at=NOON, **fields):
    for i in range(n):
        made = make_prediction(version, label=version.labels[i % 2], occurred_at=at + i * MINUTE, **fields)
        make_outcome(made, truth=version.labels[(i + 1) % 2] if i < n_wrong else made.label)


def two_versions(feature, *, n=400, n_wrong=(160, 40)):
    old = make_version(feature, "1", is_baseline=True)
    new = make_version(feature, "2", deployed_at=NOON + HOUR)
    for version, wrong in zip((old, new), n_wrong, strict=True):
        come_true(version, n, n_wrong=wrong)
    work("sum_up", "conclude", now=NOON + DAY)
    return old, new


# --- versions


def test_without_a_version_it_says_how_to_register_one(browser):
    text = text_of(browser.get(ADDRESS))
    assert "There is nothing to compare yet, because no version has been registered." in text
    assert "POST /api/v1/features/claims/versions/" in text
    assert "Nothing to draw yet, because neither reviews nor truth say" in text


def test_one_version_alone_is_not_compared(browser, feature):
    make_version(feature, "only")
    assert "There is nothing to compare yet, because only is the only version." in text_of(browser.get(ADDRESS))


def test_before_the_worker_has_summed_up_it_says_so(browser, feature):
    make_version(feature, "1"), make_version(feature, "2")
    assert "Nothing can be compared yet, because the worker has summed nothing up yet" in text_of(
        browser.get(ADDRESS)
    )


def test_a_version_that_answered_nothing_is_not_compared(browser, feature):
    come_true(make_version(feature, "1"), 3, n_wrong=0)
    make_version(feature, "2", deployed_at=NOON + HOUR)
    work("sum_up", "conclude", now=NOON + DAY)
    assert "Nothing can be compared yet, because the newest has answered nothing." in text_of(browser.get(ADDRESS))


def test_the_better_version_is_said_to_be_better_with_the_interval_that_decides(browser, feature):
    two_versions(feature)
    answer = browser.get(ADDRESS)
    expected = observed_difference(Share(0.9, 400), Share(0.6, 400))
    low, high = (f"{100 * end:.0f}" for end in (expected.anytime_low, expected.anytime_high))
    assert f"Version 2 is 30 points better than 1 ({low} to {high})." in text_of(answer)
    assert "From 60 % right with the baseline to 90 % with 2" in text_of(answer)
    assert [(point["version"], point["value"], point["best"]) for point in answer.context["chart_data"]] == [
        ("1", 0.6, 0.6),
        ("2", 0.9, 0.9),
    ]
    assert [(line.name, line.is_best, line.is_baseline) for line in answer.context["page"].lines] == [
        ("2", True, False),
        ("1", False, True),
    ]


def test_what_luck_could_do_is_not_called_better(browser, feature):
    two_versions(feature, n=120, n_wrong=(24, 20))
    text = text_of(browser.get(ADDRESS))
    assert re.search(
        r"Not sure yet whether version 2 is better than 1: it looks 3\.3 points better \(−\d+ to \d+\)", text
    )
    assert re.search(r"about [\d,]+ more known truths of each would decide it, if it stays so", text)


def test_rest_tells_the_same_comparison(api, browser, feature):
    two_versions(feature)
    service = api(make_key(scopes=["read"])[1])
    found = service.get("/api/v1/features/claims/estimates/?window=version&source=observed").json()
    main = browser.get(ADDRESS).context["page"].main
    assert found["comparison"]["sentence"] == main.sentence
    assert (found["comparison"]["value"], found["comparison"]["state"]) == (main.value, "measured")


def test_the_csv_has_a_row_for_each_version_and_source_or_comparison(browser, feature):
    two_versions(feature)
    answer = browser.get(f"{ADDRESS}?format=csv")
    lines = list(csv.DictReader(answer.content.decode().splitlines()))
    assert [(line["version"], line["source"], line["method"], line["state"]) for line in lines] == [
        ("2", "reviewed", "unpaired", "no_data"),
        ("2", "observed", "newcombe", "measured"),
        ("1", "reviewed", "", "no_data"),
        ("1", "observed", "", "measured"),
    ]
    assert (lines[1]["right"], float(lines[1]["difference"])) == ("0.9", pytest.approx(0.3))


def test_the_page_takes_as_many_queries_for_two_versions_as_for_nine(
    browser, feature, django_assert_max_num_queries
):
    for n in range(9):
        come_true(make_version(feature, f"v{n}", deployed_at=NOON + n * HOUR), 2, n_wrong=0)
    work("sum_up", "conclude", now=NOON + DAY)
    with django_assert_max_num_queries(7):
        assert browser.get(ADDRESS).status_code == 200


def test_another_peoples_versions_are_not_found(client_for, feature):
    assert client_for(make_membership().user).get(ADDRESS).status_code == 404


def test_the_names_of_versions_are_shown_as_text(browser, feature):
    make_version(feature, "<b>x</b>"), make_version(feature, "=1+1")
    assert "<b>x" not in browser.get(ADDRESS).content.decode()
    assert ",=1+1" not in browser.get(f"{ADDRESS}?format=csv").content.decode()


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ("nothing is known", "Version 2 cannot be compared with 1 yet, because nothing is known."),
        (
            paired_difference(Pairs(both=800, only_new=10, only_old=90, neither=100)),
            "Version 2 is 8 points worse than 1 (5.1 to 11).",
        ),
        (
            observed_difference(Share(0.5, 200), Share(0.5, 200)),
            "Not sure yet whether version 2 is better than 1: no difference is seen (−15 to 15); more of the same "
            "would not decide it.",
        ),
    ],
)
def test_each_difference_has_its_sentence(found, sentence):
    assert comparison_sentence("2", "1", found, source="observed") == sentence


# --- the cards of the Feature page


def page_text(browser):
    return text_of(browser.get("/features/claims/"))


def test_without_predictions_the_cards_say_what_is_missing(browser):
    text = page_text(browser)
    assert "How much truth, how soon Nothing yet, because no prediction has been summed up." in text
    assert "Parts of the traffic Nothing to compare yet, because the worker has summed nothing up yet" in text
    assert "is it right as often? Nothing to compare yet, because the worker has summed nothing up yet" in text


def test_without_truth_the_cards_say_what_is_missing(browser, feature):
    make_prediction(make_version(feature))
    work("sum_up", "conclude", now=NOON + DAY)
    text = page_text(browser)
    assert "0 % of 1 predictions have their truth." in text
    assert "How soon it comes is not known yet, because no truth has arrived yet." in text
    assert "is it right as often? Nothing to compare yet, because no truth has arrived yet." in text


def test_without_scores_there_are_no_chances(browser, feature):
    come_true(make_version(feature), 5, n_wrong=1, score=None)
    work("sum_up", "conclude", now=NOON + DAY)
    assert "because no prediction whose truth is known came with a score." in page_text(browser)


def test_with_one_class_alone_the_figures_of_order_say_why_they_are_missing(browser, feature):
    version = make_version(feature)
    for i in range(5):
        make_outcome(make_prediction(version, label="late", occurred_at=NOON + i * MINUTE))
    work("sum_up", "conclude", now=NOON + DAY)
    text = page_text(browser)
    assert "1 is perfect not known, because all known truths are late: one class has no order" in text
    assert "Brier score: less is better 0.040" in text
    assert "no segment is sent with the predictions. Send segments with each prediction" in text


def test_free_output_has_no_card_of_labels_or_numbers(browser, feature):
    type(feature).objects.update(answer_kind="output")
    feature.refresh_from_db()
    make_prediction(make_version(feature))
    work("sum_up", "conclude", now=NOON + DAY)
    text = page_text(browser)
    assert "only reviews say whether they are right" in text
    for title in ("By label", "How far off", "right as often"):
        assert title not in text


def test_points_whose_truth_is_still_coming_in_are_marked(browser, feature):
    version = make_version(feature, deployed_at=NOON - 21 * DAY)
    for week in range(3):
        come_true(version, 20, n_wrong=2, at=NOON - week * 7 * DAY)
    work("sum_up", "conclude", now=NOON + DAY)
    points = browser.get("/features/claims/").context["chart_data"]
    assert [(point["is_partial"], point["is_mature"]) for point in points] == [
        (False, True),
        (False, True),
        (True, False),
    ]
    assert "(not over) (truth still coming in)" in page_text(browser)


def test_undecided_reviews_have_their_bounds_on_the_page(browser, feature):
    come_true(make_version(feature), 2, n_wrong=0)
    work("sum_up", "conclude", now=NOON + DAY)
    EstimateSet.objects.filter(source="reviewed").update(
        undecided_share=0.1, undecided_low=0.72, undecided_high=0.82
    )
    assert "were all of those wrong, experts would say 72 %; were all right, 82 %." in page_text(browser)


# --- formatting


def test_amounts_keep_three_digits_that_count():
    assert [amount(x) for x in (0, 0.01234, 45.67, 12_345.6, -3, 1e20)] == [
        "0", "0.0123", "45.7", "12,346", "−3", "1.00e+20",
    ]  # fmt: skip
    assert (decimal(0.0871), percentage(0.0743), in_unit(3.0, "signed")) == ("0.087", "7.43\xa0%", "+3")
    assert (margin(0.012), margin(-0.14)) == ("+1.2", "−14")


def test_lengths_of_time_are_in_units_that_people_use():
    told = [long_time(hours).replace("\xa0", " ") for hours in (0.25, 1, 30, 72, 500)]
    assert told == ["15 min", "1 hour", "30 hours", "3 days", "3 weeks"]
