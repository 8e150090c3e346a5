"""The review desk in a real browser: by keyboard alone, without JavaScript, and by the rules of accessibility."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from reviews.actions.desk import claim_next
from reviews.models import Assignment, Draft, Judgment
from tests.browser.driven import PHONE, WIDE
from tests.browser.live import MANY, TOO_WIDE, make_desk, make_reviewer, signed_in, violations
from tests.factories import make_membership
from tests.reviews.steps import answer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.django_db(transaction=True)]


def open_case(page, server, name="Claims", work="Judge", *, has_scripts=True):
    page.goto(f"{server.url}/desk/")
    page.get_by_role("button", name=re.compile(f"{work}.* {name}")).click()
    page.wait_for_selector("#question")
    if has_scripts:
        expect(page.locator("#question")).to_be_focused()


def press(page, *keys):
    """A key each; a text of several letters that is no key's name is typed."""
    for key in keys:
        page.keyboard.press(key)


def submit(page, keys="Control+Enter"):
    before, announced = page.url, page.locator("#announce").text_content()
    press(page, keys)
    page.wait_for_url(lambda url: url != before)
    expect(page.locator("#announce")).not_to_have_text(announced)
    expect(page.locator("#question")).to_be_focused()


def test_twenty_items_are_finished_by_keyboard_alone(browser, live_server):
    feature = make_desk(n=21, labels=MANY)
    ann = make_reviewer(feature)
    with signed_in(browser, live_server, ann) as page:
        page.goto(f"{live_server.url}/desk/")
        press(page, "Enter")
        page.wait_for_selector("#question")
        expect(page.locator("#question")).to_be_focused()

        press(page, "s")  # skipped for good: twenty are left
        submit(page, "Enter")
        assert page.locator("#announce").text_content() == "Skipped. Item 1 of about 20"

        press(page, "2")  # wrong: of many labels one is typed
        expect(page.locator("[data-narrow]")).to_be_focused()
        page.keyboard.type("07")
        press(page, "Enter", "q", "w", "c")
        page.keyboard.type("1 late by two days, see the note")
        submit(page)
        assert page.locator("#announce").text_content() == "Saved. Item 2 of about 20"

        press(page, "u")  # undone, and what was said is looked at again
        expect(page.locator("[data-said]")).to_have_text("Undone. The case is yours again.")
        expect(page.locator("#question")).to_be_focused()
        press(page, "3")
        page.keyboard.type("reason 03")
        press(page, "Enter", "f")
        submit(page)

        for n in range(19):
            press(page, "14"[n % 2])
            if n == 18:
                break
            submit(page)
        press(page, "Control+Enter")
        expect(page.get_by_role("heading", name="All done")).to_be_visible()
        press(page, "[")
        expect(page.get_by_role("heading", name="My last ten")).to_be_visible()
        assert page.locator("tbody tr").count() == 10
        assert page.complaints == []
    given = Judgment.objects.filter(assignment__state="submitted").latest_revisions()
    assert sorted(given.values_list("verdict", flat=True)) == ["cannot_judge"] * 9 + ["partly"] + ["right"] * 10
    partly = given.get(verdict="partly")
    assert (partly.corrected, partly.reasons, partly.is_flagged) == ("reason 03", [], True)
    first = Judgment.objects.earliest("pk")
    assert (first.verdict, first.corrected, first.reasons) == ("wrong", "reason 07", ["date", "route"])
    assert first.comment == "1 late by two days, see the note"


def test_keys_are_dead_in_fields_in_dialogs_and_with_control_held(browser, live_server):
    feature = make_desk()
    with signed_in(browser, live_server, make_reviewer(feature)) as page:
        open_case(page, live_server)
        address = page.url
        press(page, "c")
        page.keyboard.type("1234 [ ] s u ? f")
        press(page, "Backspace", "Enter", "Alt+ArrowUp")
        assert page.input_value("#comment") == "1234 [ ] s u ? \n"
        page.locator("#question").focus()
        press(page, "Control+1", "Meta+2", "Alt+3", "Backspace", "Enter")
        press(page, "?")
        expect(page.get_by_role("dialog")).to_be_visible()
        shown = page.locator(".key-list dt").all_text_contents()
        press(page, "1", "s", "Escape")
        assert page.locator("[name=verdict]:checked").count() == 0
        assert page.url == address
        # One table: what the help lists are the badges, and what is on the page is what works.
        badges = page.eval_on_selector_all("[data-key]", "nodes => nodes.map(node => node.dataset.key)")
        assert shown == badges
        assert set(badges) == {*"123456qwcfsgi[?", "Ctrl+Enter"}
        press(page, "i")
        expect(page.locator("#case-pane")).to_be_focused()
        press(page, "g")
        expect(page.get_by_text("After the day that was promised.")).to_be_visible()
        press(page, "2", "6", "q")
        checked = page.eval_on_selector_all("[data-judgment] :checked", "nodes => nodes.map(node => node.value)")
        assert checked == ["wrong", "lost", "date"]


def test_keys_are_dead_while_a_request_is_in_flight(browser, live_server):
    feature = make_desk()
    with signed_in(browser, live_server, make_reviewer(feature)) as page:
        open_case(page, live_server)
        held = []
        page.route("**/submit/", lambda route: held.append(route))
        press(page, "1", "Control+Enter")
        page.wait_for_function("document.querySelector('.htmx-request')")
        press(page, "2", "Control+Enter", "s")
        assert page.locator("[name=verdict]:checked").input_value() == "right"
        assert len(held) == 1
        held[0].continue_()
        page.wait_for_selector("[data-said]")
    assert [judgment.verdict for judgment in Judgment.objects.all()] == ["right"]


def test_the_first_invalid_field_has_the_focus_and_what_was_entered_is_kept(browser, live_server):
    asked = {"code": "how", "label": "How late?", "kind": "number", "options": [], "is_required": True}
    feature = make_desk(questions=[asked])
    with signed_in(browser, live_server, make_reviewer(feature)) as page:
        open_case(page, live_server)
        press(page, "2", "6", "c")
        page.keyboard.type("see the note")
        page.fill("[name='answers.how']", "very")
        press(page, "Control+Enter")
        expect(page.get_by_text("Give a number.")).to_be_visible()
        expect(page.locator("[name='answers.how']")).to_be_focused()
        assert page.input_value("#comment") == "see the note"
        assert page.locator("[name=corrected]:checked").input_value() == "lost"
        assert violations(page) == []


def test_what_is_entered_is_kept_while_one_looks_at_the_last_ten(browser, live_server):
    feature = make_desk()
    with signed_in(browser, live_server, make_reviewer(feature)) as page:
        open_case(page, live_server)
        press(page, "1")
        submit(page)
        press(page, "2", "5", "c")
        page.keyboard.type("half a thought")
        page.locator("#question").focus()
        press(page, "[")
        page.wait_for_url("**/desk/last/")
        press(page, "[")
        expect(page.get_by_role("button", name="Change it")).to_be_visible()
        press(page, "3", "6")
        press(page, "Control+Enter")
        expect(page.locator("[data-said]")).to_have_text("Changed. The answer before it is kept as history.")
        press(page, "]")
        expect(page.locator("#comment")).to_have_value("half a thought")
        assert page.locator("[name=corrected]:checked").input_value() == "on_time"
    assert [each.verdict for each in Judgment.objects.order_by("pk")] == ["right", "partly"]
    assert Draft.objects.get().entered["comment"] == "half a thought"


def test_the_clock_of_a_lease_shows_under_two_minutes_and_going_on_keeps_the_case(browser, live_server):
    feature = make_desk(lease_seconds=90)
    with signed_in(browser, live_server, make_reviewer(feature)) as page:
        page.clock.install()
        open_case(page, live_server)
        expect(page.locator(".lease-clock")).to_have_text(re.compile(r"1:\d\d left for this case"))
        page.clock.run_for(40_000)
        expect(page.locator(".lease-clock")).to_have_text(re.compile(r"0:\d\d left for this case"))
        with page.expect_response("**/beat/") as beaten:
            press(page, "i")
        assert (beaten.value.status, beaten.value.text()) == (200, "90")
        expect(page.locator(".lease-clock")).to_have_text(re.compile(r"1:\d\d left for this case"))
        page.clock.run_for(95_000)
        expect(page.locator(".lease-clock")).to_have_text(re.compile("Time is up"))


def test_the_form_is_whole_in_view_beside_the_case_however_low_the_window(browser, live_server):
    feature = make_desk(labels=MANY)
    low = {"width": 1100, "height": 520}
    with signed_in(browser, live_server, make_reviewer(feature), viewport=low) as page:
        open_case(page, live_server)
        press(page, "2")
        button = page.get_by_role("button", name="Submit").bounding_box()
        assert 0 < button["y"] < low["height"] - button["height"]
        assert page.locator("#question").bounding_box()["x"] > low["width"] / 2
        assert page.evaluate("document.documentElement.scrollHeight <= window.innerHeight")


def test_one_item_without_javascript(browser, live_server):
    feature = make_desk(labels=MANY)
    with signed_in(browser, live_server, make_reviewer(feature), java_script_enabled=False) as page:
        open_case(page, live_server, has_scripts=False)
        first = page.url
        page.locator("[name=verdict][value=wrong]").check(force=True)
        page.locator("[name=corrected][value='reason 04']").check(force=True)
        page.locator("[name=reasons][value=date]").check(force=True)
        page.fill("#comment", "no scripts here")
        page.get_by_role("button", name="Submit").click()
        expect(page.get_by_text("Saved.")).to_be_visible()
        page.get_by_role("link", name="My last ten").click()
        page.get_by_role("link", name="Claims").click()
        expect(page).to_have_url(first)
        page.locator("[name=verdict][value=right]").check(force=True)
        page.get_by_role("button", name="Change it").click()
        expect(page.get_by_text("Changed.")).to_be_visible()
    assert [each.verdict for each in Judgment.objects.order_by("pk")] == ["wrong", "right"]


def test_back_in_the_browser_shows_what_was_said_and_not_the_form_again(browser, live_server):
    feature = make_desk()
    with signed_in(browser, live_server, make_reviewer(feature)) as page:
        open_case(page, live_server)
        press(page, "1")
        submit(page)
        page.go_back()
        expect(page.get_by_role("button", name="Change it")).to_be_visible()
        expect(page.locator(".desk-bar")).to_contain_text("You judged this on")


BADGE = "node => getComputedStyle(node, '::after').display"
TOO_SMALL = """
() => [...document.querySelectorAll("#desk :is(button, a, .choice, summary, textarea)")]
  .filter(node => node.checkVisibility() && !node.closest("p:not(.row-wrap)"))
  .filter(node => node.getBoundingClientRect().height < 44)
  .map(node => node.outerHTML.slice(0, 120))
"""


def test_on_a_phone_every_target_is_44_pixels_high_and_the_case_stands_above_the_form(browser, live_server):
    feature = make_desk()
    touch = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    with signed_in(browser, live_server, make_reviewer(feature), **touch) as page:
        page.goto(f"{live_server.url}/desk/")
        page.get_by_role("button", name="Judge Claims").tap()
        page.locator("[name=verdict][value=wrong]").tap(force=True)
        page.get_by_text("Skip this case").tap()
        assert page.evaluate(TOO_SMALL) == []
        case, form = page.locator(".desk-pane").all()
        assert case.bounding_box()["y"] < form.bounding_box()["y"]
        assert page.locator(".verdicts .choice").first.evaluate(BADGE) == "none"  # no keyboard, no keys


def everything(server, page):
    """Each page of the desk in turn: its name, when it is there to be looked at."""
    page.goto(f"{server.url}/desk/")
    yield "desk"
    open_case(page, server)
    yield "case"
    press(page, "2")
    yield "case after wrong"
    page.evaluate("document.querySelector('[data-judgment]').noValidate = true")
    press(page, "Control+Enter")
    page.wait_for_selector(".field-error")
    yield "case with errors"
    press(page, "5")
    submit(page)
    yield "saved"
    press(page, "?")
    yield "keys"
    press(page, "Escape", "s")
    yield "skip"
    page.goto(f"{server.url}/desk/last/")
    yield "last ten"
    page.get_by_role("link", name="Claims").click()
    page.wait_for_selector("#question")
    yield "judged"
    open_case(page, server, "Many")
    press(page, "2")
    yield "many labels"
    page.get_by_role("button", name="Stop for now").click()
    page.wait_for_url("**/desk/")
    open_case(page, server, "Blind")
    yield "own answer first"
    press(page, "1", "Control+Enter")
    page.wait_for_selector(".verdicts")
    yield "own answer given"
    page.evaluate("document.querySelector('[name=token]').value = 'x'")
    press(page, "1", "Control+Enter")
    page.wait_for_selector("[role=alert].field-error")
    yield "form of an earlier lease"
    void = {"state": "void", "void_reason": "x", "lease_token": "", "lease_slot": None, "leased_until": None}
    Assignment.objects.filter(state="leased").update(**void)
    press(page, "1", "Control+Enter")
    page.get_by_role("heading", name="This case is no longer yours").wait_for()
    yield "lost"
    open_case(page, server, "Two", work="Decide")
    yield "decision"


@pytest.mark.parametrize(("scheme", "size"), [("light", WIDE), ("dark", PHONE)], ids=["light wide", "dark phone"])
def test_no_page_of_the_desk_breaks_a_rule_of_accessibility_or_is_wider_than_the_screen(
    browser, live_server, scheme, size
):
    first, many = make_desk(), make_desk("many", labels=MANY)
    blind, two = make_desk("blind", is_blind=True), make_desk("two", n=1, overlap_share=1.0)
    ann = make_reviewer(first)
    for feature in (many, blind):
        make_membership(ann, feature)
    make_membership(ann, two, "adjudicator")
    for verdict in ("right", "cannot_judge"):
        rater = make_reviewer(two)
        leased = claim_next(reviewer=rater, features=[two], now=timezone.now())
        answer(leased, rater, now=timezone.now(), verdict=verdict, comment="by the stamp")
    touch = {"has_touch": True, "is_mobile": True} if size is PHONE else {}
    with signed_in(browser, live_server, ann, color_scheme=scheme, viewport=size, **touch) as page:
        for name in everything(live_server, page):
            assert (name, violations(page), page.evaluate(TOO_WIDE)) == (name, [], [])
    nobody = make_reviewer(make_desk("nothing", n=0))
    with signed_in(browser, live_server, nobody, color_scheme=scheme, viewport=size) as page:
        page.goto(f"{live_server.url}/desk/")
        expect(page.get_by_role("heading", name="All done")).to_be_visible()
        assert violations(page) == []
