"""The alerts, one of them, and a feature's drift in a real browser."""

import os
from pathlib import Path

import pytest
from django.utils import timezone

from metrics.models import QualityWatch
from tests.browser.driven import PHONE, WIDE
from tests.browser.live import TOO_WIDE, signed_in, violations
from tests.factories import make_feature, make_membership, make_user, make_version
from tests.metrics.alert_story import DAY, make_alert, make_drift

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
OPEN_ALL = "document.querySelectorAll('main details').forEach(each => each.open = true)"


@pytest.fixture
def pia():
    feature = make_feature("delay-alert", owner=make_user("olga@example.org"), label_names={"late": "Late"})
    version = make_version(feature, "v1")
    now = timezone.now()
    make_alert(version, pk=7)
    make_alert(version, key="old", raised_at=now - 3 * DAY, title="A title without an end " * 6)
    make_drift(version)
    QualityWatch.objects.create(
        feature=feature, version=version, as_of=now, n=2_530, n_to_learn=0, statistic=11_000, threshold=10_000,
        n_newest=200, foretold=0.9, found=0.82, found_low=0.76, found_high=0.87,
    )  # fmt: skip
    return make_membership(make_user("pia@example.org"), feature, "product").user


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (PHONE, "dark")], ids=["wide", "phone"])
def test_the_alerts_and_the_drift_fit_and_axe_finds_nothing(live_server, browser, pia, size, scheme):
    with signed_in(browser, live_server, pia, viewport=size, color_scheme=scheme) as page:
        for address in ("/alerts/", "/alerts/7/", "/features/delay-alert/drift/"):
            page.goto(live_server.url + address)
            page.evaluate(OPEN_ALL)
            if kept := os.environ.get("KEEP_IMAGES"):
                name = f"{address.strip('/').replace('/', '-')}-{scheme}.png"
                page.screenshot(path=Path(kept) / name, full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") == size["width"], address
            assert page.evaluate(TOO_WIDE) == [], address
            assert violations(page) == [], address
            assert page.complaints == []


def test_an_alert_is_taken_over_without_scripts(live_server, browser, pia):
    with signed_in(browser, live_server, pia, java_script_enabled=False) as page:
        page.goto(f"{live_server.url}/alerts/7/")
        page.get_by_label("What you found, or do about it").fill("The new airports have no history.")
        page.get_by_role("button", name="Take it over").click()
        page.get_by_text("It is yours now.").wait_for()
        assert page.get_by_text("The new airports have no history.").is_visible()
