"""The guideline's editor with scripts: the preview follows what is typed, and rows move without a new page."""

import pytest
from playwright.sync_api import expect

from tests.browser.driven import PHONE, WIDE, person_at
from tests.browser.test_first_light import AXE, RULES, TOO_WIDE

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
PAGES = ["/features/price-band/guideline/", "/features/price-band/sampling/"]


def test_the_preview_follows_what_is_typed_and_nothing_is_saved_before_save(browser, demo):
    with person_at(browser, demo.login_link()) as page:
        page.goto(f"{demo.address}{PAGES[0]}")
        preview, text = page.locator("#preview"), page.get_by_label("Guideline", exact=False).first
        text.fill("Look at **every room** first.")
        expect(preview.locator("strong", has_text="every room")).to_have_count(1)
        n_rows = page.locator("[name$='-code']").count()
        page.get_by_role("button", name="Add reason").click()
        expect(page.locator("[name$='-code']")).to_have_count(n_rows + 1)
        expect(text).to_have_value("Look at **every room** first.")
        page.locator("[name^='reasons-'][name$='-label']").last.fill("Too old")
        expect(preview.get_by_text("Too old")).to_be_visible()
        page.reload()
        expect(page.get_by_text("Too old")).to_have_count(0)
        assert page.complaints == []


def test_the_forecast_follows_what_is_entered(browser, demo):
    with person_at(browser, demo.login_link()) as page:
        page.goto(f"{demo.address}/features/delay-alert/sampling/")
        forecast = page.locator("#forecast")
        page.get_by_label("Reviews a day", exact=True).fill("7")
        expect(forecast.get_by_text("About 7 predictions a day")).to_be_visible()
        page.get_by_label("Second opinions, %").fill("150")
        expect(forecast).to_contain_text("a field is not right yet")
        assert [each for each in page.complaints if "422" not in each] == []


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (PHONE, "dark")])
def test_the_editors_are_accessible_and_fit(browser, demo, path, size, scheme):
    with person_at(browser, demo.login_link(), viewport=size, color_scheme=scheme) as page:
        page.goto(f"{demo.address}{path}")
        page.evaluate(AXE)
        found = page.evaluate("rules => axe.run({runOnly: rules, preload: false})", RULES)["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []
        assert page.evaluate(TOO_WIDE) == []
