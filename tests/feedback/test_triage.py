"""What somebody has to do about what customers said, by when, and who did it."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from feedback.actions.triage import (
    Outrun,
    change_many,
    record_sent_to_review,
    release,
    set_severity,
    set_state,
    set_theme,
    triaged_by,
)
from feedback.models import FeedbackItem, FeedbackStep
from tests.factories import NOON, make_feature, make_feedback_item, make_membership, make_user
from tests.feedback.test_themes import make_theme

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATER = NOON + HOUR


@pytest.fixture
def ann():
    return make_user("ann@example.org")


def steps(item):
    return list(FeedbackStep.objects.of(item).order_by("pk").values_list("kind", "before", "after", "words"))


def move(item, to, *, seen=None, words="", user, now=LATER):
    return set_state(item_id=item.pk, to=to, seen=seen or item.state, words=words, user=user, now=now)


@pytest.mark.parametrize(
    ("severity", "triage", "close"),
    [
        ("critical", 4 * HOUR, 2 * DAY),
        ("high", DAY, 7 * DAY),
        ("medium", 3 * DAY, 30 * DAY),
        ("low", 7 * DAY, 90 * DAY),
        ("", 3 * DAY, 30 * DAY),
    ],
)
def test_due_by_severity(severity, triage, close):
    item = make_feedback_item(severity=severity)
    assert (item.triage_due_at, item.close_due_at) == (NOON + triage, NOON + close)


@pytest.mark.parametrize(
    ("fields", "is_due"),
    [
        ({"channel": "thumb", "rating": -1, "text": ""}, False),
        ({"channel": "survey", "rating": 3, "text": ""}, False),
        ({"channel": "thumb", "rating": -1, "text": "Wrong."}, True),
        ({"channel": "complaint", "rating": 1, "text": ""}, True),
        ({"channel": "survey", "rating": 1, "text": "", "severity": "low"}, True),
    ],
)
def test_nothing_is_due_on_a_rating_without_words(fields, is_due):
    item = make_feedback_item(**fields)
    assert (item.triage_due_at is not None) == is_due
    assert FeedbackItem.objects.open().exists() == is_due


def test_an_item_goes_through_its_states_and_each_step_stays(ann):
    item = make_feedback_item()
    for to, words in [("triaged", ""), ("planned", ""), ("answered", "We look into it."), ("closed", "Fixed.")]:
        item = move(item, to, words=words, user=ann)
    assert (item.state, item.outcome, item.closed_at, item.triaged_at) == ("closed", "Fixed.", LATER, LATER)
    assert [step[1:] for step in steps(item)] == [
        ("new", "triaged", ""),
        ("triaged", "planned", ""),
        ("planned", "answered", "We look into it."),
        ("answered", "closed", "Fixed."),
    ]
    item = move(item, "triaged", user=ann, now=LATER + DAY)
    assert (item.state, item.outcome, item.closed_at, item.triaged_at) == ("triaged", "", None, LATER)
    assert ("state", "answered", "closed", "Fixed.") in steps(item)


@pytest.mark.parametrize("to", ["answered", "closed"])
def test_an_answer_and_an_outcome_need_words(ann, to):
    item = make_feedback_item()
    with pytest.raises(ValidationError):
        move(item, to, words=" \n", user=ann)
    item.refresh_from_db()
    assert (item.state, steps(item)) == ("new", [])


@pytest.mark.parametrize("to", ["new", "gone", ""])
def test_no_state_but_the_known_ones_and_none_becomes_new_again(ann, to):
    with pytest.raises(ValidationError):
        move(make_feedback_item(), to, seen="triaged", user=ann)


def test_whoever_comes_second_is_told_who_was_faster(ann):
    item, ben = make_feedback_item(), make_user()
    move(item, "triaged", user=ann)
    with pytest.raises(Outrun, match=r"ann@example.org was faster: this is triaged now. Nothing was changed."):
        move(item, "planned", seen="new", user=ben)
    assert len(steps(item)) == 1


def test_the_same_change_sent_twice_is_one_step(ann):
    item = make_feedback_item()
    move(item, "closed", seen="new", words="Fixed.", user=ann)
    again = move(item, "closed", seen="new", words="Fixed.", user=ann, now=LATER + DAY)
    assert (again.closed_at, len(steps(item))) == (LATER, 1)


def test_another_answer_is_another_step_and_the_same_words_are_one(ann):
    item = make_feedback_item()
    for words in ("We look into it.", "We look into it.", "It is mended.", " It is mended. "):
        item = move(item, "answered", words=words, user=ann)
    assert steps(item) == [
        ("state", "new", "answered", "We look into it."),
        ("state", "answered", "answered", "It is mended."),
    ]


def test_another_answer_to_many_reaches_those_that_were_answered_before(ann):
    feature = make_feature()
    told, other, fresh = (make_feedback_item(feature) for _ in range(3))
    move(told, "answered", words="It is mended.", user=ann)
    move(other, "answered", words="We look into it.", user=ann)
    every = FeedbackItem.objects.all()
    answer = {"items": every, "to": "answered", "words": "It is mended.", "user": ann, "now": LATER}
    assert [change_many(**answer), change_many(**answer)] == [2, 0]
    assert [step[-1] for step in steps(told)] == ["It is mended."]
    assert [step[-1] for step in steps(other)] == ["We look into it.", "It is mended."]
    assert [step[-1] for step in steps(fresh)] == ["It is mended."]


def test_another_severity_moves_what_is_due_from_when_it_came(ann):
    item = make_feedback_item()
    item = set_severity(item_id=item.pk, severity="critical", user=ann, now=LATER)
    assert (item.triage_due_at, item.close_due_at) == (NOON + 4 * HOUR, NOON + 2 * DAY)
    set_severity(item_id=item.pk, severity="critical", user=ann, now=LATER)
    assert steps(item) == [("severity", "", "critical", "")]
    with pytest.raises(ValidationError):
        set_severity(item_id=item.pk, severity="urgent", user=ann, now=LATER)


def test_a_theme_of_another_feature_is_refused(ann):
    item = make_feedback_item()
    with pytest.raises(ValidationError):
        set_theme(item_id=item.pk, theme=make_theme(), user=ann, now=LATER)
    mine = make_theme(item.feature, "Late")
    set_theme(item_id=item.pk, theme=mine, user=ann, now=LATER)
    set_theme(item_id=item.pk, theme=mine, user=ann, now=LATER)
    set_theme(item_id=item.pk, theme=None, user=ann, now=LATER)
    assert steps(item) == [("theme", "", "Late", ""), ("theme", "Late", "", "")]


def test_many_are_changed_at_once_and_only_what_changes_is_counted(ann):
    feature, other = make_feature(), make_feature()
    late = make_theme(feature, "Late")
    items = [make_feedback_item(feature) for _ in range(3)]
    foreign, held = (
        make_feedback_item(other),
        make_feedback_item(feature, quarantine_reason="trap", triage_due_at=None, close_due_at=None),
    )
    move(items[0], "planned", user=ann)
    every = FeedbackItem.objects.all()
    assert change_many(items=every, to="planned", theme=late, user=ann, now=LATER) == 3
    assert change_many(items=every, to="planned", theme=late, user=ann, now=LATER) == 0
    assert set(FeedbackItem.objects.filter(state="planned", theme=late)) == set(items)
    assert steps(items[0])[-1] == ("theme", "", "Late", "")
    assert steps(foreign) == steps(held) == []
    with pytest.raises(ValidationError):
        change_many(items=every, to="closed", user=ann, now=LATER)
    assert change_many(items=every, to="closed", words="All mended.", user=ann, now=LATER) == 4


def test_quarantine_waits_until_somebody_lets_it_out_and_is_due_from_then(ann):
    item = make_feedback_item(quarantine_reason="trap", triage_due_at=None, close_due_at=None, channel="complaint")
    assert not FeedbackItem.objects.open().exists()
    assert not FeedbackItem.objects.complaints().exists()
    for change in (
        lambda: move(item, "triaged", user=ann),
        lambda: set_severity(item_id=item.pk, severity="low", user=ann, now=LATER),
        lambda: set_theme(item_id=item.pk, theme=make_theme(item.feature), user=ann, now=LATER),
    ):
        with pytest.raises(ValidationError, match="quarantine"):
            change()
    release(item_id=item.pk, user=ann, now=LATER)
    release(item_id=item.pk, user=ann, now=LATER + DAY)
    assert FeedbackItem.objects.complaints().open().get().triage_due_at == LATER + 3 * DAY
    assert [kind for kind, *_ in steps(item)] == ["released"]


def test_another_severity_of_what_was_let_out_counts_from_then(ann):
    item = make_feedback_item(quarantine_reason="trap", triage_due_at=None, close_due_at=None)
    out = NOON + 5 * DAY
    release(item_id=item.pk, user=ann, now=out)
    item = set_severity(item_id=item.pk, severity="critical", user=ann, now=out + HOUR)
    assert (item.triage_due_at, item.close_due_at) == (out + 4 * HOUR, out + 2 * DAY)


def test_that_it_was_sent_to_review_is_remembered_once(ann):
    item = make_feedback_item()
    for _ in range(2):
        record_sent_to_review(item=item, user=ann, now=LATER)
    assert [kind for kind, *_ in steps(item)] == ["sent_to_review"]


@pytest.mark.parametrize("role", ["product", "customer_success", "owner", "operations"])
def test_who_works_on_feedback(role):
    membership = make_membership(role=role)
    make_feature()
    assert list(triaged_by(membership.user)) == [membership.feature]


@pytest.mark.parametrize("role", ["reviewer", "adjudicator", "data_science", "engineering", "design"])
def test_who_only_reads_it(role):
    assert not triaged_by(make_membership(role=role).user).exists()


# --- the words of sets


def ids(items):
    return sorted(items.values_list("external_id", flat=True))


def test_overdue_is_what_nobody_looked_at_or_closed_in_time(ann):
    make_feedback_item(external_id="new")
    triaged = make_feedback_item(external_id="triaged")
    closed = make_feedback_item(external_id="closed")
    make_feedback_item(external_id="thumb", channel="thumb", rating=-1, text="")
    move(triaged, "triaged", user=ann)
    move(closed, "closed", words="Done.", user=ann)
    items = FeedbackItem.objects
    assert ids(items.overdue(NOON + 3 * DAY - HOUR)) == []
    assert ids(items.overdue(NOON + 3 * DAY)) == ["new"]
    assert ids(items.overdue(NOON + 30 * DAY)) == ["new", "triaged"]
    assert ids(items.open()) == ["new", "triaged"]


def test_what_falls_due_is_counted_whether_it_was_done_or_not(ann):
    item = make_feedback_item(external_id="a")
    move(item, "closed", words="Done.", user=ann)
    items = FeedbackItem.objects
    assert ids(items.falling_due_between(NOON + 3 * DAY, NOON + 3 * DAY + HOUR)) == ["a"]
    assert ids(items.falling_due_between(NOON + 30 * DAY, NOON + 31 * DAY)) == ["a"]
    assert ids(items.falling_due_between(NOON + 3 * DAY + HOUR, NOON + 30 * DAY)) == []


COMPLAINTS = [
    ({"channel": "complaint"}, True),
    ({"channel": "complaint", "severity": "low"}, True),
    *[({"channel": channel, "severity": "high"}, True) for channel in ("ticket", "call_note", "widget", "survey")],
    ({"channel": "sales", "severity": "critical"}, True),
    ({"channel": "ticket", "severity": "medium"}, False),
    ({"channel": "ticket"}, False),
    ({"channel": "thumb", "rating": -1, "text": "Wrong."}, True),
    ({"channel": "thumb", "rating": -1, "text": ""}, False),
    ({"channel": "thumb", "rating": 1, "text": "Right."}, False),
]


@pytest.mark.parametrize(("fields", "is_one"), COMPLAINTS)
def test_what_counts_as_a_complaint(fields, is_one):
    make_feedback_item(**fields)
    assert FeedbackItem.objects.complaints().exists() == is_one


def thumb(external_id, rating, *, minutes=0, feature, **fields):
    said = {"actor": "u1", "prediction_external_id": "p1", "text": "", **fields}
    at = NOON + timedelta(minutes=minutes)
    return make_feedback_item(feature, external_id, channel="thumb", rating=rating, occurred_at=at, **said)


def test_one_thumb_of_an_actor_on_a_prediction_holds_and_the_others_are_history():
    feature = make_feature()
    thumb("late", 1, minutes=2, feature=feature)  # in another order than they came about
    thumb("early", -1, feature=feature)
    thumb("middle", 1, minutes=1, feature=feature)
    thumb("other prediction", -1, feature=feature, prediction_external_id="p2")
    thumb("other actor", -1, feature=feature, actor="u2")
    thumb("other feature", -1, feature=make_feature())
    for name in ("nobody 1", "nobody 2"):
        thumb(name, 1, feature=feature, actor="")
    thumb("trapped", -1, minutes=9, feature=feature, quarantine_reason="trap")
    make_feedback_item(feature, "ticket", actor="u1", prediction_external_id="p1")
    held = ["late", "nobody 1", "nobody 2", "other actor", "other feature", "other prediction"]
    assert ids(FeedbackItem.objects.current()) == held
    assert FeedbackItem.objects.filter(channel="thumb").count() == 9


def test_without_an_actor_the_page_says_whose_thumb_it_is():
    feature = make_feature()
    mine, anothers = "form-0123456789abcdef", "form-0123456789abcdff"
    for name, minutes, rating, text in [("-1", 0, -1, ""), ("-0", 1, -1, "Too late."), ("-2", 0, 1, "")]:
        thumb(mine + name, rating, minutes=minutes, feature=feature, actor="", text=text)
    thumb(anothers + "-1", -1, feature=feature, actor="")
    thumb(mine + "-3", 1, feature=feature, actor="", prediction_external_id="p2")
    thumb(mine + "-4", 1, minutes=9, feature=feature)
    thumb(mine + "-5", 1, minutes=9, feature=feature, actor="", quarantine_reason="trap")
    for name in ("service-0123456789abcdef-1", "service-0123456789abcdef-2"):
        thumb(name, 1, feature=feature, actor="")
    assert ids(FeedbackItem.objects.current()) == [
        mine + "-0", mine + "-3", mine + "-4", anothers + "-1",
        "service-0123456789abcdef-1", "service-0123456789abcdef-2",
    ]  # fmt: skip


def test_of_two_thumbs_of_one_instant_one_holds():
    feature = make_feature()
    thumb("a", 1, feature=feature)
    thumb("b", -1, feature=feature)
    assert ids(FeedbackItem.objects.current()) == ["b"]


BROKEN = {
    "state_is_known": {"state": "lost", "triaged_at": NOON},
    "triaged_once_it_is_not_new, none": {"state": "planned"},
    "triaged_once_it_is_not_new, new": {"triaged_at": NOON},
    "closed_with_an_outcome, none": {"state": "closed", "triaged_at": NOON, "closed_at": NOON},
    "closed_with_an_outcome, no time": {"state": "closed", "triaged_at": NOON, "outcome": "Done."},
    "closed_with_an_outcome, open": {"outcome": "Done."},
    "closed_with_an_outcome, open with a time": {"closed_at": NOON},
    "both_fall_due_or_none": {"close_due_at": None},
    "both_fall_due_or_none, in order": {"close_due_at": NOON},
    "nothing_is_due_in_quarantine": {"quarantine_reason": "trap"},
    "nothing_is_due_in_quarantine, reason": {
        "quarantine_reason": "smell", "triage_due_at": None, "close_due_at": None
    },
}  # fmt: skip


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_the_database_holds_what_must_hold(change):
    with pytest.raises(IntegrityError), transaction.atomic():
        make_feedback_item(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        FeedbackItem.objects.filter(pk=make_feedback_item().pk).update(**change)
