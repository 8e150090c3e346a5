"""The lead's page, the adjudication desk and a reviewer's own page in a real browser."""

import pytest
from django.utils import timezone

from reviews.actions.desk import claim_next, set_policy, set_rubric
from reviews.actions.exporting import ask_export
from reviews.actions.reliability import prepare_reliability
from tests.browser.driven import PHONE, WIDE
from tests.browser.live import REASONS, TOO_WIDE, make_reviewer, signed_in, violations
from tests.factories import make_feature
from tests.metrics.agreements import make_agreed, make_team
from tests.reviews.disputes import decided, judged_by_two
from tests.reviews.steps import queue

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
RIGHT, LOST = {"verdict": "right"}, {"verdict": "wrong", "corrected": "lost", "reasons": ["date"]}
OPEN_ALL = "document.querySelectorAll('main details').forEach(each => each.open = true)"


@pytest.fixture
def people():
    """Twelve cases judged by two, one of four disputes decided; cases open and held; a file under way."""
    feature, now = make_feature("delay-alert"), timezone.now()
    set_rubric(feature=feature, now=now, reasons=REASONS)
    lead, judge = (make_reviewer(feature, role) for role in ("owner", "adjudicator"))
    raters = [make_reviewer(feature) for _ in range(2)]
    judged_by_two(feature, [(RIGHT, RIGHT)] * 8 + [(RIGHT, LOST)] * 4, raters=raters)
    decided(feature, judge, comment="It is <b>neither</b>.", corrected="on_time")
    queue(feature, 3)
    claim_next(reviewer=raters[0], features=[feature], now=now)
    set_policy(feature=feature, user=None, now=now, skill_segment="language")
    make_agreed(*make_team(feature), now=now)
    prepare_reliability(feature=feature, now=now)()
    ask_export(feature=feature, person=lead, format="parquet", now=now)
    return {"lead": lead, "judge": judge, "rater": raters[0]}


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (PHONE, "dark")], ids=["wide", "phone"])
def test_the_pages_fit_and_axe_finds_nothing(live_server, browser, people, size, scheme):
    pages = {
        "lead": "/features/delay-alert/reviews/",
        "judge": "/features/delay-alert/adjudication/",
        "rater": "/desk/me/",
    }
    for who, address in pages.items():
        with signed_in(browser, live_server, people[who], viewport=size, color_scheme=scheme) as page:
            page.goto(live_server.url + address)
            page.evaluate(OPEN_ALL)
            assert page.evaluate("document.documentElement.scrollWidth") == size["width"], address
            assert page.evaluate(TOO_WIDE) == [], address
            assert violations(page) == [], address
            assert page.complaints == []


def test_a_lead_takes_a_case_back_without_scripts(live_server, browser, people):
    options = {"java_script_enabled": False}
    with signed_in(browser, live_server, people["lead"], **options) as page:
        page.goto(f"{live_server.url}/features/delay-alert/reviews/")
        page.get_by_role("button", name="Take back").click()
        page.get_by_text("Taken back: it is in the queue again.").wait_for()
        assert page.get_by_text("Nobody has a case of this feature at the moment.").is_visible()
