"""The whole loop in a real browser, on the demo that `make run` starts."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.driven import PHONE, WIDE, person_at
from tests.faults.installation import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
AXE = (ROOT / "static/vendor/axe-core/4.10.3/axe.min.js").read_text()
TOO_WIDE = """
() => [...document.querySelectorAll("main *")]
  .filter(node => !node.closest(".scroll-x *") && node.getBoundingClientRect().right > window.innerWidth + 1)
  .map(node => node.outerHTML.slice(0, 120))
"""
PATHS = [
    "/features/",
    "/features/delay-alert/",
    "/features/price-band/",
    "/features/price-band/discuss/",
    "/features/price-band/decide/",
    "/features/delay-alert/stage/",
    "/pipeline/",
    "/explorations/",
    "/decisions/",
    "/ingest/",
    "/desk/",
    "claim",
]
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]


def n_judged(page, address):
    page.goto(f"{address}/features/price-band/")
    return int(page.locator("[data-n-final]").text_content().replace(",", ""))


def estimates(page, address, slug):
    url = f"{address}/api/v1/features/{slug}/estimates/?window=all"
    return page.evaluate("url => fetch(url).then(answer => answer.json())", url)


def judge_by_keyboard(page, n):
    """Verdicts in turn, a correction where one is asked for, never the mouse."""
    page.wait_for_selector("#question")
    for place in range(n):
        before, announced = page.url, page.locator("#announce").text_content()
        if place % 2:
            page.keyboard.press("2")
            page.keyboard.press("Tab")
            page.keyboard.press("Space")
            page.keyboard.press("q")
        else:
            page.keyboard.press("1")
        page.keyboard.press("Control+Enter")
        page.wait_for_url(lambda url, before=before: url != before)
        expect(page.locator("#announce")).not_to_have_text(announced)
        expect(page.locator("#question")).to_be_focused()


def test_five_cases_judged_by_keyboard_alone_show_on_the_feature_page(browser, demo):
    with person_at(browser, demo.login) as page:
        expect(page.get_by_role("link", name="Delay alert")).to_be_visible()
        before = n_judged(page, demo.address)
        page.goto(f"{demo.address}/desk/")
        queue = page.get_by_role("button", name=re.compile("Judge Price band"))
        while not queue.evaluate("node => node === document.activeElement"):
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        judge_by_keyboard(page, 5)
        expect(page.locator(".desk-bar")).to_contain_text("5 today")
        expect(page.locator("#announce")).to_have_text(re.compile(r"Saved\. Item 6(,| of) (over|about) \d+"))
        demo.place.wait_until(lambda: n_judged(page, demo.address) == before + 5, 10, "five more are judged")
        assert page.complaints == []


def test_the_worker_puts_new_judgments_into_the_figures_by_itself(browser, demo):
    with person_at(browser, demo.login_link("mei@touchstone.example")) as page:
        before = estimates(page, demo.address, "delay-alert")
        page.goto(f"{demo.address}/desk/")
        page.get_by_role("button", name=re.compile("Judge Delay alert")).click()
        judge_by_keyboard(page, 2)
        demo.place.wait_until(
            lambda: estimates(page, demo.address, "delay-alert")["as_of"] > before["as_of"],
            240,
            "the worker has concluded again",
        )
        assert estimates(page, demo.address, "delay-alert")["counted"] > before["counted"]


def test_a_one_time_link_works_once(browser, demo):
    link = demo.login_link()
    with person_at(browser, link):
        pass
    page = browser.new_page()
    assert page.goto(link).status == 410
    assert "used up" in page.text_content("h1")
    page.context.close()


def test_a_case_is_judged_undone_and_given_back_without_javascript(browser, demo):
    with person_at(browser, demo.login_link("ruth@touchstone.example"), java_script_enabled=False) as page:
        page.goto(f"{demo.address}/desk/")
        page.get_by_role("button", name=re.compile("Judge Price band")).click()
        page.wait_for_url(re.compile(r"/desk/\d+/"))
        first = page.url
        page.locator("input[name=verdict][value=right]").check(force=True)
        page.get_by_role("button", name="Submit").click()
        page.wait_for_url(lambda url: url != first)
        expect(page.get_by_text("Saved.")).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        expect(page).to_have_url(first)
        page.get_by_role("button", name="Stop for now").click()
        page.wait_for_url("**/desk/")


@pytest.mark.parametrize(("scheme", "size"), [("light", PHONE), ("dark", WIDE)], ids=["light phone", "dark wide"])
def test_no_page_breaks_a_rule_of_accessibility_or_of_the_csp_or_is_wider_than_the_screen(
    browser, demo, scheme, size
):
    jonas = demo.login_link("jonas@touchstone.example")
    with person_at(browser, jonas, color_scheme=scheme, viewport=size) as page:
        for path in PATHS:
            if path == "claim":
                page.get_by_role("button", name=re.compile("Judge Price band")).click()
                page.wait_for_selector("#question")
                page.keyboard.press("2")
            else:
                page.goto(demo.address + path)
                page.wait_for_load_state("networkidle")
            assert page.complaints == []
            assert page.evaluate(TOO_WIDE) == [], path
            page.evaluate(AXE)
            found = page.evaluate("rules => axe.run({runOnly: rules, preload: false})", RULES)
            assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]] == [], path
            page.complaints.clear()  # axe's own: it tries styles that the CSP refuses
        page.get_by_role("button", name="Stop for now").click()


def test_charts_have_the_figures_in_a_table_under_them(browser, demo):
    with person_at(browser, demo.login_link("amir@touchstone.example")) as page:
        page.goto(f"{demo.address}/features/delay-alert/")
        page.wait_for_selector(".chart svg")
        n_points = page.evaluate("JSON.parse(document.getElementById('chart-data').textContent).length")
        assert page.locator(".chart-head + .chart ~ details tbody tr").count() == n_points > 20


def test_the_swagger_page_shows_every_address_under_the_strict_csp(browser, demo):
    with person_at(browser, demo.login_link("amir@touchstone.example")) as page:
        page.goto(f"{demo.address}/api/docs/")
        page.wait_for_selector("text=/api/v1/predictions/")
        assert page.complaints == []
