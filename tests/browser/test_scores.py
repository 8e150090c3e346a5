"""Why this score, quadrants and weights in a real browser: fitting a phone, and usable without scripts."""

import pytest

from tests.browser.driven import PHONE, WIDE, person_at

pytestmark = pytest.mark.browser
PAGES = {
    "/quadrants/": "Quadrants",
    "/features/delay-alert/why/": "Why this score: Delay alert",
    "/scores/weights/": "Weights of the scores",
}


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_score_pages_fit_and_nothing_complains(browser, demo, size):
    with person_at(browser, demo.login_link(), viewport=size) as page:
        for address, heading in PAGES.items():
            page.goto(demo.address + address)
            page.get_by_role("heading", name=heading, level=1).wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") == size["width"], address
        page.goto(demo.address + "/quadrants/")
        page.wait_for_function("document.querySelector('[data-source=change-data] svg') !== null")
        assert page.complaints == []


def test_the_checklist_is_ticked_without_scripts(browser, demo):
    with person_at(browser, demo.login_link(), java_script_enabled=False) as page:
        page.goto(demo.address + "/features/price-band/why/")
        item = page.get_by_role("listitem").filter(has_text="What it is not for is written down")
        item.locator("summary").click()
        item.get_by_label("Note (where to look)").fill("the handbook, page 3")
        item.get_by_role("button", name="It holds").click()
        page.get_by_text("Noted. The scores follow within a minute").wait_for()
        assert page.get_by_text("the handbook, page 3").is_visible()
