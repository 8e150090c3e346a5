import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.stats.fields import MISSING, OUT_OF_TYPE, UNSEEN, bins_of, reference_of, text_of

NUMBERS = list(range(1, 101))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=120),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)


def test_a_field_of_numbers_has_twenty_bins_of_equal_mass():
    reference = reference_of(NUMBERS)
    assert reference["kind"] == "number"
    assert (reference["low"], reference["high"], len(reference["edges"])) == (1, 100, 19)
    n = np.bincount(bins_of(NUMBERS, reference))
    assert n.tolist() == [4, *[5] * 18, 6]  # a value on an edge belongs to the bin above it


def test_a_field_with_more_than_one_text_in_twenty_values_is_a_category():
    assert reference_of([*NUMBERS[:95], *["far"] * 5])["kind"] == "number"
    assert reference_of([*NUMBERS[:94], *["far"] * 6])["kind"] == "category"


@pytest.mark.parametrize("values", [[True, False, True], ["1", "2"], [[1], {"a": 2}]])
def test_true_false_text_and_nested_values_are_categories(values):
    assert reference_of(values)["kind"] == "category"


def test_a_category_keeps_the_thirty_most_frequent_texts():
    values = [f"c{at:02}" for at in range(40) for _ in range(2 if at < 35 else 3)]
    assert reference_of(values)["values"] == [
        *(f"c{at}" for at in range(35, 40)),
        *(f"c{at:02}" for at in range(25)),
    ]


def test_a_field_that_is_never_there_has_no_reference():
    assert reference_of([]) is None
    assert reference_of([None, None]) is None


def test_missing_values_say_nothing_about_the_kind():
    assert reference_of([None, 4, None]) == {"kind": "number", "edges": [4.0] * 19, "low": 4.0, "high": 4.0}


def test_what_is_in_no_bin_is_said_to_be_missing_unseen_or_out_of_type():
    found = bins_of([0, 101, 50, "50", None, True, [5]], reference_of(NUMBERS))
    assert found.tolist() == [UNSEEN, UNSEEN, 10, OUT_OF_TYPE, MISSING, OUT_OF_TYPE, OUT_OF_TYPE]
    found = bins_of(["b", "c", None, 7, "a", True], reference_of(["a", "a", "b", 7]))
    assert found.tolist() == [2, UNSEEN, MISSING, 1, 0, UNSEEN]


def test_one_and_true_are_two_categories():
    reference = reference_of([1, 1, True, "x"])
    assert reference["values"] == ["1", "true", "x"]
    assert bins_of([True, 1, "1"], reference).tolist() == [1, 0, 0]


def test_texts_are_cut_at_a_hundred_characters():
    assert text_of("x" * 300) == "x" * 100
    assert bins_of(["x" * 300, "x" * 99], reference_of(["x" * 200])).tolist() == [0, UNSEEN]


def test_whole_numbers_beyond_all_floats_are_outside_the_range():
    found = bins_of([10**400, -(10**400), 5], reference_of(NUMBERS))
    assert found.tolist()[:2] == [UNSEEN, UNSEEN]
    assert reference_of([10**400, 1])["high"] == pytest.approx(1.797e308, rel=1e-3)


@given(st.lists(ANYTHING, min_size=1, max_size=30))
def test_every_value_of_the_reference_has_a_bin_in_it(values):
    reference = reference_of(values)
    bins = bins_of(values, reference)
    assert len(bins) == len(values)
    for value, bin_ in zip(values, bins.tolist(), strict=True):
        assert (bin_ == MISSING) == (value is None)
        if reference and reference["kind"] == "number":
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            assert (0 <= bin_ < 20) == is_number
        elif value is not None:
            assert 0 <= bin_ < 30  # at most thirty values here


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=200))
def test_no_bin_of_the_reference_holds_more_than_its_share_unless_values_are_equal(values):
    reference = reference_of(values)
    for bin_, n in enumerate(np.bincount(bins_of(values, reference), minlength=20).tolist()):
        most_frequent = max(values.count(value) for value in values)
        assert n <= math.ceil(len(values) / 20) + most_frequent, bin_
