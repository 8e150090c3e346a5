"""Counts: made of rows in any order, added in any order, kept as JSON."""

import json
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.stats.counting import LARGEST_ERROR, Rows, Tolerance, count_hours
from metrics.stats.counts import Cell, Counts, NumberCounts, total
from metrics.stats.joint import Joint

HOUR = timedelta(hours=1)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MICROSECONDS = 3_600_000_000
NAN = math.nan
REFERENCES = {
    "km": {"kind": "number", "edges": [float(at) for at in range(1, 20)], "low": 0.0, "high": 20.0},
    "carrier": {"kind": "category", "values": ["AA", "UA"]},
}

words = st.sampled_from(["late", "on_time", "", "fällig"])
hists = st.dictionaries(st.integers(-100, 100), st.integers(1, 50), max_size=4)
names = st.dictionaries(st.sampled_from(["km", "carrier"]), st.integers(1, 9), max_size=2)
sums = st.floats(0, 1e6)


@st.composite
def some_counts(draw):
    """Counts that rows could have made: of one prediction, square and loss follow from the score."""
    joint = {}
    for label, fine, truth in draw(
        st.sets(st.tuples(words, st.none() | st.integers(0, 999), st.none() | words), max_size=6)
    ):
        n = draw(st.integers(1, 4))
        score = 0.0 if fine is None else (fine + draw(st.floats(0, 0.9))) / 1000
        loss = 0.0
        if truth is not None and fine is not None:
            loss = -math.log(min(max(score if label == truth else 1 - score, 1e-15), 1 - 1e-15))
        joint[label, fine, truth] = Cell(n, n * score, n * score**2, n * loss)
    numbers = NumberCounts(draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    numbers.sum_error, numbers.sum_abs, numbers.sum_squares = (draw(sums) for _ in range(3))
    tallies = st.dictionaries(st.sampled_from(["absolute 1.0", "relative 0.1"]), st.integers(1, 9))
    numbers.n_judged, numbers.n_right = draw(tallies), draw(tallies)
    numbers.abs_hist, numbers.pct_hist = draw(hists), draw(hists)
    return Counts(
        n=draw(st.integers(0, 99)), n_with_actor=draw(st.integers(0, 99)), joint=joint,
        numbers=draw(st.just(numbers) | st.builds(NumberCounts)),
        measures={"latency_ms": draw(hists)}, lag=draw(hists), missing=draw(names),
        fields={"km": draw(hists)}, unseen=draw(names), out_of_type=draw(names),
    )  # fmt: skip


def assert_close(one, other):
    """Equal to 1e-12, as stored."""

    def check(a, b):
        if isinstance(a, dict):
            assert a.keys() == b.keys()
            for name in a:
                check(a[name], b[name])
        elif isinstance(a, list):
            assert len(a) == len(b)
            for each, twin in zip(a, b, strict=True):
                check(each, twin)
        else:
            assert a == (pytest.approx(b, rel=1e-12, abs=1e-12) if isinstance(b, float) else b)

    check(one.to_json(), other.to_json())


# --- adding


@given(some_counts(), some_counts(), some_counts())
def test_adding_is_associative_and_commutative_and_changes_neither_side(a, b, c):
    before = json.dumps(a.to_json())
    assert_close(a.plus(b), b.plus(a))
    assert_close(a.plus(b).plus(c), a.plus(b.plus(c)))
    assert_close(a.plus(b).plus(c), total([c, a, b]))
    assert json.dumps(a.to_json()) == before


@given(some_counts())
def test_nothing_added_changes_nothing(counts):
    assert_close(counts.plus(Counts()), counts)
    assert_close(Counts().plus(counts), counts)


@given(some_counts())
def test_counts_survive_json(counts):
    kept = Counts.from_json(json.loads(json.dumps(counts.to_json())))
    assert_close(kept, counts)
    assert kept.joint.keys() == counts.joint.keys()
    for key, cell in counts.joint.items():
        assert kept.joint[key] == pytest.approx(cell, rel=1e-12, abs=1e-12)


@given(some_counts(), some_counts())
def test_what_is_read_from_a_sum_is_what_is_read_from_its_parts(a, b):
    both = a.plus(b)
    for read in ("confusion", "population", "score_bins"):
        found = [dict(getattr(each, read)()) for each in (a, b, both)]
        for key in found[2]:
            parts = [np.array(each[key]) for each in found[:2] if key in each]
            assert np.array(found[2][key]) == pytest.approx(sum(parts), abs=1e-9)
        assert found[2].keys() == found[0].keys() | found[1].keys()


def test_a_mapping_of_cells_reads_the_same_as_columns():
    cells = {("late", 999, "late"): Cell(2, 2.0, 2.0, 2e-15), ("late", None, None): Cell(1, 0.0, 0.0, 0.0)}
    joint = Joint.of(cells)
    assert joint == cells
    assert len(joint) == 2
    assert ("late", 3, None) not in joint
    assert Counts(joint=cells).population() == {("late", 19): (2, 2.0), ("late", None): (1, 0.0)}


# --- making


def rows(n=1, **columns):
    """n predictions of noon: late with score 0.8, no truth."""
    plain = {
        "at": np.full(n, int(NOON.timestamp() * 1e6), dtype=np.int64),
        "has_actor": np.zeros(n, dtype=bool),
        "label": ["late"] * n,
        "truth": [None] * n,
        **{name: np.full(n, NAN) for name in ("value", "truth_value", "lag_hours")},
        "score": np.full(n, 0.8),
        "measures": {name: np.full(n, NAN) for name in ("latency_ms", "cpu_ms", "rss_mb")},
        "inputs": {},
        "segments": {},
    }
    return Rows(**{**plain, **columns})


def counted(found, tolerance=None, references=REFERENCES):
    return count_hours(found, references=references, tolerance=tolerance)


def of_numbers(answers, truths, tolerance=None):
    n = len(answers)
    found = rows(n, label=[None] * n, score=np.full(n, NAN), value=np.array(answers), truth_value=np.array(truths))
    return counted(found, tolerance)[NOON, ""].numbers


def test_no_rows_make_no_hours():
    assert counted(rows(0)) == {}


def test_answers_that_are_numbers_are_counted_with_their_errors():
    numbers = of_numbers([10.0, 8.0, 5.0, 3.0], [8.0, 9.0, 0.0, NAN])
    assert (numbers.n, numbers.n_truth, numbers.n_judged, numbers.n_right) == (4, 3, {}, {})
    assert (numbers.sum_error, numbers.sum_abs, numbers.sum_squares) == (6.0, 8.0, 30.0)
    assert sum(numbers.abs_hist.values()) == 3
    assert sum(numbers.pct_hist.values()) == 2  # nothing is a share of a truth of 0


@pytest.mark.parametrize(
    ("tolerance", "n_right"),
    [(Tolerance(1.0, False), 2), (Tolerance(0.1, True), 1), (Tolerance(0.0, False), 1), (None, 0)],
)
def test_a_number_is_right_within_the_tolerance(tolerance, n_right):
    numbers = of_numbers([10.0, 5.0, 3.0, 1.0], [10.0, 4.0, 1.0, NAN], tolerance)
    assert numbers.n_right == ({tolerance.name: n_right} if tolerance else {})
    assert sum(numbers.n_judged.values()) == (3 if tolerance else 0)


def test_numbers_at_the_limits_of_their_type_stay_numbers():
    most = 1.7e308
    numbers = of_numbers([most, -most, 1.0, 5e-324], [-most, most, 5e-324, 5e-324])
    assert numbers.sum_squares <= 3 * LARGEST_ERROR**2
    assert all(math.isfinite(getattr(numbers, f"sum_{name}")) for name in ("error", "abs", "squares"))
    assert "null" not in json.dumps(Counts(numbers=numbers).to_json()["numbers"])


def test_a_label_without_any_truth_has_no_loss_and_one_that_was_sure_and_wrong_a_finite_one():
    found = counted(rows(2, truth=[None, "on_time"], score=np.array([1.0, 1.0])))[NOON, ""].joint
    assert found["late", 999, None].losses == 0
    assert found["late", 999, "on_time"].losses == pytest.approx(-math.log(1e-15))


def test_inputs_are_counted_in_the_bins_of_the_reference():
    found = counted(
        rows(
            7,
            inputs={
                "km": [0, 20, 20.5, "far", None, True, 3],
                "carrier": ["AA", "UA", "DL", None, 5, ["AA"], "AA"],
                "other": [None, 1, None, 1, 1, 1, 1],
            },
        )
    )[NOON, ""]
    assert found.fields == {"km": {0: 1, 19: 1, 3: 1}, "carrier": {0: 2, 1: 1}}
    assert found.missing == {"km": 1, "carrier": 1, "other": 2}
    assert found.unseen == {"km": 1, "carrier": 3}
    assert found.out_of_type == {"km": 2}


def test_a_segment_is_counted_for_itself_with_bins_of_twenty():
    found = counted(
        rows(3, score=np.array([0.81, 0.84, 0.5]), segments={"at": ["at:JFK", "at:JFK", None], "x": [None] * 3})
    )
    assert {name: counts.n for (_, name), counts in found.items()} == {"": 3, "at:JFK": 2}
    assert found[NOON, "at:JFK"].joint == {("late", 800, None): Cell(2, 1.65, 0.81**2 + 0.84**2, 0.0)}
    assert len(found[NOON, ""].joint) == 3


def test_hours_without_predictions_are_not_there():
    at = np.array([0, 3 * MICROSECONDS - 1, 3 * MICROSECONDS, -1]) + int(NOON.timestamp() * 1e6)
    found = counted(rows(4, at=at))
    assert [key[0] for key in sorted(found)] == [NOON - HOUR, NOON, NOON + 2 * HOUR, NOON + 3 * HOUR]


@st.composite
def some_rows(draw):
    n = draw(st.integers(1, 30))

    def column(values):
        return draw(st.lists(values, min_size=n, max_size=n))

    known = st.floats(0, 1) | st.sampled_from([0.0, 0.1, 0.3, 1.0, NAN])
    size = st.floats(1e-3, 1e6) | st.just(NAN)
    return rows(
        n,
        at=np.array(column(st.integers(0, 3 * MICROSECONDS)), dtype=np.int64) + int(NOON.timestamp() * 1e6),
        has_actor=np.array(column(st.booleans())),
        label=column(st.none() | words),
        truth=column(st.none() | words),
        score=np.array(column(known)),
        value=np.array(column(size)),
        truth_value=np.array(column(size)),
        lag_hours=np.array(column(size)),
        measures={name: np.array(column(size)) for name in ("latency_ms", "cpu_ms", "rss_mb")},
        inputs={
            "km": column(st.none() | st.integers(-1, 21)),
            "carrier": column(st.sampled_from(["AA", "B", None])),
        },
        segments={"at": column(st.sampled_from(["at:JFK", "at:EWR", None]))},
    )


def in_order(found, order):
    def moved(column):
        return column[order] if isinstance(column, np.ndarray) else [column[at] for at in order]

    mappings = {"measures", "inputs", "segments"}
    columns = {name: getattr(found, name) for name in found.__slots__}
    return Rows(
        **{
            name: {key: moved(each) for key, each in column.items()} if name in mappings else moved(column)
            for name, column in columns.items()
        }
    )


@settings(max_examples=60)
@given(some_rows(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_not_even_the_last_digit(found, chance):
    order = list(range(len(found.at)))
    chance.shuffle(order)
    once, again = counted(found, Tolerance(0.1, True)), counted(in_order(found, order), Tolerance(0.1, True))
    assert {key: json.dumps(each.to_json()) for key, each in once.items()} == {
        key: json.dumps(each.to_json()) for key, each in again.items()
    }


@settings(max_examples=60)
@given(some_rows(), st.data())
def test_counting_parts_and_adding_them_is_counting_the_whole(found, data):
    n = len(found.at)
    inside = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    parts = [in_order(found, [at for at in range(n) if inside[at] is side]) for side in (True, False)]
    whole, pieces = counted(found), [counted(part) for part in parts if len(part.at)]
    for key, counts in whole.items():
        assert_close(total(each[key] for each in pieces if key in each), counts)
