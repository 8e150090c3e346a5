"""A desk of our own making behind pytest-django's live server, and people who are logged in to it."""

from contextlib import contextmanager
from datetime import timedelta

from django.test import Client
from django.utils import timezone

from reviews.actions.desk import set_policy, set_rubric
from reviews.actions.draw import draw_received
from tests.browser.driven import WIDE
from tests.factories import make_feature, make_membership, make_prediction, make_user, make_version
from tests.faults.installation import ROOT

AXE = (ROOT / "static/vendor/axe-core/4.10.3/axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
TOO_WIDE = """
() => [...document.querySelectorAll("main *")]
  .filter(node => !node.closest(".scroll-x *") && node.getBoundingClientRect().right > window.innerWidth + 1)
  .map(node => node.outerHTML.slice(0, 120))
"""
FIELDS = [
    {"name": "carrier", "label": "Carrier", "hint": "text"},
    {"name": "paid", "label": "Paid", "hint": "money"},
    {"name": "sent_at", "label": "Sent", "hint": "date"},
    {"name": "page", "label": "Page", "hint": "link"},
    {"name": "note", "label": "What the customer wrote", "hint": "long_text"},
    {"name": "route", "label": "Route", "hint": "json"},
]
INPUTS = {
    "carrier": "Acme Logistics",
    "paid": 12.5,
    "sent_at": "2026-03-01T10:20:00+01:00",
    "page": "https://shop.example/orders/17",
    "note": "It was promised for Monday. " * 40,
    "route": {"from": "Hamburg", "to": ["Lyon", "Milan"]},
    "weight": 2.5,
}
REASONS = [{"code": "date", "label": "Wrong date"}, {"code": "route", "label": "Wrong route"}]
FEW, MANY = ["on_time", "lost", "late"], [f"reason {n:02}" for n in range(11)] + ["late"]


def make_desk(slug="claims", *, n=3, labels=FEW, questions=(), fields=FIELDS, inputs=INPUTS, **policy):
    """A feature with n open cases, of each of which the model said late."""
    names = {"late": "Late", "on_time": "On time"}
    feature = make_feature(slug, label_names=names, input_fields=fields)
    version = make_version(feature, labels=labels, positive_label="late")
    then = timezone.now() - timedelta(minutes=5)
    for i in range(n):
        make_prediction(version, f"{slug}-{i}", received_at=then, inputs=inputs)
    set_policy(feature=feature, user=None, now=then, **{"design": "all", "audit_share": 0.0, **policy})
    set_rubric(
        feature=feature,
        now=then,
        guideline="## What is late\n\nAfter the day that was **promised**.",
        reasons=REASONS,
        questions=list(questions),
    )
    draw_received(now=timezone.now())
    return feature


def make_reviewer(feature, role="reviewer", email=None):
    return make_membership(make_user(email), feature, role).user


@contextmanager
def signed_in(browser, server, person, **options):
    """A page of this person, and what its console complained of."""
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    context = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options})
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server.url}])
    page = context.new_page()
    page.set_default_timeout(5000)
    page.complaints = []
    loud = {"error", "warning"}
    page.on("console", lambda said: page.complaints.append(said.text) if said.type in loud else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    # Nothing is sent when the page is closed: the database is emptied meanwhile.
    page.evaluate("document.querySelector('[data-beat]')?.removeAttribute('data-beat')")
    page.goto("about:blank")
    context.close()


def violations(page):
    """What axe finds on the page; its own complaints about the CSP are its own."""
    before = list(page.complaints)
    page.evaluate(AXE)
    found = page.evaluate("rules => axe.run({runOnly: rules, preload: false})", RULES)
    page.complaints[:] = before
    return [(rule["id"], rule["nodes"][0]["html"][:200]) for rule in found["violations"]]
