"""From judgments and truths to stored estimates, against a second reading of statistics.md from the rows."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import transaction
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from feedback.actions import jobs
from feedback.models import Outcome, Prediction
from metrics.actions.concluding import counted_items, prepare_conclusion
from metrics.actions.estimating import _period
from metrics.actions.summing import prepare_summaries
from metrics.models import Conclusion, DaySummary, EstimateSet, HourlySummary, RuntimePercentiles
from metrics.stats import probabilities
from reviews.actions.desk import claim_next, set_policy, submit, undo
from reviews.models import DrawDay, Judgment, ReviewItem
from tests.factories import NOON, make_feature, make_membership, make_outcome, make_prediction, make_version
from tests.metrics.by_hand import ByHand
from tests.metrics.story import DAY, NOW, START, TARGET, tell
from tests.metrics.work import work
from tests.stats.brute_force import observed_by_hand

ENDS = ("value", "low", "high", "anytime_low", "anytime_high")
WINDOWS = [
    ("all", None),
    ("28d", None),
    ("28d", "first"),
    ("28d", "second"),
    ("version", "first"),
    ("version", "second"),
]
EXACTLY = {"abs": 1e-9, "rel": 0}


pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def told(django_db_setup, django_db_blocker):
    """The story, and what follows by hand. Told once, because it takes seconds; each test is rolled back."""
    with django_db_blocker.unblock(), transaction.atomic():
        story = tell()
        yield story, ByHand(story.feature, NOW)
        transaction.set_rollback(True)


@pytest.fixture
def story(told):
    return told[0]


@pytest.fixture
def by_hand(told):
    return told[1]


def sets(window, version, source):
    found = EstimateSet.objects.filter(window=window, source=source, version__name=version)
    return found.order_by("window_from")


def one_set(window, version, source):
    return sets(window, version, source).get()


def figures(head, label=""):
    return {each.metric: each for each in head.estimates.filter(label=label)}


def labels_of(version):
    return ["on_time", "late"] if version == "first" else ["on_time", "late", "lost"]


def assert_same(figure, expected):
    if expected is None:
        assert (figure.value, figure.state) == (None, "no_data")
        assert figure.reason
        return
    for name in (*ENDS, "n"):
        assert getattr(figure, name) == pytest.approx(expected[name], **EXACTLY), name


def reviewed_by_hand(by_hand, head, version):
    return by_hand.reviewed(
        version=head.version_id,
        start=head.window_from.date(),
        end=head.window_to.date(),
        labels=labels_of(version),
        n_star=TARGET,
    )


def test_the_story_has_all_that_the_proof_is_about(story, by_hand):
    verdicts = Counter(ReviewItem.objects.values_list("verdict", flat=True))
    assert min(verdicts[verdict] for verdict in ("", "right", "wrong", "partly", "cannot_judge")) > 5
    n_final = ReviewItem.objects.final().count()
    n_counted = sum(len(cohort) for cohort in counted_items(story.feature).values())
    assert 100 < n_counted < n_final - 10  # some wait beyond a gap
    assert DrawDay.objects.exclude(calibration=[]).exists()
    assert DrawDay.objects.filter(calibration=[]).count() > 4
    assert Judgment.objects.filter(revision=3).count() == 4


def test_the_draw_equals_its_computation_from_ids_and_scores_alone(by_hand):
    expected = {
        one.prediction.pk: (one.luck, one.weight, one.key)
        for version, day in by_hand.drawn_at
        for one in by_hand.drawn(version, day)
    }
    stored = ReviewItem.objects.values_list("prediction", "luck", "weight", "queue_key")
    assert {pk for pk, *_ in stored} == expected.keys()
    for pk, *numbers in stored:
        assert numbers == pytest.approx(expected[pk], abs=0, rel=1e-8)  # as exact as a calibration found twice


def test_what_each_day_was_drawn_with_follows_from_what_was_known_then(by_hand):
    for stored in DrawDay.objects.all():
        expected = by_hand.day(stored.version_id, stored.day)
        assert (stored.k_cap, stored.gbar) == pytest.approx((expected.k_cap, expected.gbar), abs=0, rel=1e-8)
        intercepts, slope = expected.calibration or ({}, None)
        assert {label: a for label, a, _ in stored.calibration} == pytest.approx(intercepts, abs=1e-8)
        assert all(b == pytest.approx(slope, abs=1e-8) for *_, b in stored.calibration)


@pytest.mark.parametrize(("window", "version"), WINDOWS)
def test_reviewed_estimates_equal_a_brute_force_reading_of_the_judgments(by_hand, window, version):
    head = one_set(window, version, "reviewed")
    expected = reviewed_by_hand(by_hand, head, version)
    for name in ("population", "counted", "days", "covered_days"):
        assert getattr(head, name) == expected[name], name
    assert head.undecided_share == pytest.approx(expected["undecided_share"], **EXACTLY)
    assert head.accuracy_variance == pytest.approx(expected["accuracy"]["variance"], **EXACTLY)
    assert_same(figures(head)["accuracy"], expected["accuracy"])
    for label, by_metric in expected["per_label"].items():
        for metric, figure in by_metric.items():
            assert_same(figures(head, label)[metric], figure)


@pytest.mark.parametrize(("window", "version"), WINDOWS)
def test_the_table_and_the_calibration_beside_the_estimates_equal_it_too(by_hand, window, version):
    head = one_set(window, version, "reviewed")
    expected = reviewed_by_hand(by_hand, head, version)
    names = head.confusion["labels"]
    for (predicted, true), share in expected["confusion"].items():
        cell = head.confusion["rows"][names.index(predicted)][names.index(true)]
        assert cell == pytest.approx(share, **EXACTLY)
    bars = {
        round(20 * bar["low"]): tuple(
            bar[name] for name in ("n", "mean_score", "right", "right_low", "right_high")
        )
        for bar in head.calibration
    }
    assert bars.keys() == expected["calibration"].keys()
    for at, numbers in expected["calibration"].items():
        assert bars[at] == pytest.approx(numbers, **EXACTLY)


@pytest.mark.parametrize("version", ["first", "second"])
def test_each_week_is_estimated_by_itself(by_hand, version):
    weeks = list(sets("period", version, "reviewed"))
    assert [week.window_from.weekday() for week in weeks] == [0] * len(weeks)
    assert len(weeks) == {"first": 2, "second": 1}[version]
    for week in weeks:
        assert week.window_to - week.window_from == 7 * DAY
        expected = reviewed_by_hand(by_hand, week, version)
        assert_same(week.estimates.get(), expected["accuracy"])


@pytest.mark.parametrize("version", ["first", "second"])
def test_the_figures_at_the_top_are_those_of_the_positive_label(story, version):
    head = one_set("version", version, "reviewed")
    late = figures(head, "late")
    top = figures(head)
    assert top.keys() == {"accuracy", "precision", "recall", "f1"}  # chances are compared with the truth alone
    for metric in late:
        assert [getattr(top[metric], name) for name in ENDS] == [getattr(late[metric], name) for name in ENDS]


def test_windows_begin_and_end_at_midnight_and_the_end_is_not_in_them(story):
    today = datetime(2026, 2, 27, tzinfo=UTC)
    bounds = {
        (s.window, s.version and s.version.name): (s.window_from, s.window_to) for s in EstimateSet.objects.all()
    }
    assert bounds["all", None] == (START, today + DAY)
    for version in (None, "first", "second"):
        assert bounds["28d", version] == (today - 27 * DAY, today + DAY)
    assert bounds["version", "first"] == (START, START + 5 * DAY)
    assert bounds["version", "second"] == (START + 24 * DAY, START + 28 * DAY)
    assert one_set("28d", "first", "observed").population == 4 * 60  # not the first of five days


def test_items_beyond_a_gap_count_once_it_is_closed(story):
    before = one_set("all", None, "reviewed").counted
    assert before < ReviewItem.objects.final().count()
    carl = make_membership(feature=story.feature).user
    story.judge(carl, 200, now=NOW)
    assert not ReviewItem.objects.exclude(state="final").exists()
    assert conclude(story) == "18 sets of estimates"
    assert one_set("all", None, "reviewed").counted == ReviewItem.objects.count() > before


# --- truth that arrived


def known(by_hand, head):
    """(label, truth) of each prediction of a window whose truth arrived, the newest truth; and all predictions."""
    truths = {}
    for each in Outcome.objects.order_by("observed_at"):
        truths[each.external_id] = each.truth_label
    chosen = [
        p
        for p in Prediction.objects.filter(occurred_at__gte=head.window_from, occurred_at__lt=head.window_to)
        if head.version_id in (None, p.version_id)
    ]
    pairs = [(p.label, truths[p.external_id]) for p in chosen if p.external_id in truths]
    return pairs, len(chosen)


@pytest.mark.parametrize(("window", "version"), WINDOWS)
def test_observed_estimates_equal_counting_by_hand(by_hand, window, version):
    head = one_set(window, version, "observed")
    pairs, population = known(by_hand, head)
    expected = observed_by_hand(pairs, n_star=TARGET)
    assert (head.population, head.counted) == (population, len(pairs))
    assert_same(figures(head)["accuracy"], expected["accuracy"])
    for label, by_metric in expected["per_label"].items():
        for metric, figure in by_metric.items():
            assert_same(figures(head, label)[metric], figure)


@pytest.mark.parametrize(("window", "version"), WINDOWS)
def test_observed_values_are_those_of_scikit_learn(by_hand, window, version):
    head = one_set(window, version, "observed")
    predicted, true = zip(*known(by_hand, head)[0], strict=True)
    labels = labels_of(version)
    assert figures(head)["accuracy"].value == pytest.approx(accuracy_score(true, predicted))
    scores = precision_recall_fscore_support(true, predicted, labels=labels, zero_division=np.nan)
    for at, label in enumerate(labels):
        for metric, values in zip(("precision", "recall", "f1"), scores, strict=False):
            assert figures(head, label)[metric].value == pytest.approx(values[at])
    assert head.confusion["labels"] == labels
    assert head.confusion["rows"] == confusion_matrix(true, predicted, labels=labels).T.tolist()


# --- runtime


@pytest.mark.parametrize("measure", ["latency_ms", "cpu_ms"])
@pytest.mark.parametrize("version", ["first", "second"])
def test_percentiles_are_within_two_percent_of_numpys(story, version, measure):
    sent = Prediction.objects.filter(version__name=version).values_list(measure, flat=True)
    values = [value for value in sent if value is not None]
    stored = RuntimePercentiles.objects.get(version__name=version, measure=measure)
    assert (stored.n_predictions, stored.n) == (len(sent), len(values))
    for q in (50, 90, 95, 99):
        exact = np.percentile(values, q, method="inverted_cdf")
        assert getattr(stored, f"p{q}") == pytest.approx(exact, rel=0.02 + 1e-9)


def test_what_was_never_measured_has_no_percentile(story):
    stored = RuntimePercentiles.objects.get(version=story.first, measure="rss_mb")
    assert (stored.n_predictions, stored.n, stored.p50, stored.p99) == (300, 0, None, None)


# --- when to conclude


def conclude(story, now=NOW):
    """What the job of the story's feature says; None: there was nothing to do."""
    said = work("conclude", now=now)
    assert said[:1] == ["1 features to conclude"] * len(said[:1])
    return said[1] if said else None


def everything():
    names = ("window", "version", "window_from", "source", "counted", "population")
    return {
        tuple(getattr(head, name) for name in names): [
            (each.metric, each.label, each.n, each.state, *(getattr(each, end) for end in ENDS))
            for each in head.estimates.all()
        ]
        for head in EstimateSet.objects.select_related("version").prefetch_related("estimates")
    }


def next_in_line(story):
    """The smallest open key of a cohort that is covered: judging it moves the figures."""
    now = NOW + timedelta(minutes=1)
    case = claim_next(reviewer=story.bob, features=[story.feature], now=now)
    held = {"assignment_id": case.pk, "reviewer": story.bob, "token": case.lease_token}
    return submit(**held, idempotency_key="x", now=now, **story.opinion(case.item.prediction))


def test_nothing_is_concluded_again_while_nothing_has_changed(story):
    assert prepare_conclusion(feature=story.feature, now=NOW + timedelta(hours=1)) is None
    assert conclude(story, NOW + timedelta(hours=1)) is None


def test_a_new_judgment_is_concluded(story):
    before = everything()
    next_in_line(story)
    assert conclude(story) == "18 sets of estimates"
    assert everything() != before
    assert conclude(story) is None


def test_after_an_undo_the_figures_go_back(story):
    before = everything()
    judgment = next_in_line(story)
    conclude(story)
    assert everything() != before
    undo(judgment_id=judgment.pk, reviewer=story.bob, now=NOW + timedelta(minutes=2))
    assert conclude(story) == "18 sets of estimates"
    assert everything() == before


def test_another_answer_after_an_undo_is_concluded(story):
    judgment = next_in_line(story)
    conclude(story)
    before = everything()
    story.change_mind(now=judgment.created_at + timedelta(minutes=1))
    assert conclude(story) == "18 sets of estimates"
    assert everything() != before


def test_concluding_everything_anew_ends_in_the_same_figures(story):
    before = everything()
    Conclusion.objects.all().delete()
    assert conclude(story) == "18 sets of estimates"
    assert everything() == before


def test_a_truth_that_came_in_is_concluded_once_it_is_summed(story):
    told = Outcome.objects.values("external_id")
    make_outcome(Prediction.objects.exclude(external_id__in=told).first(), received_at=NOW)
    before = one_set("all", None, "observed").counted
    work("sum_up", now=NOW + timedelta(seconds=30))
    assert conclude(story, NOW + timedelta(minutes=1))
    assert one_set("all", None, "observed").counted == before + 1


def test_a_new_day_moves_the_windows(story):
    assert conclude(story, NOW + DAY) == "18 sets of estimates"
    assert one_set("28d", "first", "observed").population == 3 * 60


def test_a_new_version_and_a_new_policy_are_concluded(story):
    make_version(story.feature, "third")
    assert conclude(story)
    set_policy(feature=story.feature, user=None, now=NOW, target_count=100)
    assert conclude(story)
    assert conclude(story) is None


def test_an_hour_summed_by_a_slower_job_is_concluded_too(story):
    """Two jobs sum at once. The one that began first ends last, so its hour bears the earlier instant."""
    oldest = HourlySummary.objects.order_by("hour").first()
    slow, fast = NOW + timedelta(seconds=10), NOW + timedelta(seconds=11)
    hour = {"version_id": oldest.version_id, "start": oldest.hour, "end": oldest.hour + timedelta(hours=1)}
    make_prediction(oldest.version, occurred_at=oldest.hour, received_at=NOW)
    write = prepare_summaries(**hour, now=slow)
    prepare_summaries(version_id=story.second.pk, start=NOW - DAY, end=NOW, now=fast)()
    assert conclude(story, NOW + timedelta(seconds=12))
    write()
    assert conclude(story, NOW + timedelta(seconds=13))
    assert one_set("all", None, "observed").population == 9 * 60 + 1


# --- strange evidence


def a_single_truth(label, truth):
    """A version that declares no labels, and one prediction of it that came true or did not."""
    version = make_version(make_feature("odd"), labels=[], positive_label="")
    make_outcome(make_prediction(version, label=label), truth=truth)
    work("sum_up", "conclude", now=NOON + DAY)
    return EstimateSet.objects.get(feature=version.feature, window="version", source="observed")


@pytest.mark.parametrize(("label", "truth"), [("", "late"), ("late", ""), ("", "")])
def test_an_empty_label_stops_no_conclusion(story, label, truth):
    head = a_single_truth(label, truth)
    assert figures(head)["accuracy"].value == (label == truth)
    assert head.estimates.filter(label="").count() == 4 + len(probabilities.NAMES)
    assert head.confusion["labels"] == sorted({label, truth})


def test_the_longest_label_fits(story):
    label = "x" * 200
    head = a_single_truth(label, "late")
    assert figures(head, label)["precision"].value == 0


@pytest.mark.parametrize(("kind", "truth"), [("number", 41.0), ("output", "hello")])
def test_what_is_no_label_has_no_figures_of_labels_and_says_so(story, kind, truth):
    version = make_version(make_feature("odd", answer_kind=kind))
    make_outcome(make_prediction(version), truth=truth)
    work("sum_up", "conclude", now=NOON + DAY)
    for source in ("reviewed", "observed"):
        head = EstimateSet.objects.get(feature=version.feature, window="version", source=source)
        assert head.confusion is None
        for name in ("precision", "recall", "f1"):
            assert figures(head)[name].reason.endswith("precision, recall and F1 are figures of labels")


def test_a_feature_that_cannot_be_concluded_stops_no_other(story):
    broken = make_version(make_feature("aaa"))
    DaySummary.objects.create(
        feature=broken.feature, version=broken, day=START.date(), payload={}, source_count=1, summed_at=NOW
    )
    next_in_line(story)
    jobs.enter_job("conclude", run_after=NOW, now=NOW)
    said = [jobs.run(job.id, job.token, now=NOW) for _ in "12" for job in jobs.claim_due(now=NOW, limit=9)]
    assert sorted(said) == ["18 sets of estimates", "2 features to conclude", "failed: 'n'"]
    assert Conclusion.objects.get().feature == story.feature


@pytest.mark.parametrize(
    ("n_a_day", "days", "expected"), [(20, 300, 7), (2, 60, 7), (4, 300, 28), (1, 300, 28), (1, 900, 91)]
)
def test_a_point_of_the_chart_is_longer_where_a_week_says_too_little(n_a_day, days, expected):
    assert _period(n_a_day * days, days * DAY) == expected * DAY
