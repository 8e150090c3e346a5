"""The truth table of how many reviews a version needs."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.stats.watching import Promise, Seen, wanted_rate

MET, BROKEN, BEFORE, NEVER = "met", "broken", "met before", "never met"


def promise(standing, name="recall", *, is_reviewed=True):
    return Promise(name, standing, is_reviewed)


@pytest.mark.parametrize(
    ("seen", "share", "why"),
    [
        (Seen([promise(MET)]), 0.1, "everything agreed is met: recall"),
        (Seen([promise(MET), promise(MET, "adoption", is_reviewed=False)]), 0.1, "met: recall, adoption"),
        (Seen([promise(MET)], alerts=["worse"]), 1, "an alert is raised: worse"),
        (Seen([promise(MET)], drifting=["distance"]), 1, "drifting: distance"),
        (Seen([promise(MET)], is_new=True), 1, "a new version: nothing of it was checked yet"),
        (Seen([promise(BROKEN)]), 1, "broken: recall"),
        (Seen([promise(MET), promise(BROKEN, "p95", is_reviewed=False)]), 1, "broken: p95"),
        (Seen([promise(NEVER)]), 1, "not met yet: recall"),
        (Seen([promise(MET), promise(NEVER, "p95", is_reviewed=False)]), 1, "not met yet: p95"),
        (Seen([promise(BEFORE), promise(NEVER, "f1")]), 1, "not met yet: f1"),
        (Seen(), 1, "nothing is agreed that reviews could show"),
        (Seen([promise(MET, "adoption", is_reviewed=False)]), 1, "nothing is agreed that reviews could show"),
        (
            Seen([promise(BROKEN)], alerts=["worse"], drifting=["x"]),
            1,
            "an alert is raised: worse; broken: recall",
        ),
        (Seen([promise(BROKEN, str(n)) for n in range(5)]), 1, "broken: 0, 1, 2 and 2 more"),
    ],
)
def test_the_rate_follows_from_what_is_seen(seen, share, why):
    rate = wanted_rate(seen, watch_share=0.1)
    assert rate.share == share
    assert rate.why.endswith(why)


@pytest.mark.parametrize("seen", [Seen([promise(BEFORE)]), Seen([promise(BEFORE), promise(MET, "f1")])])
def test_what_was_met_and_is_not_sure_any_more_leaves_the_rate(seen):
    assert wanted_rate(seen, watch_share=0.1) is None


@given(
    st.lists(st.builds(promise, st.sampled_from([MET, BROKEN, BEFORE, NEVER])), max_size=4),
    st.lists(st.just("alert"), max_size=1),
    st.lists(st.just("field"), max_size=1),
    st.booleans(),
    st.floats(0.01, 1),
)
def test_fewer_reviews_only_where_everything_is_met_and_nothing_wrong(promises, alerts, drifting, is_new, share):
    rate = wanted_rate(Seen(promises, alerts, drifting, is_new), watch_share=share)
    is_well = promises and all(each.standing == MET for each in promises) and not (alerts or drifting or is_new)
    if is_well:
        assert rate.share == share
    else:
        assert rate is None or rate.share == 1
    if rate is None:
        assert (alerts, drifting, is_new) == ([], [], False)
        assert {each.standing for each in promises} <= {MET, BEFORE}


def test_the_order_of_promises_changes_no_share():
    kinds = [promise(MET), promise(BEFORE, "f1"), promise(NEVER, "p95")]
    assert {wanted_rate(Seen(list(order)), watch_share=0.2).share for order in itertools.permutations(kinds)} == {
        1
    }
