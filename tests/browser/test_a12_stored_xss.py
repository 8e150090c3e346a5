"""A12: what is stored to run as a script is shown as text, on every page that a person can open."""

from datetime import timedelta
from itertools import cycle

import pytest
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from feedback.actions.commenting import write_comment
from feedback.actions.deciding import record_decision
from feedback.actions.exploring import start_exploration
from feedback.actions.forms import set_form
from feedback.actions.people import create_key
from feedback.actions.themes import create_theme
from feedback.models import RefusalHour
from reviews.actions.desk import claim_next, keep_draft, set_policy, set_rubric, submit
from reviews.actions.draw import draw_received
from tests.browser.hostile_texts import NAMES, TEXTS
from tests.browser.live import signed_in
from tests.factories import (
    make_feature,
    make_feedback_item,
    make_membership,
    make_outcome,
    make_prediction,
    make_user,
    make_version,
)
from tests.metrics.work import work
from tests.security.test_a01_doors import routes

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.django_db(transaction=True)]
HINTS = ["text", "link", "image", "code", "json", "date", "money", "long_text", "number"]
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
# What a page holds that would run or load, or that a click would run; links to elsewhere say noopener.
WOULD_RUN = """
() => {
  const found = window.pwned ? ["a script has run"] : [];
  const addresses = "href src action formaction xlink:href data srcset poster ping background".split(" ");
  const foreign = "iframe, object, embed, base, meta[http-equiv], script:not([src], [type='application/json'])";
  for (const node of document.querySelectorAll("*")) {
    for (const { name, value } of node.attributes) {
      const read = () => (URL.canParse(value, location.href) ? new URL(value, location.href) : {});
      const target = addresses.includes(name) ? read() : location;
      const isLink = node.matches("a[rel~=noopener][rel~=nofollow]") && /^https?:$/.test(target.protocol);
      const isOurs = target.origin === location.origin || node.matches("img[src^='data:image/']");
      if (/^(on|hx-on|data-hx)/.test(name) || !(isOurs || isLink)) found.push(node.outerHTML.slice(0, 150));
    }
    if (node.matches(foreign)) found.push(node.outerHTML.slice(0, 150));
  }
  return found;
}
"""
SHOWN = """
() => {
  const copy = document.body.cloneNode(true);
  copy.querySelectorAll("script").forEach((node) => node.remove());
  const entered = [...document.querySelectorAll("input, textarea, option")].map((node) => node.value);
  return [copy.textContent, ...entered].join("\\n");
}
"""


# Where each of these must be read, letter by letter (spaces aside).
SHOWN_AT = {
    "/features/": NAMES[:1],
    "/features/claims/": [*NAMES[:1], *NAMES[5:7]],
    "/features/claims/discuss/": TEXTS,
    "/feedback/inbox/": TEXTS[:20],
    "/feedback/themes/": [NAMES[7]],
    "/decisions/": [NAMES[8]],
    "/explorations/": [TEXTS[10]],
    "/ingest/": TEXTS[:3],
    "/desk/": [TEXTS[40], TEXTS[41]],
    "/desk/last/": [NAMES[3]],
    "/f/claims/": NAMES[:1],
}


@pytest.fixture
def house():
    """A feature of which every word that anybody can store is hostile, and its staff member."""
    now, staff = timezone.now(), make_user(is_staff=True)
    names = iter(NAMES)
    fields = [{"name": f"f{n}", "label": t, "hint": h} for n, (t, h) in enumerate(zip(TEXTS, cycle(HINTS)))]
    feature = make_feature(
        "claims",
        name=next(names),
        description=TEXTS[0],
        owner=staff,
        label_names={"late": next(names)},
        input_fields=fields,
        off_switch=next(names),
        feedback_channel=next(names),
        simulated_note=next(names),
    )
    for role in ("reviewer", "adjudicator", "product", "data_science"):
        make_membership(staff, feature, role)
    labels = ["late", "on_time", *NAMES[:4]]
    first, second = (
        make_version(feature, next(names), labels=labels, notes=TEXTS[1], deployed_at=now - days * DAY)
        for days in (20, 6)
    )
    inputs = {f"f{n}": text for n, text in enumerate(TEXTS)} | {text: text for text in TEXTS}
    for n in range(48):
        at, version = now - (n / 4) * DAY - 10 * MINUTE, first if n > 24 else second
        prediction = make_prediction(
            version,
            f"{TEXTS[n]} {n}",
            label=labels[n % 3],
            score=0.7,
            occurred_at=at,
            received_at=at,
            inputs=inputs,
            segments={NAMES[n % 3]: NAMES[n % 5]},
            actor=NAMES[n],
            account=NAMES[n],
        )
        make_outcome(prediction, truth=labels[n % 4], observed_at=at + MINUTE)
    policy = {"design": "all", "reviews_per_day": 200, "audit_share": 0.0}
    set_policy(feature=feature, user=staff, now=now - 19 * DAY, **policy)
    set_rubric(
        feature=feature,
        now=now - 19 * DAY,
        guideline="\n\n".join(TEXTS),
        reasons=[{"code": f"r{n}", "label": text} for n, text in enumerate(TEXTS)],
        questions=[{"code": "q", "label": TEXTS[6], "kind": "choice", "options": NAMES[:9], "is_required": False}],
    )
    draw_received(now=now)
    judge(feature, staff, 12, now - 2 * MINUTE)
    talk_of(feature, staff, now)
    work("sum_up", "conclude", now=now)
    return feature, staff


def judge(feature, reviewer, n, now):
    for i in range(n):
        case = claim_next(reviewer=reviewer, features=[feature], now=now)
        held = {"assignment_id": case.pk, "token": case.lease_token, "reviewer": reviewer, "now": now}
        correct = {"verdict": "wrong", "corrected": NAMES[3], "reasons": [f"r{i}"], "comment": TEXTS[i]}
        submit(idempotency_key=f"k{i}", **held, **correct)
    case = claim_next(reviewer=reviewer, features=[feature], now=now)
    entered = {"verdict": "wrong", "comment": TEXTS[40], "corrected": TEXTS[41]}
    keep_draft(assignment_id=case.pk, reviewer=reviewer, entered=entered, now=now, is_lost=True)


def talk_of(feature, staff, now):
    """What customers, colleagues and services wrote: inbox, themes, threads, plans, refusals."""
    theme = create_theme(feature=feature, title=NAMES[7], user=staff, now=now)
    for n, text in enumerate(TEXTS):
        said = {"text": text, "actor": text, "account": text, "theme": theme if n % 2 else None}
        make_feedback_item(feature, text, received_at=now - DAY, **said)
        write_comment(feature=feature, text=text, user=staff, now=now)
    record_decision(
        feature=feature,
        title=NAMES[8],
        context=TEXTS[2],
        options=TEXTS[:5],
        chosen=TEXTS[6],
        why=TEXTS[7],
        evidence={},
        owner=staff,
        review_on=None,
        user=staff,
        now=now,
    )
    box = {"from_on": now.date(), "until_on": now.date() + DAY}
    who = {"feature": feature, "owner": staff, "user": staff, "now": now}
    start_exploration(question=TEXTS[10], decides=TEXTS[11], baseline=TEXTS[12], **box, **who)
    set_form(feature=feature, is_open=True, origins=[])
    RefusalHour.objects.create(
        hour=now.replace(minute=0, second=0, microsecond=0),
        key=create_key(name=NAMES[9], scopes=["ingest"], now=now)[0],
        feature_slug="claims",
        endpoint="predictions",
        code="invalid",
        field=NAMES[0][:40],
        n=3,
        last_at=now,
        examples=[{"id": text, "detail": text, "sent": text} for text in TEXTS[:3]],
    )


def pages(feature):
    """Every page that opens by itself or for this feature, found by walking the addresses, and a few more."""
    taken = {"slug": feature.slug, "form_slug": feature.slug}
    for route in routes().values():
        address, kinds = "/" + full_path(route), set(route.pattern.converters)
        if kinds <= set(taken) and not address.startswith(("/api/", "/static/")):
            for kind in kinds:
                address = address.replace(f"<slug:{kind}>", taken[kind])
            yield address
    yield from ("/api/docs/", f"/features/{feature.slug}/?segment={NAMES[0]}")


def full_path(route, patterns=None, prefix=""):
    """The whole of a route's address, with those of what includes it."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        if entry is route:
            return prefix + str(entry.pattern)
        if hasattr(entry, "url_patterns"):
            found = full_path(route, entry.url_patterns, prefix + str(entry.pattern))
            if found:
                return found
    return ""


def holds_something(client, address):
    """Whether it is a page and has something hostile on it; where nothing stored is shown, nothing can run."""
    answer = client.get(address)
    assert answer.status_code < 500, address
    is_page = answer.status_code == 200 and answer.get("Content-Type", "").startswith("text/html")
    return is_page and any(word in answer.text for word in ("window.pwned", "evil.invalid"))


class Watched:
    """A page, and whatever happens on it that nobody asked for."""

    def __init__(self, page, server):
        self.page, self.server, self.found = page, server, []
        page.on("dialog", self._dialog)
        page.on("popup", lambda popup: self.found.append(f"a window opened: {popup.url}"))
        page.context.on("request", self._request)

    def _dialog(self, dialog):
        self.found.append(f"a dialog opened: {dialog.message}")
        dialog.dismiss()

    def _request(self, request):
        if not request.url.startswith((self.server.url, "data:image/", "about:blank")):
            self.found.append(f"something was asked of {request.url}")

    def open(self, address):
        self.page.goto(self.server.url + address)
        if self.page.locator(".chart").count():
            self.page.wait_for_selector(".chart svg, .chart p")
        self.look(address)

    def look(self, name):
        """With everything open that opens."""
        self.page.evaluate("document.querySelectorAll('details').forEach(node => { node.open = true; })")
        self.found += [(name, found) for found in self.page.evaluate(WOULD_RUN)]

    def shown(self):
        return plain(self.page.evaluate(SHOWN))


def plain(text):
    return " ".join(text.split())


def missing(watched, texts):
    shown = watched.shown()
    return [text for text in texts if plain(text) not in shown]


def test_a12_what_is_stored_to_run_runs_nowhere_and_is_shown_as_it_was_written(
    browser, live_server, house, settings
):
    feature, staff = house
    settings.BASE_URL = live_server.url
    client = Client(raise_request_exception=False)
    client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
    addresses = [address for address in pages(feature) if holds_something(client, address)]
    assert set(SHOWN_AT) <= set(addresses)
    unfound = {}
    with signed_in(browser, live_server, staff) as page:
        watched = Watched(page, live_server)
        for address in addresses:
            watched.open(address)
            unfound[address] = missing(watched, SHOWN_AT.get(address, ()))
        watched.open("/desk/")
        page.get_by_role("button", name="Judge").click()
        page.wait_for_selector("#question:focus")
        watched.look("case")
        unfound["case"] = missing(watched, TEXTS)
        page.keyboard.press("1")
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("[data-said]")
        watched.look("fragment")
        unfound["fragment"] = missing(watched, TEXTS)
        for table in ("feature", "modelversion", "prediction", "outcome"):
            watched.open(f"/admin/feedback/{table}/")
            page.locator("#result_list tbody th a").first.click()
            watched.look(f"admin {table}")
    assert watched.found == []
    assert {place: texts for place, texts in unfound.items() if texts} == {}


def test_a12_the_watch_sees_what_runs_where_nothing_is_escaped(browser, live_server):
    """So that silence above is no blindness of the test."""
    with signed_in(browser, live_server, make_user()) as page:
        page.context.route("https://evil.invalid/**", lambda route: route.abort())
        tags = [text for text in TEXTS if text.startswith("<") and "http-equiv" not in text][::2]
        unseen = []
        for text in tags:
            watched = Watched(page, live_server)
            page.goto("about:blank")
            page.set_content(f"<main>{text}</main>", wait_until="commit")
            watched.look("raw")
            unseen += [] if watched.found else [text]
        assert len(tags) > 20
        assert len(unseen) < 5, unseen  # a few are harmless until a filter has "cleaned" them
