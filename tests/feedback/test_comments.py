"""Comments: one target, a history of edits, removal, and who sees them."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from feedback.actions.commenting import edit_comment, remove_comment, write_comment
from feedback.models import Comment, CommentRevision
from feedback.templatetags.threads import breakable, linked
from feedback.threads import about_decision, about_feature, thread_of
from tests.factories import (
    NOON,
    make_feature,
    make_feedback_item,
    make_membership,
    make_prediction,
    make_user,
    make_version,
)
from tests.feedback.test_decisions import make_decision

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def make_comment(feature=None, user=None, text="Shall we?", now=NOON, **target):
    feature, user = feature or make_feature(), user or make_user()
    return write_comment(feature=feature, text=text, user=user, now=now, **target)


# --- one target


def test_two_targets_are_refused_by_the_database():
    feature = make_feature()
    item, decision = make_feedback_item(feature), make_decision(feature)
    kept = {"feature": feature, "text": "x", "author": make_user(), "made_at": NOON}
    for two in [
        {"item": item, "decision": decision},
        {"item": item, "prediction_external_id": "p"},
        {"decision": decision, "prediction_external_id": "p"},
    ]:
        with pytest.raises(IntegrityError, match="feedback_comment_has_one_target"), transaction.atomic():
            Comment.objects.create(**kept, **two)
    for one in [{}, {"item": item}, {"decision": decision}, {"prediction_external_id": "p"}]:
        assert Comment.objects.create(**kept, **one).pk


def test_an_empty_comment_is_refused_here_and_by_the_database():
    with pytest.raises(ValidationError, match="Write something first"):
        make_comment(text=" \n")
    with pytest.raises(IntegrityError, match="feedback_comment_says_something"), transaction.atomic():
        Comment.objects.create(feature=make_feature(), text="", author=make_user(), made_at=NOON)


def test_a_target_of_another_feature_is_refused():
    with pytest.raises(ValidationError, match="another feature"):
        make_comment(decision=make_decision())
    with pytest.raises(ValidationError, match="another feature"):
        make_comment(item=make_feedback_item())


# --- edits and removal


def test_an_edit_keeps_what_stood_there_before_in_order():
    ann = make_user()
    comment = make_comment(user=ann, text="one")
    for hours, text in enumerate(["two", "two", "three"], start=1):
        edit_comment(comment=comment, text=text, user=ann, now=NOON + hours * HOUR)
    (said,) = thread_of(about_feature(comment.feature), ann).comments
    assert said.text == "three"
    assert [(old.text, old.replaced_at) for old in said.former] == [
        ("one", NOON + HOUR),
        ("two", NOON + 3 * HOUR),
    ]


def test_only_its_author_edits_not_even_staff():
    comment = make_comment(text="mine")
    for other in (make_user(), make_user(is_staff=True)):
        with pytest.raises(PermissionDenied):
            edit_comment(comment=comment, text="theirs", user=other, now=NOON)
    comment.refresh_from_db()
    assert comment.text == "mine"


def test_removing_takes_the_text_and_its_history_and_leaves_that_it_was_there():
    ann = make_user()
    comment = make_comment(user=ann, text="+49 170 1234567")
    edit_comment(comment=comment, text="a phone number", user=ann, now=NOON + HOUR)
    remove_comment(comment=comment, user=ann, now=NOON + 2 * HOUR)
    remove_comment(comment=comment, user=ann, now=NOON + 3 * HOUR)
    comment.refresh_from_db()
    assert (comment.text, comment.removed_at) == ("", NOON + 2 * HOUR)
    assert not CommentRevision.objects.exists()
    (said,) = thread_of(about_feature(comment.feature), ann).comments
    assert (said.is_removed, said.may_edit, said.may_remove) == (True, False, False)
    with pytest.raises(ValidationError, match="removed meanwhile"):
        edit_comment(comment=comment, text="again", user=ann, now=NOON)


def test_its_author_removes_it_or_staff_and_nobody_else():
    comment = make_comment()
    with pytest.raises(PermissionDenied):
        remove_comment(comment=comment, user=make_user(), now=NOON)
    remove_comment(comment=comment, user=make_user(is_staff=True), now=NOON)
    comment.refresh_from_db()
    assert comment.removed_at == NOON


def test_what_somebody_said_who_left_stays_and_nobody_can_edit_it():
    ann = make_user("gone@example.org")
    comment = make_comment(user=ann, text="Keep me.")
    ann.delete()
    (said,) = thread_of(about_feature(comment.feature), make_user()).comments
    assert (said.author, said.text, said.may_edit) == ("somebody who left", "Keep me.", False)


# --- text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<b>no</b>", "&lt;b&gt;no&lt;/b&gt;"),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        (
            "see https://a.example/x?y=1&z=2.",
            'see <a href="https://a.example/x?y=1&amp;z=2" rel="noopener nofollow">'
            "https://a.example/x?y=1&amp;z=2</a>.",
        ),
        ('http://a"onclick=x', '<a href="http://a" rel="noopener nofollow">http://a</a>&quot;onclick=x'),
        ("ftp://a.example www.example.org", "ftp://a.example www.example.org"),
        ("# not a title", "# not a title"),
    ],
)
def test_text_is_escaped_and_only_addresses_of_web_pages_become_links(text, shown):
    assert linked(text) == shown


def test_an_address_breaks_after_its_at_sign_and_nothing_in_it_is_more_than_text():
    assert breakable("a<b>@example.org") == "a&lt;b&gt;@<wbr>example.org"
    assert breakable("somebody who left") == "somebody who left"


# --- pages


@pytest.fixture
def at(client_for):
    """(ann, her browser, her feature)"""
    ann = make_user("ann@example.org")
    return ann, client_for(ann), make_membership(ann, make_feature("mine")).feature


def test_a_comment_on_each_target_shows_where_it_belongs(at):
    ann, browser, feature = at
    prediction = make_prediction(make_version(feature), "p 1/ä")
    item, decision = make_feedback_item(feature), make_decision(feature, title="We alert")
    for target, name in [({}, "feature"), ({"prediction": prediction.external_id}, "prediction"),
                         ({"item": item.pk}, "item"), ({"decision": decision.pk}, "decision")]:  # fmt: skip
        answer = browser.post("/features/mine/discuss/", {"text": f"About the {name}.", **target}, follow=True)
        assert f"About the {name}." in answer.content.decode(), name
    page = browser.get("/features/mine/discuss/").content.decode()
    assert [f"About the {name}." in page for name in ("feature", "prediction", "item", "decision")] == [True] * 4
    assert "About the decision." in browser.get(decision.get_absolute_url()).content.decode()
    assert len(thread_of(about_decision(decision), ann).comments) == 1


def test_targets_of_other_features_cannot_be_spoken_of_nor_found(at):
    _, browser, _ = at
    item, decision = make_feedback_item(), make_decision()
    theirs = make_prediction()
    for target in ({"item": item.pk}, {"decision": decision.pk}):
        assert browser.post("/features/mine/discuss/", {"text": "x", **target}).status_code == 404
        assert browser.get("/features/mine/discuss/", target).status_code == 404
    answer = browser.post("/features/mine/discuss/", {"text": "kept", "prediction": theirs.external_id})
    assert answer.status_code == 422
    assert "no prediction with this id" in answer.content.decode()
    assert "kept" in answer.content.decode()
    assert browser.post(f"/features/{theirs.feature.slug}/discuss/", {"text": "x"}).status_code == 404
    assert not Comment.objects.exists()


def test_fields_of_others_in_the_form_change_nothing(at):
    ann, browser, feature = at
    sent = {
        "text": "x",
        "author": 999,
        "feature": make_feature().pk,
        "made_at": "2020-01-01",
        "removed_at": "2020-01-01",
    }
    assert browser.post("/features/mine/discuss/", sent).status_code == 302
    (comment,) = Comment.objects.all()
    assert (comment.author, comment.feature, comment.removed_at) == (ann, feature, None)
    assert comment.made_at.year > 2020


def test_comments_of_others_are_neither_edited_nor_removed_by_their_number(at):
    _, browser, feature = at
    foreign, colleagues = make_comment(text="foreign"), make_comment(feature, text="colleague's")
    assert browser.get(f"/comments/{foreign.pk}/edit/").status_code == 404
    assert browser.post(f"/comments/{foreign.pk}/remove/").status_code == 404
    assert browser.post(f"/comments/{colleagues.pk}/edit/", {"text": "x"}).status_code == 404
    assert browser.post(f"/comments/{colleagues.pk}/remove/").status_code == 403
    for comment, text in ((foreign, "foreign"), (colleagues, "colleague's")):
        comment.refresh_from_db()
        assert comment.text == text


def test_ones_own_comment_is_edited_and_removed_on_the_page(at):
    ann, browser, feature = at
    comment = make_comment(feature, ann, "Frist")
    assert "Frist" in browser.get(f"/comments/{comment.pk}/edit/").content.decode()
    assert browser.post(f"/comments/{comment.pk}/edit/", {"text": " "}).status_code == 422
    assert browser.post(f"/comments/{comment.pk}/edit/", {"text": "First"}).status_code == 302
    page = browser.get("/features/mine/discuss/").content.decode()
    assert "Edited once" in page
    assert browser.get(f"/comments/{comment.pk}/remove/").status_code == 405
    browser.post(f"/comments/{comment.pk}/remove/")
    page = browser.get("/features/mine/discuss/").content.decode()
    assert "removed" in page
    assert "First" not in page
    assert "Frist" not in page


def test_an_empty_thread_says_so_and_a_long_one_shows_its_newest(at):
    ann, browser, feature = at
    assert "Nobody has said anything yet." in browser.get("/features/mine/discuss/").content.decode()
    for hour in range(105):
        make_comment(feature, ann, f"number {hour}!", NOON + hour * HOUR)
    page = browser.get("/features/mine/discuss/").content.decode()
    assert "5 earlier" in page
    assert "number 5!" in page
    assert "number 4!" not in page
    assert "number 4!" in browser.get("/features/mine/discuss/?all=1").content.decode()


def test_the_page_of_threads_takes_as_many_queries_for_3_as_for_30(client_for):
    taken = []
    for n in (3, 30):
        ann = make_user()
        feature = make_membership(ann).feature
        for i in range(n):
            make_comment(feature)
            make_comment(feature, decision=make_decision(feature))
            make_comment(feature, item=make_feedback_item(feature))
            edit_comment(comment=(mine := make_comment(feature, ann)), text=f"{i}", user=ann, now=NOON)
            assert mine.pk
        browser = client_for(ann)
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(f"/features/{feature.slug}/discuss/").status_code == 200
        taken.append(len(captured))
    assert taken[0] == taken[1] < 15
