"""The inbox, its themes and notes: what each person sees, may do, and is told."""

import csv
import io
import re
from contextlib import contextmanager
from datetime import timedelta
from html import unescape
from urllib.parse import urljoin

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from feedback.models import CallNote, FeedbackItem, FeedbackStep, Theme
from tests.factories import (
    make_feature,
    make_feedback_item,
    make_membership,
    make_prediction,
    make_user,
    make_version,
)
from tests.feedback.test_themes import make_theme

pytestmark = pytest.mark.django_db
INBOX = "/feedback/inbox/"
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</textarea><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "\u202egnp.exe",
]


@pytest.fixture
def feature():
    return make_feature("delay-alert")


@pytest.fixture
def ann(feature):
    return make_membership(make_user("ann@example.org"), feature, role="product").user


@pytest.fixture
def browser(client_for, ann):
    return client_for(ann)


def item_of(feature, external_id=None, *, ago=timedelta(hours=1), **fields):
    return make_feedback_item(feature, external_id, received_at=timezone.now() - ago, **fields)


def listed(answer):
    return [row.excerpt for row in answer.context["page"].rows]


def lines(answer):
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def test_what_is_overdue_comes_first_then_what_falls_due_next(browser, feature):
    item_of(feature, text="next week", severity="low")
    item_of(feature, text="in hours", severity="critical")
    item_of(feature, text="overdue", ago=timedelta(days=4))
    item_of(feature, text="overdue longer", ago=timedelta(days=9))
    item_of(feature, channel="thumb", rating=-1, text="")
    answer = browser.get(INBOX)
    assert listed(answer) == ["overdue longer", "overdue", "in hours", "next week"]
    counts = answer.context["page"].counts
    assert (counts.n_open, counts.n_overdue, counts.n_wordless, counts.n_thumbs_down) == (4, 2, 1, 1)
    assert listed(browser.get(INBOX, {"view": "overdue"})) == ["overdue longer", "overdue"]


def test_filters_are_kept_in_every_link(browser, feature):
    for place in range(2):
        item_of(feature, text=f"late {place}", severity="high")
    item_of(feature, text="other", severity="low")
    item_of(make_feature(), text="foreign", severity="high")
    asked = {"feature": "delay-alert", "severity": "high", "channel": "ticket", "state": "new"}
    answer = browser.get(INBOX, {**asked, "junk": "<x>"})
    assert sorted(listed(answer)) == ["late 0", "late 1"]
    html = answer.content.decode()
    query = "feature=delay-alert&amp;severity=high&amp;channel=ticket&amp;state=new"
    assert f'href="{INBOX}?{query}&amp;item=' in html
    assert f"?{query}&amp;format=csv" in html
    assert f'/state/?{query}"' in html
    assert "junk" not in html
    assert len(lines(browser.get(INBOX, {**asked, "format": "csv"}))) == 2


@contextmanager
def between_themes_and_what_follows(act):
    """Somebody else acts as soon as the themes are read."""
    left = [act]

    def ask(execute, sql, params, many, context):
        if left and ask.is_read:
            left.pop()()
        ask.is_read = ask.is_read or 'FROM "feedback_theme"' in sql
        return execute(sql, params, many, context)

    ask.is_read = False
    with connection.execute_wrapper(ask):
        yield
    assert not left


@pytest.mark.parametrize("asked", [{}, {"format": "csv"}])
def test_a_theme_that_a_colleague_makes_at_that_moment_is_no_error(browser, feature, asked):
    item = item_of(feature, text="late")

    def act():
        item.theme = make_theme(feature, "New")
        item.save()

    with between_themes_and_what_follows(act):
        answer = browser.get(INBOX, asked)
    assert (answer.status_code, "late" in answer.content.decode()) == (200, True)
    assert "New" in browser.get(INBOX, asked).content.decode()


def test_a_theme_filters_by_its_whole_group(browser, feature, ann):
    old, young = make_theme(feature, "Old"), make_theme(feature, "Young")
    item_of(feature, text="one", theme=old)
    item_of(feature, text="two", theme=young)
    answer = browser.post("/feedback/themes/merge/", {"theme": old.pk, "into": young.pk}, follow=True)
    assert "Merged." in answer.content.decode()
    assert sorted(listed(browser.get(INBOX, {"theme": old.pk}))) == ["one", "two"]
    assert {row.theme for row in browser.get(INBOX).context["page"].rows} == {"Young"}


def test_triage_by_plain_post_goes_to_the_next_item_with_the_filters_kept(browser, feature, ann):
    first, second = item_of(feature, ago=timedelta(hours=2)), item_of(feature)
    answer = browser.post(
        f"{INBOX}{first.pk}/state/?state=new", {"to": "triaged", "seen": "new", "following": second.pk}
    )
    assert (answer.status_code, answer["Location"]) == (303, f"{INBOX}?state=new&item={second.pk}")
    first.refresh_from_db()
    assert first.state == "triaged"
    assert FeedbackStep.objects.of(first).get().by == ann


def test_the_second_of_two_is_told_who_was_faster(browser, client_for, feature):
    item = item_of(feature)
    ben = client_for(make_membership(make_user("ben@example.org"), feature, role="owner").user)
    sent = {"to": "triaged", "seen": "new"}
    ben.post(f"{INBOX}{item.pk}/state/", sent)
    answer = browser.post(f"{INBOX}{item.pk}/state/", {**sent, "to": "planned"}, follow=True)
    assert "ben@example.org was faster: this is triaged now. Nothing was changed." in answer.content.decode()


@pytest.mark.parametrize("to", ["closed", "answered"])
def test_closing_without_an_outcome_is_said_at_the_field(browser, feature, to):
    item = item_of(feature)
    answer = browser.post(f"{INBOX}{item.pk}/state/", {"to": to, "seen": "new", "words": ""})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.content.decode()
    assert answer.context["page"].item.row.pk == item.pk


def test_too_long_an_outcome_keeps_the_text(browser, feature):
    item = item_of(feature)
    words = "x" * 1001
    answer = browser.post(f"{INBOX}{item.pk}/state/", {"to": "closed", "seen": "new", "words": words})
    assert (answer.status_code, words in answer.content.decode()) == (422, True)


LINK = re.compile(r'<a [^>]*href="([^"]*)"')
FILTERS = re.compile(r'<form class="filters" method="get"[^>]* action="([^"]*)"')


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("inbox/{item}/state/", {"to": "closed", "seen": "new"}),
        ("inbox/{item}/severity/", {"severity": "x"}),
        ("inbox/{item}/theme/", {"theme": "x"}),
        ("inbox/bulk/", {"to": "closed"}),
        ("themes/new/", {"feature": "delay-alert"}),
        ("themes/merge/", {}),
    ],
)
def test_after_an_error_every_link_leads_somewhere(browser, feature, path, sent):
    for place in range(60):
        item = item_of(feature, ago=timedelta(hours=place))
    at = f"/feedback/{path.format(item=item.pk)}"
    answer = browser.post(f"{at}?feature=delay-alert&page=2", sent)
    assert answer.status_code == 422
    main = answer.content.decode().partition("<main")[2].partition("</main>")[0]
    (filters,) = FILTERS.findall(main)
    links = {unescape(link) for link in LINK.findall(main)}
    assert any("format=csv" in link for link in links)
    for link in [filters, *links]:
        assert browser.get(urljoin(at, link)).status_code == 200, link


def test_severity_and_theme_are_set_and_one_stays_at_the_item(browser, feature):
    item = item_of(feature)
    assert (
        browser.post(f"{INBOX}{item.pk}/severity/", {"severity": "high"})["Location"] == f"{INBOX}?item={item.pk}"
    )
    browser.post(f"{INBOX}{item.pk}/theme/", {"title": "Late alerts"})
    item.refresh_from_db()
    assert (item.severity, item.theme.title) == ("high", "Late alerts")
    again = browser.post(f"{INBOX}{item.pk}/theme/", {"title": "late alerts"})
    assert (again.status_code, Theme.objects.count()) == (422, 1)
    assert "The feature has a theme of this title already." in again.content.decode()


@pytest.mark.parametrize("role", ["reviewer", "data_science", "engineering", "design", "adjudicator"])
def test_others_read_and_change_nothing(client_for, feature, role):
    item, reader = item_of(feature), client_for(make_membership(feature=feature, role=role).user)
    html = reader.get(INBOX).content.decode()
    assert "You read this." in html
    assert 'name="to"' not in html
    theme = make_theme(feature)
    for path, sent in posts(item, theme):
        assert reader.post(path, sent).status_code == 403, path
    item.refresh_from_db()
    assert (item.state, item.severity, item.theme, FeedbackStep.objects.count()) == ("new", "", None, 0)
    assert Theme.objects.count() == 1


def posts(item, theme):
    return [
        (f"{INBOX}{item.pk}/state/", {"to": "triaged", "seen": "new"}),
        (f"{INBOX}{item.pk}/severity/", {"severity": "high"}),
        (f"{INBOX}{item.pk}/theme/", {"theme": theme.pk}),
        (f"{INBOX}{item.pk}/release/", {}),
        (f"/feedback/themes/{theme.pk}/unmerge/", {}),
        (f"/features/{item.feature.slug}/target/", {"item": item.pk}),
    ]


def test_another_ones_items_are_404_and_stay_as_they_are(browser):
    item = item_of(make_feature("secret"), text="nobody sees this")
    theme = make_theme(item.feature, "Hidden")
    for path, sent in posts(item, theme):
        assert browser.post(path, sent).status_code == 404, path
    assert "nobody sees this" not in browser.get(INBOX, {"item": item.pk}).content.decode()
    assert "Hidden" not in browser.get("/feedback/themes/").content.decode()
    assert browser.get(INBOX, {"format": "csv"}).content.decode().count("\n") == 1


def test_ticking_foreign_items_changes_and_reveals_none(browser, client_for, feature, ann):
    """A2: the answer is the same as for ids that nobody has."""
    mine = [item_of(feature) for _ in range(2)]
    foreign = item_of(make_feature())
    read_only = make_membership(ann, make_feature("price-band"), role="design").feature
    read = item_of(read_only)
    ticked = [each.pk for each in [*mine, foreign, read]] + [10**18, -1, "x"]
    answer = browser.post(f"{INBOX}bulk/", {"items": ticked, "to": "planned"}, follow=True)
    assert "2 items are changed." in answer.content.decode()
    changed = set(FeedbackItem.objects.filter(state="planned"))
    assert changed == set(mine)
    nobodys = browser.post(f"{INBOX}bulk/", {"items": [foreign.pk], "to": "planned"}, follow=True)
    none = browser.post(f"{INBOX}bulk/", {"items": [10**18], "to": "planned"}, follow=True)
    assert "Nothing was to be changed." in nobodys.content.decode()
    assert "Nothing was to be changed." in none.content.decode()


def test_a_foreign_theme_cannot_be_chosen(browser, feature):
    item, foreign = item_of(feature), make_theme()
    answer = browser.post(f"{INBOX}bulk/", {"items": [item.pk], "theme": foreign.pk})
    assert answer.status_code == 422
    assert browser.post(f"{INBOX}{item.pk}/theme/", {"theme": foreign.pk}).status_code == 422
    assert browser.post("/feedback/themes/merge/", {"theme": foreign.pk, "into": foreign.pk}).status_code == 422


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"to": "planned"}, "Tick the items"),
        ({"items": ["1"]}, "Choose a state, a theme or both."),
        ({"items": ["1"], "to": "closed"}, "Say how it ended"),
        ({"items": ["1"], "to": "answered"}, "Say what the customers were told."),
    ],
)
def test_what_is_missing_for_the_ticked_is_said_and_ticks_are_kept(browser, feature, sent, said):
    item = item_of(feature)
    if "items" in sent:
        sent = {**sent, "items": [item.pk]}
    answer = browser.post(f"{INBOX}bulk/", sent)
    assert answer.status_code == 422
    html = answer.content.decode()
    assert said in html
    assert ("checked" in html) == ("items" in sent)


def test_fields_that_no_form_has_change_nothing(browser, feature):
    """A3: mass assignment."""
    item, other = item_of(feature), make_feature()
    more = {"feature": other.slug, "feature_id": other.pk, "text": "mine", "closed_at": "2020-01-01", "by": 1}
    browser.post(f"{INBOX}{item.pk}/state/", {"to": "triaged", "seen": "new", "outcome": "x", **more})
    item.refresh_from_db()
    assert (item.feature, item.text, item.closed_at, item.outcome) == (feature, "It came too late.", None, "")


def test_no_get_writes(browser, feature):
    """A6."""
    item, theme = item_of(feature), make_theme(feature)
    for path, sent in posts(item, theme):
        assert browser.get(path, sent).status_code == 405, path
    assert FeedbackStep.objects.count() == 0


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_it_was_written(browser, feature, text):
    theme = make_theme(feature, text)
    item = item_of(feature, text=text, account=text, actor=text, prediction_external_id=text, theme=theme)
    browser.post(f"{INBOX}{item.pk}/state/", {"to": "answered", "seen": "new", "words": text})
    for answer in (browser.get(INBOX), browser.get("/feedback/themes/")):
        html = answer.content.decode()
        assert answer.status_code == 200
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert "<svg/onload" not in html
        assert 'href="javascript:' not in html


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_of_the_csv_is_a_formula(browser, feature, start):
    """A10."""
    formula = f"{start}cmd|' /C calc'!A1"
    theme = Theme.objects.create(feature=feature, title=formula, created_at=timezone.now())
    item_of(feature, text=formula, account=formula, actor=formula, theme=theme)
    for path in (f"{INBOX}?format=csv", "/feedback/themes/?format=csv"):
        for cell in next(csv.reader(io.StringIO(browser.get(path).content.decode().split("\r\n", 1)[1]))):
            assert not cell.startswith(start), path


def test_a_prediction_complained_about_is_sent_to_review(browser, feature):
    make_prediction(make_version(feature), "p1")
    item = item_of(feature, prediction_external_id="p1", channel="complaint")
    unknown = item_of(feature, prediction_external_id="p2")
    assert "Send the prediction to review" in browser.get(INBOX, {"item": item.pk}).content.decode()
    assert "Send the prediction to review" not in browser.get(INBOX, {"item": unknown.pk}).content.decode()


def test_quarantine_is_listed_apart_and_let_out(browser, feature):
    item = item_of(feature, text="Buy http://a", quarantine_reason="links", triage_due_at=None, close_due_at=None)
    assert listed(browser.get(INBOX)) == []
    answer = browser.get(INBOX, {"view": "quarantine"})
    assert (listed(answer), answer.context["page"].counts.n_quarantine) == (["Buy http://a"], 1)
    assert "In quarantine, and in no figure: holds many links." in answer.content.decode()
    browser.post(f"{INBOX}{item.pk}/release/?view=quarantine")
    assert listed(browser.get(INBOX)) == ["Buy http://a"]


@pytest.mark.parametrize("view", ["open", "overdue", "closed", "quarantine"])
def test_an_empty_inbox_says_why(browser, feature, view):
    html = browser.get(INBOX, {"view": view}).content.decode()
    assert "Nothing is" in html
    assert "passes these filters" in browser.get(INBOX, {"view": view, "severity": "low"}).content.decode()


@pytest.mark.parametrize(
    "asked", [{"item": "x"}, {"item": "9" * 30}, {"page": "99"}, {"page": "x"}, {"view": "x"}, {"theme": "x"},
              {"theme": "9" * 30}, {"state": "x"}, {"feature": "<"}, {"feature": "a\0"}]
)  # fmt: skip
def test_nonsense_in_the_address_is_no_error(browser, feature, asked):
    item_of(feature)
    assert browser.get(INBOX, asked).status_code == 200
    assert browser.get(INBOX, {**asked, "format": "csv"}).status_code == 200


def test_j_and_k_lead_through_the_list(browser, feature):
    items = [item_of(feature, ago=timedelta(hours=3 - place)) for place in range(3)]
    page = browser.get(INBOX, {"item": items[1].pk}).context["page"]
    assert (page.previous_pk, page.next_pk) == (items[0].pk, items[2].pk)
    first = browser.get(INBOX).context["page"]
    assert (first.item.row.pk, first.previous_pk, first.next_pk) == (items[0].pk, None, items[1].pk)


def test_keys_are_shown_on_what_they_press(browser, feature):
    make_prediction(make_version(feature), "p1")
    items = [item_of(feature, prediction_external_id="p1", ago=timedelta(hours=3 - place)) for place in range(3)]
    html = browser.get(INBOX, {"item": items[1].pk}).content.decode()
    for key in "jktpaxmsr?":
        assert html.count(f'data-key="{key}"') == 1, key


def test_fifty_fit_on_a_page(browser, feature):
    FeedbackItem.objects.bulk_create(
        FeedbackItem(
            feature=feature, external_id=f"f{n}", channel="ticket", text=f"t{n}", fingerprint=n,
            occurred_at=timezone.now(), received_at=timezone.now(), triage_due_at=timezone.now(),
            close_due_at=timezone.now() + timedelta(days=1),
        )
        for n in range(60)
    )  # fmt: skip
    page = browser.get(INBOX, {"page": 2}).context["page"]
    assert (len(page.rows), page.n, page.n_pages) == (10, 60, 2)


def test_a_call_note_and_its_quotes(browser, feature, ann):
    sent = {
        "feature": "delay-alert", "account": "Northwind", "actor": "u1", "held_at": "2026-03-02T12:00",
        "text": "They asked for earlier alerts.", "quotes": "We need an hour.\n\n  It is late.  ",
        "idempotency_key": "k1",
    }  # fmt: skip
    for _ in range(2):  # sent twice, it is one note
        answer = browser.post("/feedback/notes/new/", sent)
        assert answer["Location"] == f"{INBOX}?feature=delay-alert&channel=call_note"
    note = CallNote.objects.get()
    quotes = FeedbackItem.objects.filter(note=note).order_by("pk")
    assert [(each.text, each.channel, each.actor, each.account) for each in quotes] == [
        ("We need an hour.", "call_note", "u1", "Northwind"),
        ("It is late.", "call_note", "u1", "Northwind"),
    ]
    assert "They asked for earlier alerts." in browser.get(INBOX).content.decode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"feature": "price-band"}, "Select a valid choice"),
        ({"feature": ""}, "Choose the feature"),
        ({"account": ""}, "Name the customer"),
        ({"actor": "ann@example.org"}, "looks like an address"),
        ({"held_at": ""}, "Say when"),
        (
            {"held_at": f"{timezone.now() + timedelta(hours=1):%Y-%m-%dT%H:%M}"},
            "This lies ahead. The time is in UTC.",
        ),
        ({"text": " "}, "Write down"),
        ({"quotes": "x\n" * 51}, "at most 50 quotes"),
    ],
)
def test_a_wrong_note_is_told_at_the_field_and_nothing_typed_is_lost(browser, feature, change, said):
    make_feature("price-band")
    sent = {
        "feature": "delay-alert", "account": "Northwind", "held_at": "2026-03-02T12:00", "text": "They asked.",
        "idempotency_key": "k1", "quotes": "My own words", **change,
    }  # fmt: skip
    answer = browser.post("/feedback/notes/new/", sent)
    html = answer.content.decode()
    assert (answer.status_code, said in html, CallNote.objects.count()) == (422, True, 0)
    assert "My own words" in html or "quotes" in change


def test_a_theme_is_made_where_one_works_on_feedback(browser, feature, ann):
    read_only = make_membership(ann, make_feature("price-band"), role="design").feature
    browser.post("/feedback/themes/new/", {"feature": "delay-alert", "title": "Late"})
    refused = browser.post("/feedback/themes/new/", {"feature": read_only.slug, "title": "Late"})
    assert (refused.status_code, Theme.objects.get().feature) == (422, feature)
    assert "Nothing is under it yet" in browser.get("/feedback/themes/").content.decode()


def test_taking_a_theme_out_by_its_button(browser, feature):
    old, young = make_theme(feature, "Old"), make_theme(feature, "Young")
    browser.post("/feedback/themes/merge/", {"theme": young.pk, "into": old.pk})
    circle = browser.post("/feedback/themes/merge/", {"theme": old.pk, "into": young.pk})
    assert (circle.status_code, "one theme already" in circle.content.decode()) == (422, True)
    answer = browser.post(f"/feedback/themes/{young.pk}/unmerge/", follow=True)
    assert [row.title for row in answer.context["rows"]] == ["Old", "Young"]


@pytest.mark.parametrize("path", [INBOX, "/feedback/themes/", "/feedback/notes/new/"])
def test_pages_take_as_many_queries_for_30_as_for_3(client_for, path):
    counts = []
    for n in (3, 30):
        person = make_user()
        for place in range(n):
            feature = make_membership(person, make_feature(), role="product").feature
            theme = make_theme(feature)
            item_of(feature, theme=theme, actor=f"u{place}", prediction_external_id="p1")
        browser = client_for(person)
        browser.get(path)
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(path).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1] < 20, counts
