"""The inbox in a real browser: by keyboard alone, without JavaScript, and the embedded buttons on another site."""

import http.server
import json
import re
import threading
import urllib.request
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import expect

from tests.browser.driven import PHONE, WIDE, person_at
from tests.browser.test_first_light import AXE, RULES, TOO_WIDE
from tests.faults.installation import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
INBOX = "/feedback/inbox/"
HOSTILE = '<img src=x onerror="alert(1)"><script>alert(2)</script> was late'


@pytest.fixture(scope="module")
def said(demo):
    """Feedback in the demo: complaints with words, one about a prediction that is there."""
    prediction = demo.place.query(
        "select p.external_id from feedback_prediction p join feedback_feature f on f.id = p.feature_id"
        " where f.slug = 'delay-alert' limit 1"
    )[0][0]
    key = demo.command("key", "create", "--name", "inbox", "--scopes", "ingest").splitlines()[-1]
    items = [
        {"id": f"inbox-{n}", "feature": "delay-alert", "channel": "complaint", "text": f"Complaint {n}: {HOSTILE}",
         "severity": "critical", "account": "Inbox test", "actor": f"inbox-u{n}", "prediction": prediction,
         "occurred_at": "2026-01-05T09:00:00Z"}
        for n in range(6)
    ]  # fmt: skip
    sent = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    address = f"{demo.address}/api/v1/feedback/"
    request = urllib.request.Request(address, json.dumps(items).encode(), sent)  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        assert answer.status == 201
    return prediction


@pytest.fixture
def staff(browser, demo, said):
    with person_at(browser, demo.login_link()) as page:
        page.on("dialog", lambda dialog: page.complaints.append(f"dialog: {dialog.message}"))
        yield page


def test_complaints_are_worked_by_keyboard_alone(demo, staff):
    page, theme = staff, "Too late to act"
    page.goto(f"{demo.address}{INBOX}?severity=critical&channel=complaint&feature=delay-alert")
    heading = page.locator(".inbox-item h2")
    expect(heading).to_be_focused()
    front = page.locator(".inbox-rows .is-front a")
    first = front.get_attribute("href")
    page.keyboard.press("j")
    expect(front).not_to_have_attribute("href", first)
    page.keyboard.press("k")
    expect(front).to_have_attribute("href", first)
    page.keyboard.press("?")
    expect(page.locator("#keys .key-list")).to_contain_text("Triaged")
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    expect(page.locator("#theme")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("jk" + theme)  # keys are dead in fields
    expect(front).to_have_attribute("href", first)
    page.keyboard.press("Enter")
    expect(page.locator("#announce")).to_have_text("Saved.")
    expect(page.locator(".steps")).to_contain_text(f"Theme: jk{theme}")
    page.keyboard.press("r")
    expect(page.locator("#announce")).to_have_text(re.compile("Sent to review"))
    page.keyboard.press("t")
    expect(page.locator("#announce")).to_have_text("Triaged.")
    expect(front).not_to_have_attribute("href", first)
    second = front.get_attribute("href")
    page.keyboard.press("a")
    expect(page.locator("#answer")).to_be_focused()
    page.keyboard.type("We look into it.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#announce")).to_have_text("Answered.")
    expect(front).not_to_have_attribute("href", second)
    third = front.get_attribute("href")
    page.keyboard.press("x")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#outcome-error")).to_be_visible()
    expect(page.locator("#outcome")).to_be_focused()
    page.keyboard.type("Mended in version 3.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#announce")).to_have_text("Closed.")
    expect(page.locator(f'.inbox-rows a[href="{third}"]')).to_have_count(0)
    refused = [text for text in page.complaints if "422" not in text]  # the browser's own word on the outcome
    assert refused == []


def test_an_item_is_triaged_and_closed_without_javascript(browser, demo, said):
    with person_at(browser, demo.login_link(), java_script_enabled=False) as page:
        page.goto(f"{demo.address}{INBOX}?channel=complaint&state=new&severity=critical")
        front = page.locator(".inbox-rows .is-front a").get_attribute("href")
        page.get_by_role("button", name="Triaged").click()
        expect(page.get_by_text("Triaged.", exact=True)).to_be_visible()
        expect(page.locator(f'.inbox-rows a[href="{front}"]')).to_have_count(0)
        page.locator("summary", has_text="Close").click()
        page.locator("#outcome").fill("Explained.")
        page.get_by_role("button", name="Close with this outcome").click()
        expect(page.get_by_text("Closed.", exact=True)).to_be_visible()


@pytest.mark.parametrize(("scheme", "size"), [("light", WIDE), ("dark", PHONE)], ids=["light wide", "dark phone"])
def test_no_page_of_feedback_breaks_a_rule_of_accessibility_or_is_wider_than_the_screen(
    browser, demo, said, scheme, size
):
    with person_at(browser, demo.login_link(), color_scheme=scheme, viewport=size) as page:
        page.goto(f"{demo.address}/feedback/forms/delay-alert/")
        page.locator("input[name=is_open]").check()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("heading", name="The form is open")).to_be_visible()
        page.goto(f"{demo.address}{INBOX}")
        item = page.locator(".inbox-rows a").first.get_attribute("href")
        for path in [INBOX, item, f"{INBOX}?view=quarantine", "/feedback/themes/", "/feedback/notes/new/",
                     "/feedback/forms/delay-alert/", "/f/delay-alert/", "/f/delay-alert/?sent=1"]:  # fmt: skip
            page.goto(demo.address + path)
            page.wait_for_load_state("networkidle")
            page.evaluate("document.querySelectorAll('main details').forEach(each => { each.open = true; })")
            assert page.complaints == [], path
            assert page.evaluate(TOO_WIDE) == [], path
            page.evaluate(AXE)
            found = page.evaluate("rules => axe.run({runOnly: rules, preload: false})", RULES)
            assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]] == [], path
            page.complaints.clear()  # axe's own: it tries styles that the CSP refuses


class Site(http.server.BaseHTTPRequestHandler):
    """A product's page under a strict policy, with the buttons embedded."""

    def do_GET(self):
        host, prediction = self.server.touchstone, self.server.prediction
        body = (
            f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>A product</title>'
            f'<script src="{host}/static/embed.js" data-feature="delay-alert" defer></script>'
            f'<main><h1>Flight</h1><div data-touchstone data-prediction="{prediction}" data-actor="embed-u1">'
            f"</div></main>"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        policy = f"default-src 'none'; script-src {host}; connect-src {host}"
        self.send_header("Content-Security-Policy", policy)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


@pytest.fixture
def site(demo, said):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.touchstone, server.prediction = demo.address, said
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def thumbs(demo):
    rows = demo.place.query(
        "select rating, text, quarantine_reason from feedback_feedbackitem where actor = 'embed-u1' order by id"
    )
    return [tuple(row) for row in rows]


def test_a_thumb_sent_again_after_its_answer_was_lost_is_the_same_item(browser):
    """The door is played here: it takes the first thumb, and its answer does not come back."""
    sent, script = [], (ROOT / "static/embed.js").read_text()
    html = '<script src="/static/embed.js" data-feature="a"></script><p data-touchstone data-prediction="p1"></p>'

    def answer(route):
        if route.request.method == "GET":
            route.fulfill(json={"token": "t"})
            return
        sent.append(route.request.post_data)
        if len(sent) == 1:
            route.abort()
        else:
            route.fulfill(json={"stored": True})

    page = browser.new_page()
    page.route("https://product.test/", lambda route: route.fulfill(content_type="text/html", body=html))
    page.route("**/static/embed.js", lambda route: route.fulfill(content_type="text/javascript", body=script))
    page.route("**/f/a/embed/", answer)
    page.goto("https://product.test/")
    for button, said in [
        ("Wrong", "This did not"),
        ("Wrong", "Thank you"),
        ("Right", "Thank you"),
        ("Wrong", "Thank"),
    ]:
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("status")).to_contain_text(said)
    page.close()
    numbers = [(parse_qs(each)["rating"][0], parse_qs(each)["press"][0]) for each in sent]
    assert numbers == [("-1", "1"), ("-1", "1"), ("1", "2"), ("-1", "3")]


def test_the_embedded_buttons_work_under_a_strict_csp_on_a_named_site_alone(browser, demo, staff, site):
    page = staff
    page.goto(f"{demo.address}/feedback/forms/delay-alert/")
    page.locator("input[name=is_open]").check()
    page.locator("#id_origins").fill(site)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    page.complaints.clear()
    page.goto(site)
    page.get_by_role("button", name="Wrong").click()
    expect(page.get_by_role("status")).to_have_text("Thank you.")
    page.get_by_role("textbox").fill("It came after the flight.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("textbox")).to_be_hidden()
    complaints = [text for text in page.complaints if "favicon" not in text]
    assert complaints == []
    assert thumbs(demo) == [(-1.0, "", ""), (-1.0, "It came after the flight.", "")]
    page.goto(f"{demo.address}/feedback/forms/delay-alert/")
    page.locator("#id_origins").fill("https://elsewhere.example")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    page.goto(site)
    page.get_by_role("button", name="Right", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("This did not arrive. Please try again.")
    assert len(thumbs(demo)) == 2
    assert (ROOT / "static/embed.js").stat().st_size < 6000
