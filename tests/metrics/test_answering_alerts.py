"""Alerts that fall due count in the accountability score, beside complaints."""

from datetime import timedelta

import pytest

from metrics.actions.scoring_parts import parts_of
from metrics.models import Alert
from tests.factories import NOON, make_feature, make_feedback_item

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
END = NOON.replace(hour=0)


def make_alert(feature, *, raised_at, key, answered_at=None, cleared_at=None):
    return Alert.objects.create(
        feature=feature, kind="expectation", key=key, title="Broken", raised_at=raised_at,
        due_at=raised_at + 3 * DAY, close_due_at=raised_at + 30 * DAY, answered_at=answered_at,
        cleared_at=cleared_at, cleared_why="It was renegotiated." if cleared_at else "",
    )  # fmt: skip


def answering(feature):
    return parts_of(feature, end=END, agreed=0.05, now=END)["answering"]


def test_without_complaints_and_alerts_there_is_no_figure():
    part = answering(make_feature())
    assert part.value is None
    assert part.reason == "no complaint and no alert fell due in the 28 days"


def test_an_alert_is_answered_in_time_or_was_over_by_then():
    feature = make_feature()
    at = END - 10 * DAY
    make_alert(feature, raised_at=at, key="in time", answered_at=at + DAY)
    make_alert(feature, raised_at=at, key="over by itself", cleared_at=at + 2 * DAY)
    make_alert(feature, raised_at=at, key="late", answered_at=at + 4 * DAY)
    make_alert(feature, raised_at=at, key="never")
    part = answering(feature)
    assert (part.value, part.n) == (0.5, 4)
    assert part.reason == "2 of 4 triaged in time, 0 of 0 closed in time, 4 alerts among them"


def test_an_alert_is_ended_in_time():
    feature = make_feature()
    at = END - 32 * DAY  # to be answered before the window, to be ended in it
    make_alert(feature, raised_at=at, key="ended", answered_at=at + HOUR, cleared_at=at + 20 * DAY)
    make_alert(feature, raised_at=at, key="open", answered_at=at + HOUR)
    assert answering(feature).value == 0.5


def test_what_falls_due_outside_of_the_window_does_not_count():
    feature = make_feature()
    make_alert(feature, raised_at=END - 2 * DAY, key="ahead")
    make_alert(make_feature(), raised_at=END - 10 * DAY, key="another feature's")
    assert answering(feature).value is None


def test_complaints_and_alerts_are_counted_together():
    feature = make_feature()
    make_feedback_item(feature, channel="complaint", received_at=END - 10 * DAY)  # never looked at
    at = END - 10 * DAY
    make_alert(feature, raised_at=at, key="k", answered_at=at + HOUR)
    part = answering(feature)
    assert part.value == 0.5
    assert part.reason.startswith("1 of 2 triaged in time")
    assert part.reason.endswith("1 alert among them")
