"""Errors of numbers from their sums, against numpy on the errors themselves."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.stats.counting import Tolerance
from metrics.stats.counts import Counts, NumberCounts
from metrics.stats.histograms import count_log_bins
from metrics.stats.intervals import wilson
from metrics.stats.numbers import estimate_numbers, median


def numbers_of(answers, truths, *, tolerance=None):
    error = np.asarray(answers, float) - np.asarray(truths, float)
    truth = np.asarray(truths, float)
    shares = np.abs(error[truth != 0] / truth[truth != 0])
    return NumberCounts(
        n=len(error),
        n_truth=len(error),
        n_judged={} if tolerance is None else {Tolerance(tolerance, False).name: len(error)},
        n_right={}
        if tolerance is None
        else {Tolerance(tolerance, False).name: int((np.abs(error) <= tolerance).sum())},
        sum_error=float(error.sum()),
        sum_abs=float(np.abs(error).sum()),
        sum_squares=float((error**2).sum()),
        abs_hist=count_log_bins(np.abs(error)),
        pct_hist=count_log_bins(shares),
    )


def test_the_figures_are_those_of_numpy_on_the_errors():
    rng = np.random.default_rng(1)
    truth = rng.lognormal(4, 0.5, 2_000)
    answer = truth * rng.lognormal(0.05, 0.2, 2_000)
    error = answer - truth
    found = estimate_numbers(numbers_of(answer, truth, tolerance=10), tolerance=Tolerance(10, False))
    assert found["mae"].value == pytest.approx(np.abs(error).mean())
    assert found["bias"].value == pytest.approx(error.mean())
    assert found["median_ape"].value == pytest.approx(np.median(np.abs(error) / truth), rel=0.021)
    assert found["accuracy"].value == (np.abs(error) <= 10).mean()
    assert (found["accuracy"].low, found["accuracy"].high) == wilson((np.abs(error) <= 10).sum(), 2_000)
    half = 1.96 * error.std(ddof=1) / 2_000**0.5
    assert (found["bias"].low, found["bias"].high) == pytest.approx((error.mean() - half, error.mean() + half))
    half = 1.96 * np.abs(error).std(ddof=1) / 2_000**0.5
    assert found["mae"].high - found["mae"].value == pytest.approx(half)


def test_the_interval_of_the_median_lies_between_its_order_statistics():
    values = np.sort(np.random.default_rng(2).exponential(1, 400))
    figure = median(count_log_bins(values))
    low, high = (int(np.ceil(share * 400)) - 1 for share in wilson(200, 400))
    assert (figure.low, figure.high) == pytest.approx((values[low], values[high]), rel=0.021)
    assert figure.anytime_low < figure.low < figure.value < figure.high < figure.anytime_high


def test_the_interval_of_the_median_covers_95_percent():
    """400 samples of 200 exponentials; within 3 standard errors, and 2 % of the histogram's."""
    rng, hits = np.random.default_rng(3), 0
    for _ in range(400):
        figure = median(count_log_bins(rng.exponential(1, 200)))
        hits += figure.low / 1.02 <= np.log(2) <= figure.high * 1.02
    assert hits / 400 > 0.95 - 3 * (0.95 * 0.05 / 400) ** 0.5


def test_what_cannot_be_said_has_its_reason():
    nothing = estimate_numbers(NumberCounts(n=5), tolerance=Tolerance(1.0, False))
    assert {figure.reason for figure in nothing.values()} == {"no truth has arrived yet"}
    without = estimate_numbers(numbers_of([1], [0]), tolerance=None)
    assert without["accuracy"].reason.startswith("no tolerance is set")
    assert without["median_ape"].reason == "every known truth is 0, of which nothing is a share"
    assert (without["bias"].value, without["bias"].low) == (1.0, None)
    assert without["bias"].reason == "needs 99 more known truths"


NUMBER = st.floats(-1e308, 1e308, allow_nan=False)


@given(st.lists(st.tuples(NUMBER, NUMBER), max_size=20))
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")
def test_any_numbers_give_finite_figures_or_reasons(pairs):
    error = np.array([a / 2 - b / 2 for a, b in pairs])
    with np.errstate(all="ignore"):
        counts = NumberCounts(
            n=len(pairs),
            n_truth=len(pairs),
            sum_error=float(error.sum()),
            sum_abs=float(np.abs(error).sum()),
            sum_squares=float((error**2).sum()),
            pct_hist=count_log_bins(np.abs(error)),
        )
    found = estimate_numbers(counts, tolerance=Tolerance(1.0, False))
    assert "nan" not in repr(asdict_all(found))
    assert "inf" not in repr(asdict_all(found))
    for figure in found.values():
        assert (figure.value is None) == (figure.state == "no_data")


def asdict_all(found):
    return {name: asdict(figure) for name, figure in found.items()}


def test_what_was_judged_under_another_tolerance_is_not_in_the_accuracy():
    both = Counts(numbers=numbers_of([1, 2, 3], [1, 2, 9], tolerance=1.0)).plus(
        Counts(numbers=numbers_of([5, 5], [5, 9], tolerance=5.0))
    )
    both = Counts.from_json(both.to_json()).plus(Counts(numbers=numbers_of([7], [7])))
    found = {
        size: estimate_numbers(both.numbers, tolerance=Tolerance(size, False))["accuracy"]
        for size in (1.0, 5.0, 2.0)
    }
    assert (found[1.0].value, found[1.0].n) == (2 / 3, 3)
    assert (found[5.0].value, found[5.0].n) == (1.0, 2)
    assert (found[2.0].value, found[2.0].reason) == (
        None,
        "every known truth was counted before the tolerance of now was set",
    )
    assert estimate_numbers(both.numbers, tolerance=Tolerance(2.0, False))["mae"].n == 6
