"""The usage page in a real browser: charts drawn, nothing wider than a phone, no complaint of the console."""

import pytest

from tests.browser.driven import PHONE, WIDE, person_at

pytestmark = pytest.mark.browser
ADDRESS = "/features/delay-alert/usage/"


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_usage_page_draws_its_charts_and_fits(browser, demo, size):
    with person_at(browser, demo.login_link(), viewport=size) as page:
        page.goto(demo.address + ADDRESS)
        page.get_by_role("heading", name="Usage of Delay alert").wait_for()
        page.wait_for_function("document.querySelectorAll('[data-chart] svg').length === 3")
        assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
        assert page.complaints == []


def test_the_figures_are_there_without_scripts(browser, demo):
    with person_at(browser, demo.login_link(), java_script_enabled=False) as page:
        page.goto(demo.address + ADDRESS)
        page.get_by_text("Wrong but used, right but refused, week by week").click()
        assert page.get_by_role("columnheader", name="Wrong but used").is_visible()
