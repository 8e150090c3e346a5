"""A feature's quality and its versions in a real browser: drawn, fitting a phone, without faults that axe sees."""

import os
import random
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from tests.browser.driven import PHONE, WIDE
from tests.browser.live import TOO_WIDE, signed_in, violations
from tests.factories import make_feature, make_membership, make_outcome, make_prediction, make_user, make_version
from tests.metrics.work import work

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LABELS = ["on_time", "late"]
OPEN_ALL = "document.querySelectorAll('main details').forEach(each => each.open = true)"
ADDRESSES = [
    "/features/delay-alert/",
    "/features/delay-alert/versions/",
    "/features/price/",
    "/features/new/versions/",
]


@pytest.fixture
def pia():
    """Two versions with truth, the second one also on cases of the first; a number; and a feature of nothing."""
    now, rng = timezone.now(), random.Random(5)
    alert = make_feature("delay-alert", name="Delay alert", label_names={"late": "Late"})
    old = make_version(alert, "1-rule", is_baseline=True, deployed_at=now - 40 * DAY)
    new = make_version(alert, "2-boosted", deployed_at=now - 20 * DAY)
    for i in range(500):
        version = new if i % 2 else old
        at = now - (20 if version == new else 40) * DAY + i * DAY / 26
        answer(version, at, rng, 0.9 if version == new else 0.7, {"origin": ["JFK", "LGA", "EWR"][i % 3]}, i)
    for i in range(60):
        at = now - 10 * DAY + i * HOUR / 4
        for version, skill in ((old, 0.7), (new, 0.95)):
            answer(version, at, rng, skill, {"origin": "EWR"}, f"case {i}", inputs={"flight": i})
    price = make_feature("price", name="Price", answer_kind="number", tolerance=10.0)
    priced = make_version(price, "1", deployed_at=now - 20 * DAY)
    for i in range(120):
        value = rng.uniform(50, 150)
        prediction = make_prediction(priced, value=value, occurred_at=now - 5 * DAY + i * HOUR / 2)
        make_outcome(prediction, truth=value + rng.gauss(-3, 9))
    pia = make_user("pia@example.org")
    for feature in (alert, price, make_feature("new", name="Nothing yet")):
        make_membership(pia, feature, "product")
    work("sum_up", "pair", "conclude", now=now)
    return pia


def answer(version, at, rng, skill, segments, number, **fields):
    score = rng.uniform(0.5, 1)
    is_right = rng.random() < skill * (0.75 if segments["origin"] == "LGA" else 1)
    label = LABELS[rng.randrange(2)]
    made = make_prediction(
        version, f"{version.name} {number}", label=label, score=score, segments=segments, occurred_at=at, **fields
    )
    truth_at = at + HOUR * rng.expovariate(1 / 30)
    if truth_at < timezone.now():
        truth = label if is_right else LABELS[1 - LABELS.index(label)]
        make_outcome(made, truth=truth, observed_at=truth_at)


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (PHONE, "dark")], ids=["wide", "phone"])
def test_quality_and_versions_fit_and_axe_finds_nothing(live_server, browser, pia, size, scheme):
    with signed_in(browser, live_server, pia, viewport=size, color_scheme=scheme) as page:
        for address in ADDRESSES:
            page.goto(live_server.url + address)
            page.wait_for_function(
                "[...document.querySelectorAll('[data-chart]')].every(each => each.querySelector('svg'))"
            )
            if kept := os.environ.get("KEEP_IMAGES"):
                name = f"{address.strip('/').replace('/', '-')}-{scheme}.png"
                page.screenshot(path=Path(kept) / name, full_page=True)
            page.evaluate(OPEN_ALL)
            assert page.evaluate("document.documentElement.scrollWidth") == size["width"], address
            assert page.evaluate(TOO_WIDE) == [], address
            assert violations(page) == [], address
            assert page.complaints == []


def test_without_scripts_every_figure_of_the_charts_is_in_a_table(live_server, browser, pia):
    with signed_in(browser, live_server, pia, java_script_enabled=False) as page:
        page.goto(f"{live_server.url}/features/delay-alert/")
        for table in page.get_by_text("The figures as a table").all():
            table.click()
        assert page.get_by_role("columnheader", name="Stated chance", exact=True).is_visible()
        page.goto(f"{live_server.url}/features/delay-alert/versions/")
        assert page.get_by_role("rowheader", name="2-boosted").is_visible()
