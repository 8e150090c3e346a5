"""The bins of a version's inputs: fixed once, after its first days; then its hours are counted in them."""

from datetime import timedelta

import pytest

from feedback.actions.jobs import enter_job
from feedback.actions.looks import OVERLAP
from feedback.models import Job, Prediction
from metrics.actions import references
from metrics.actions.references import due_references, prepare_reference
from metrics.actions.retaining import purge
from metrics.models import FieldReference
from metrics.summaries import counts_by_day
from tests.factories import NOON, make_feature, make_prediction, make_version
from tests.metrics.work import work

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def version():
    return make_version(make_feature("claims", input_fields=[{"name": "km"}]))


@pytest.fixture(autouse=True)
def twenty_are_enough(monkeypatch):
    monkeypatch.setattr(references, "FEWEST_PREDICTIONS", 20)


def traffic(version, days, a_day=3, start=NOON):
    for at in (start + day * DAY for day in range(days)):
        Prediction.objects.bulk_create(
            Prediction(
                feature=version.feature, version=version, external_id=f"{version.pk}-{at}-{n}", label="late",
                occurred_at=at, received_at=at, fingerprint=n,
                inputs={"km": n + (at - start).days, "carrier": "AA" if n else "UA"},
            )
            for n in range(a_day)
        )  # fmt: skip


def settled(now):
    return work("sum_up", "fix_references", now=now)


def test_the_reference_is_of_the_first_seven_days_and_all_hours_are_counted_by_it(version):
    traffic(version, 9)
    said = settled(NOON + 10 * DAY)
    assert "1 references to make" in said
    assert "9 hours to sum again by the reference" in said
    made = FieldReference.objects.get(version=version)
    assert (made.first_on, made.last_on) == (NOON.date(), (NOON + 6 * DAY).date())
    assert made.fields["carrier"] == {"kind": "category", "values": ["AA", "UA"]}
    assert (made.fields["km"]["low"], made.fields["km"]["high"]) == (0, 8)
    days = counts_by_day(version.feature)
    assert [counts.fields["carrier"] for counts in days.values()] == [{0: 2, 1: 1}] * 9
    last = days[version.pk, (NOON + 8 * DAY).date()]
    assert (sum(last.fields["km"].values()), last.unseen) == (1, {"km": 2})


def test_nothing_is_fixed_before_seven_days_are_over(version):
    traffic(version, 7)
    settled(NOON + 6 * DAY + timedelta(hours=11))
    assert not FieldReference.objects.exists()
    settled(NOON + 7 * DAY)
    assert FieldReference.objects.exists()


def test_with_little_traffic_it_takes_more_days(version):
    traffic(version, 12, a_day=2)
    settled(NOON + 12 * DAY)
    assert FieldReference.objects.get().last_on == (NOON + 9 * DAY).date()


def test_days_without_predictions_are_none_of_the_seven(version):
    traffic(version, 3)
    traffic(version, 4, start=NOON + 10 * DAY)
    settled(NOON + 14 * DAY)
    assert FieldReference.objects.get().last_on == (NOON + 13 * DAY).date()


def test_a_reference_is_made_once_whatever_comes_later(version):
    traffic(version, 7)
    settled(NOON + 8 * DAY)
    before = FieldReference.objects.values().get()
    write = prepare_reference(version=version, now=NOON + 9 * DAY)
    traffic(version, 20, start=NOON - 30 * DAY)
    write()
    settled(NOON + 10 * DAY)
    assert FieldReference.objects.values().get() == before
    assert due_references(now=NOON + 11 * DAY) == []


def test_every_version_has_a_reference_of_its_own(version):
    other = make_version(version.feature)
    traffic(version, 7)
    traffic(other, 7, start=NOON + DAY)
    settled(NOON + 9 * DAY)
    assert set(FieldReference.objects.values_list("version", "first_on")) == {
        (version.pk, NOON.date()),
        (other.pk, (NOON + DAY).date()),
    }


def test_predictions_without_inputs_make_a_reference_without_fields(version):
    for day in range(20):
        make_prediction(version, occurred_at=NOON + day * DAY, received_at=NOON)
    settled(NOON + 21 * DAY)
    assert FieldReference.objects.get().fields == {}


def test_a_sample_is_looked_at_where_there_are_many(version, monkeypatch):
    monkeypatch.setattr(references, "MOST_SAMPLED", 10)
    traffic(version, 7, a_day=10)
    found = references._inputs(version, NOON.date(), (NOON + 6 * DAY).date())
    assert len(found["km"]) == 10


def test_where_rows_are_kept_for_less_the_reference_is_of_those_days():
    version = make_version(make_feature("claims", retention_days=3))
    traffic(version, 9, a_day=10)
    for kind in ("draw", "sum_up"):
        work(kind, now=NOON + 9 * DAY)
    work("purge", now=NOON + 9 * DAY + OVERLAP)
    version.feature.refresh_from_db()
    settled(NOON + 9 * DAY + OVERLAP)
    made = FieldReference.objects.get()
    assert (made.first_on, made.last_on) == ((NOON + 6 * DAY).date(), (NOON + 8 * DAY).date())


def test_nothing_is_purged_that_a_reference_is_being_made_of(version):
    version.feature.retention_days = 30
    version.feature.save()
    traffic(version, 1)
    for kind in ("draw", "sum_up"):
        work(kind, now=NOON + 40 * DAY)
    enter_job("fix_reference", str(version.pk), run_after=NOON + 50 * DAY, now=NOON)
    assert purge(feature=version.feature, now=NOON + 41 * DAY) == 0
    Job.objects.all().delete()
    assert purge(feature=version.feature, now=NOON + 41 * DAY) == 3


def test_a_name_that_no_reading_could_bear_is_left_out_and_values_are_held_short(version, monkeypatch):
    longest, too_long = "n" * 200, "n" * 201
    monkeypatch.setattr(references, "MOST_FIELDS", 2)
    for n in range(20):
        at = NOON + (n % 7) * DAY
        inputs = {too_long: "x", longest: "v" * 5_000} | ({"rare": 1} if n == 0 else {"often": {"a": ["b"] * 50}})
        make_prediction(version, occurred_at=at, received_at=at, inputs=inputs)
    held = references._inputs(version, NOON.date(), (NOON + 6 * DAY).date())
    assert {name: {*map(len, values)} for name, values in held.items()} == {longest: {100}, "often": {100}}
    settled(NOON + 8 * DAY)
    assert FieldReference.objects.get().fields[longest] == {"kind": "category", "values": ["v" * 100]}
    assert all(counts.fields[longest].keys() == {0} for counts in counts_by_day(version.feature).values())
