"""F14: summed up bit by bit in any order of arrival, or all at once: the same counts and the same figures."""

import json
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feedback.actions.ingest import record_outcomes, record_predictions
from feedback.models import Feature
from metrics.models import DaySummary, Estimate, HourlySummary, RuntimePercentiles
from tests.factories import NOON, make_feature, make_version
from tests.faults.test_f13_truth_in_any_order import assert_same
from tests.metrics.work import work

pytestmark = pytest.mark.django_db
NOW = NOON + timedelta(days=4)
FIELDS = [{"name": "km"}, {"name": "carrier"}]

ids = st.integers(0, 14).map("p{}".format)
slugs = st.sampled_from(["claims", "minutes"])
instants = st.integers(0, 72 * 60).map(lambda minutes: (NOON + timedelta(minutes=minutes)).isoformat())
shares, sizes = st.floats(0, 1), st.floats(-1e9, 1e9)
labels = st.sampled_from(["late", "on_time"])


@st.composite
def a_prediction(draw):
    slug = draw(slugs)
    sent = {
        "id": draw(ids),
        "feature": slug,
        "version": "v1",
        "occurred_at": draw(instants),
        "inputs": {"km": draw(st.none() | sizes), "carrier": draw(st.sampled_from(["AA", None]))},
        "segments": draw(st.dictionaries(st.sampled_from(["origin", "class"]), st.sampled_from("AB"), max_size=2)),
    }
    sent |= {"label": draw(labels)} if slug == "claims" else {"value": draw(sizes)}
    if draw(st.booleans()):
        sent |= {"score": draw(shares), "latency_ms": draw(st.floats(0, 1e4)), "actor": "u1"}
    return "predictions", sent


@st.composite
def a_truth(draw):
    slug = draw(slugs)
    truth = draw(labels | st.just("never seen in training") if slug == "claims" else sizes)
    return "outcomes", {"feature": slug, "prediction": draw(ids), "truth": truth, "observed_at": draw(instants)}


def name_of(message):
    kind, sent = message
    return (kind, json.dumps(sent)) if kind == "outcomes" else (kind, sent["feature"], sent["id"])


@st.composite
def histories(draw):
    """A history; and the same in any order, cut anywhere into deliveries."""
    messages = draw(st.lists(a_prediction() | a_truth(), unique_by=name_of, min_size=1, max_size=30))
    shuffled = draw(st.permutations(messages))
    cuts = draw(st.lists(st.integers(0, len(messages)), max_size=3).map(sorted))
    return messages, [shuffled[start:end] for start, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)]


def told(deliveries):
    """Deliver, sum up and conclude after each; what is stored in the end."""
    for number, batch in enumerate(deliveries):
        for kind, record in (("outcomes", record_outcomes), ("predictions", record_predictions)):
            items = [json.dumps(sent).encode() for to, sent in batch if to == kind]
            assert not record(items=items, features=Feature.objects.all(), now=NOW).refused
        work("sum_up", "conclude", now=NOW + timedelta(minutes=1, seconds=number))
    return figures()


def figures():
    hours = HourlySummary.objects.order_by("version", "segment", "hour")
    days = DaySummary.objects.order_by("version", "segment", "day")
    of_set = ("feature", "version", "window", "window_from", "source", "segment")
    estimates = Estimate.objects.order_by(*(f"set__{name}" for name in of_set), "metric", "label")
    runtime = RuntimePercentiles.objects.order_by("version", "measure")
    return [
        list(hours.values("version", "segment", "hour", "payload")),
        list(days.values("version", "segment", "day", "payload")),
        [{**each, "id": 0, "set_id": 0} for each in estimates.values()],
        [{**each, "id": 0, "as_of": 0} for each in runtime.values()],
    ]


@pytest.fixture
def features():
    make_version(
        make_feature("claims", input_fields=FIELDS), "v1", labels=["on_time", "late"], positive_label="late"
    )
    make_version(make_feature("minutes", answer_kind="number", tolerance=10.0, input_fields=FIELDS), "v1")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories())
def test_f14_any_order_summed_bit_by_bit_ends_in_the_figures_of_one_full_pass(features, drawn):
    history, deliveries = drawn
    ends = []
    for way in ([history], deliveries):
        with transaction.atomic():
            ends.append(told(way))
            transaction.set_rollback(True)
    assert_same(ends[0], ends[1])
