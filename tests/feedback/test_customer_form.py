"""The form for customers, and the door of the embedded buttons: open to anyone, and to nothing more."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core import signing
from django.test import Client, RequestFactory
from django.utils import timezone

from feedback.actions.forms import Written, new_token, record_written, set_form
from feedback.addresses import client_address
from feedback.models import FeedbackItem
from tests.factories import NOON, make_feature, make_membership, make_user

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parent.parent.parent
SITE = "https://app.example.org"


@pytest.fixture
def feature():
    return make_feature("delay-alert", feedback_form_is_open=True, embed_origins=[SITE])


def token(feature, *, age=timedelta(seconds=5)):
    return new_token(feature, now=timezone.now() - age)


def write(client, feature, **fields):
    sent = {"channel": "complaint", "text": "It was late.", "token": token(feature), **fields}
    return client.post(f"/f/{feature.slug}/", sent)


def press(client, feature, *, origin=SITE, **fields):
    sent = {"rating": "-1", "prediction": "p1", "actor": "u1", "token": token(feature), **fields}
    return client.post(f"/f/{feature.slug}/embed/", sent, headers={"Origin": origin} if origin else {})


# --- the form


def test_anyone_writes_where_the_owner_opened_it(client, feature):
    page = client.get("/f/delay-alert/?prediction=p1")
    assert page.status_code == 200
    assert "Feedback on Delay alert" in page.content.decode()
    answer = write(client, feature, account="Northwind", prediction="p1")
    assert (answer.status_code, answer["Location"]) == (303, "/f/delay-alert/?sent=1")
    assert "Thank you" in client.get(answer["Location"]).content.decode()
    item = FeedbackItem.objects.trusted().get()
    assert (item.channel, item.text, item.account, item.prediction_external_id, item.actor) == (
        "complaint", "It was late.", "Northwind", "p1", "",
    )  # fmt: skip
    assert item.triage_due_at == item.received_at + timedelta(days=3)


@pytest.mark.parametrize("path", ["/f/shut/", "/f/nowhere/", "/f/shut/embed/", "/f/nowhere/embed/"])
def test_a_form_that_is_shut_answers_like_one_that_is_not(client, path):
    make_feature("shut", embed_origins=[SITE])
    assert client.get(path, headers={"Origin": SITE}).status_code == 404
    assert client.post(path, {"text": "x"}, headers={"Origin": SITE}).status_code == 404
    assert not FeedbackItem.objects.exists()


def test_the_form_itself_needs_the_csrf_token(feature):
    assert write(Client(enforce_csrf_checks=True), feature).status_code == 403
    assert not FeedbackItem.objects.exists()


def test_the_same_form_sent_twice_is_stored_once(client, feature):
    again = token(feature)
    for _ in range(2):
        assert write(client, feature, token=again).status_code == 303
    assert FeedbackItem.objects.count() == 1
    write(client, feature, token=again, text="Something else.")
    assert FeedbackItem.objects.count() == 2


QUARANTINED = {
    "trap": lambda feature: {"website": "http://spam.example"},
    "too_fast": lambda feature: {"token": token(feature, age=timedelta(seconds=1))},
    "no_token": lambda feature: {"token": ""},
    "no_token, made up": lambda feature: {"token": signing.dumps([feature.slug, 0, "x"], salt="other")},
    "no_token, of another form": lambda feature: {"token": token(make_feature())},
    "no_token, of another shape": lambda feature: {"token": signing.dumps("x", salt="feedback.form")},
    "links": lambda feature: {"text": "http://a https://b HTTP://c"},
}


@pytest.mark.parametrize(("name", "sent"), QUARANTINED.items(), ids=QUARANTINED)
def test_what_looks_like_a_machines_waits_in_quarantine_and_its_sender_is_told_nothing(
    client, feature, name, sent
):
    answer = write(client, feature, **sent(feature))
    assert (answer.status_code, answer["Location"]) == (303, "/f/delay-alert/?sent=1")
    item = FeedbackItem.objects.quarantined().get()
    assert (item.quarantine_reason, item.triage_due_at) == (name.partition(",")[0], None)


@pytest.mark.parametrize(
    "change", [{"text": ""}, {"text": " \n"}, {"text": "x" * 10_001}, {"text": "a\0"}, {"channel": "sales"},
               {"prediction": "p" * 201}, {"account": "a" * 201}]
)  # fmt: skip
def test_a_wrong_form_is_told_and_keeps_what_was_typed(client, feature, change):
    answer = write(client, feature, **{"text": "My own words", **change})
    assert (answer.status_code, FeedbackItem.objects.count()) == (422, 0)
    assert "field-error" in answer.content.decode() or "prediction" in change
    assert "My own words" in answer.content.decode() or "text" in change


def test_hostile_words_are_stored_as_they_are_and_shown_as_text(client, feature, client_for):
    hostile = '</textarea><script>alert(1)</script>"><img src=x onerror=alert(1)>'
    write(client, feature, text=hostile, prediction=hostile[:200], account=hostile)
    assert FeedbackItem.objects.get().text == hostile
    product = make_membership(feature=feature, role="product").user
    shown = [
        client_for(product).get("/feedback/inbox/"),
        write(client, feature, text=hostile, channel="x"),
        client.get("/f/delay-alert/", {"prediction": hostile}),
    ]
    for answer in shown:
        assert "<script>alert" not in answer.content.decode()
        assert "<img src=x" not in answer.content.decode()


def test_fields_that_the_form_does_not_have_are_left_alone(client, feature):
    """A3."""
    write(
        client, feature, state="closed", outcome="x", severity="low", actor="u1", feature_id="9", external_id="f1"
    )
    item = FeedbackItem.objects.get()
    assert (item.state, item.outcome, item.severity, item.actor) == ("new", "", "", "")
    assert item.external_id.startswith("form-")


# --- how often


def test_ten_notes_a_minute_of_one_address_and_then_wait(client, feature, settings, monkeypatch):
    settings.WORKERS = 1
    monkeypatch.setattr("time.time", lambda: 1_000_000.0)
    for _ in range(10):
        assert write(client, feature).status_code == 303
    answer = write(client, feature, text="My own words")
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert "My own words" in answer.content.decode()
    assert write(Client(REMOTE_ADDR="203.0.113.9"), feature).status_code == 303
    other = make_feature("other", feedback_form_is_open=True)
    assert write(client, other).status_code == 303
    monkeypatch.setattr("time.time", lambda: 1_000_060.0)
    assert write(client, feature).status_code == 303


def test_a_forged_x_forwarded_for_does_not_lift_the_limit(client, feature, settings, monkeypatch):
    """A21."""
    settings.WORKERS = 1
    monkeypatch.setattr("time.time", lambda: 1_000_000.0)
    for n in range(10):
        Client(headers={"X-Forwarded-For": f"198.51.100.{n}"}).post("/f/delay-alert/", {"channel": "x"})
    assert write(Client(headers={"X-Forwarded-For": "198.51.100.99"}), feature).status_code == 429


ADDRESSES = [
    (0, "198.51.100.1", "203.0.113.5"),
    (0, None, "203.0.113.5"),
    (1, "198.51.100.1", "198.51.100.1"),
    (1, "6.6.6.6, 198.51.100.1", "198.51.100.1"),
    (2, "6.6.6.6, 198.51.100.1, 10.0.0.1", "198.51.100.1"),
    (2, "198.51.100.1", "203.0.113.5"),
    (1, "nonsense", "203.0.113.5"),
    (1, "", "203.0.113.5"),
    (1, None, "203.0.113.5"),
    (1, "2001:db8::1", "2001:db8::1"),
]


@pytest.mark.parametrize(("n_proxies", "told", "expected"), ADDRESSES)
def test_only_what_trusted_proxies_appended_is_believed(settings, n_proxies, told, expected):
    settings.TRUSTED_PROXIES = n_proxies
    headers = {} if told is None else {"X-Forwarded-For": told}
    request = RequestFactory().get("/", REMOTE_ADDR="203.0.113.5", headers=headers)
    assert client_address(request) == expected


def test_one_ipv6_customer_is_one_address(feature, settings, monkeypatch):
    settings.WORKERS = 1
    monkeypatch.setattr("time.time", lambda: 1_000_000.0)
    statuses = [write(Client(REMOTE_ADDR=f"2001:db8::{n:x}"), feature).status_code for n in range(1, 13)]
    assert statuses == [303] * 10 + [429] * 2
    assert write(Client(REMOTE_ADDR="2001:db8:0:1::1"), feature).status_code == 303


def test_an_ipv4_address_in_ipv6_dress_is_that_address(feature, settings, monkeypatch):
    settings.WORKERS = 1
    monkeypatch.setattr("time.time", lambda: 1_000_000.0)
    dressed = [write(Client(REMOTE_ADDR=f"::ffff:203.0.113.{n}"), feature).status_code for n in range(1, 13)]
    assert dressed == [303] * 12
    again = [write(Client(REMOTE_ADDR="203.0.113.1"), feature).status_code for _ in range(10)]
    assert again == [303] * 9 + [429]


def test_links_on_the_settings_page_name_the_configured_host(client_for, feature, settings):
    """A21: a Host header may be anybody's."""
    settings.ALLOWED_HOSTS = ["*"]
    owner = client_for(make_membership(feature=feature, role="owner").user)
    html = owner.get("/feedback/forms/delay-alert/", headers={"Host": "evil.example"}).content.decode()
    assert f"{settings.BASE_URL}/f/delay-alert/" in html
    assert "evil.example" not in html


# --- the embedded buttons


def test_a_thumb_from_a_named_site_is_kept(client, feature):
    answer = press(client, feature, text="Much too late.", account="Northwind")
    assert (answer.status_code, answer["Access-Control-Allow-Origin"], answer["Vary"]) == (201, SITE, "Origin")
    item = FeedbackItem.objects.trusted().get()
    assert (item.channel, item.rating, item.prediction_external_id, item.actor) == ("thumb", -1, "p1", "u1")


def test_it_needs_no_csrf_token_for_it_reads_no_cookie(feature):
    assert press(Client(enforce_csrf_checks=True), feature).status_code == 201


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "https://app.example.org.evil.example", "http://app.example.org", "null", "",
     "https://app.example.org:8443", "https://app.example.org/", "HTTPS://app.example.org", "https://example.org"],
)  # fmt: skip
def test_other_sites_are_refused_and_get_no_cors_header(client, feature, origin):
    for answer in (
        press(client, feature, origin=origin),
        client.get("/f/delay-alert/embed/", headers={"Origin": origin}),
        client.options("/f/delay-alert/embed/", headers={"Origin": origin}),
    ):
        assert answer.status_code == 403
        assert "Access-Control-Allow-Origin" not in answer
        assert answer["Vary"] == "Origin"
    assert not FeedbackItem.objects.exists()


def test_a_preflight_and_a_token_are_answered_to_a_named_site(client, feature):
    asked = client.options("/f/delay-alert/embed/", headers={"Origin": SITE})
    assert (asked.status_code, asked["Access-Control-Allow-Methods"]) == (204, "GET, POST")
    given = client.get("/f/delay-alert/embed/", headers={"Origin": SITE})
    assert given["Access-Control-Allow-Origin"] == SITE
    assert "Access-Control-Allow-Credentials" not in given
    assert not given.cookies
    assert press(client, feature, token=given.json()["token"]).status_code == 201
    assert FeedbackItem.objects.get().quarantine_reason == "too_fast"


def test_up_down_and_up_again_ends_up_and_is_history(client, feature):
    same = token(feature)
    for number, rating in enumerate(["1", "-1", "1"], 1):
        assert press(client, feature, token=same, rating=rating, press=number).status_code == 201
    assert press(client, feature, token=same, rating="1", press=3).status_code == 200  # the browser sent it again
    assert FeedbackItem.objects.count() == 3
    assert FeedbackItem.objects.current().get().rating == 1


@pytest.mark.parametrize(
    "change", [{"rating": "5"}, {"rating": ""}, {"prediction": ""}, {"actor": "ann@example.org"},
               {"actor": "+44 20 7946 0958"}, {"text": "x" * 10_001}, {"press": "x"}]
)  # fmt: skip
def test_a_wrong_thumb_is_refused_in_words(client, feature, change):
    answer = press(client, feature, **change)
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert answer["Access-Control-Allow-Origin"] == SITE
    assert answer.json()["detail"]
    assert not FeedbackItem.objects.exists()


def test_thumbs_too_are_limited(client, feature, settings, monkeypatch):
    settings.WORKERS = 1
    monkeypatch.setattr("time.time", lambda: 1_000_000.0)
    statuses = [press(client, feature, press=n + 1).status_code for n in range(121)]
    assert (statuses[-1], statuses[-2]) == (429, 201)


def test_words_of_the_buttons_spend_what_the_form_may(client, feature, settings, monkeypatch):
    settings.WORKERS = 1
    monkeypatch.setattr("time.time", lambda: 1_000_000.0)
    statuses = [press(client, feature, text="Late.", press=n + 1).status_code for n in range(9)]
    assert (statuses, write(client, feature).status_code) == ([201] * 9, 303)
    answer = press(client, feature, text="Late.", press=10)
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (429, SITE)
    assert int(answer["Retry-After"]) > 0
    assert press(client, feature, press=11).status_code == 201


def test_wrong_and_then_words_without_an_actor_is_one_thumb_down(client, feature):
    same = token(feature)
    for number, text in enumerate(["", "It was late."], 1):
        assert press(client, feature, token=same, actor="", text=text, press=number).status_code == 201
    press(client, feature, actor="")  # another customer, whose page has another token
    assert sorted(item.text for item in FeedbackItem.objects.current()) == ["", "It was late."]


def test_the_script_is_small_and_needs_nothing_that_a_strict_csp_forbids():
    script = (ROOT / "static/embed.js").read_text()
    assert len(script.encode()) < 6000
    for forbidden in (
        "innerHTML",
        "eval(",
        "new Function",
        ".style",
        "document.write",
        'setAttribute("on',
        "cookie =",
    ):
        assert forbidden not in script, forbidden


# --- its settings


def test_an_owner_opens_the_form_and_names_sites(client_for, feature):
    owner = client_for(make_membership(feature=feature, role="owner").user)
    set_form(feature=feature, is_open=False, origins=[])
    sent = {
        "is_open": "on",
        "origins": "https://App.example.org/\n\nhttp://localhost:3000\nhttps://app.example.org",
    }
    assert owner.post("/feedback/forms/delay-alert/", sent).status_code == 303
    feature.refresh_from_db()
    assert (feature.feedback_form_is_open, feature.embed_origins) == (True, [SITE, "http://localhost:3000"])
    assert "embed.js" in owner.get("/feedback/forms/delay-alert/").content.decode()
    owner.post("/feedback/forms/delay-alert/", {"origins": ""})
    feature.refresh_from_db()
    assert (feature.feedback_form_is_open, feature.embed_origins) == (False, [])


@pytest.mark.parametrize(
    "origins", ["app.example.org", "*", "https://*.example.org", "https://a.example/path", "javascript:alert(1)",
                "https://user@a.example", "null", "\n".join(f"https://a{n}.example" for n in range(21))]
)  # fmt: skip
def test_what_is_no_origin_is_told_at_the_field(client_for, feature, origins):
    owner = client_for(make_membership(feature=feature, role="owner").user)
    answer = owner.post("/feedback/forms/delay-alert/", {"is_open": "on", "origins": origins})
    html = answer.content.decode()
    assert (answer.status_code, "id_origins_error" in html) == (422, True)
    feature.refresh_from_db()
    assert feature.embed_origins == [SITE]


@pytest.mark.parametrize("role", ["product", "engineering", "reviewer", "customer_success"])
def test_others_see_the_settings_and_change_nothing(client_for, feature, role):
    member = client_for(make_membership(feature=feature, role=role).user)
    assert "Change it" not in member.get("/feedback/forms/delay-alert/").content.decode()
    assert member.post("/feedback/forms/delay-alert/", {"is_open": ""}).status_code == 403
    assert client_for(make_user()).get("/feedback/forms/delay-alert/").status_code == 404


def test_the_same_words_with_the_same_token_are_one_item(feature):
    written = Written(channel="widget", text="Please.", token=new_token(feature, now=NOON))
    later = NOON + timedelta(minutes=1)
    assert [record_written(feature=feature, written=written, now=later) for _ in range(2)] == [True, False]
