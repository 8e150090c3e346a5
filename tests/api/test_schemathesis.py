"""Whatever the OpenAPI description allows, and much that it does not: no answer is a 5xx."""

import functools
import json
import zlib
from datetime import timedelta
from pathlib import Path

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings

from feedback.models import Feature
from reviews.actions.desk import claim_next, set_policy, set_rubric
from reviews.actions.draw import draw_received
from tests.factories import make_feature, make_key, make_membership, make_prediction, make_user, make_version
from tests.faults.messages import OF

COMMITTED = Path(__file__).parent.parent.parent / "docs" / "openapi.yaml"  # test_openapi.py: as the code says
ANSWERS = {"label": ("label", "late"), "number": ("value", 4.5), "output": ("output", {"text": "late"})}
NEEDED = {
    "events": ("prediction", "there"),
    "feedback": ("text", "It came too late."),
}  # though described as optional
KNOWN = {"version": "v1", "prediction": "there", "kind": "accepted", "channel": "ticket", "severity": "high"}
EXAMPLES = 15  # drawn ones, for each operation and caller; those at the edges of each field come on top


@functools.cache
def made():
    return WSGIHandler()


def application(environ, start_response):
    """The whole of it, middleware included; made at the first request, when the settings are those of tests."""
    return made()(environ, start_response)


schema = schemathesis.openapi.from_path(COMMITTED)
schema.app = application
schema.config.generation.update(max_examples=EXAMPLES, deterministic=True, with_security_parameters=False)


@pytest.fixture(autouse=True)
def _connection_stays_open():
    """A server closes it at each request where a transaction is open, and in a test one is."""
    for at in (request_started, request_finished):
        at.disconnect(close_old_connections)
    yield
    for at in (request_started, request_finished):
        at.connect(close_old_connections)


@pytest.fixture
def leased(db):
    """A feature of each kind with a version and a prediction, and a leased case of a person who is staff."""
    person, then = make_user("ann@example.org", is_staff=True), timezone.now() - timedelta(minutes=5)
    for kind in ANSWERS:
        feature = make_feature(kind, answer_kind=kind)
        make_membership(person, feature)
        make_prediction(make_version(feature, "v1", labels=[], positive_label=""), "there", received_at=then)
        set_policy(feature=feature, user=None, now=then, design="all")
        set_rubric(feature=feature, now=then, guideline="Look.", reasons=[{"code": "date", "label": "Date"}])
    draw_received(now=timezone.now())
    return claim_next(reviewer=person, features=Feature.objects.reviewed_by(person), now=timezone.now())


@pytest.fixture(params=["service key", "personal key"])
def key(request, leased):
    if request.param == "service key":
        return make_key(scopes=["ingest", "read", "manage"])[1]
    return make_key(person=leased.reviewer)[1]


def aimed(case, leased):
    """Most cases at something that is there: a description does not know the names of features and their kinds."""
    chance = zlib.crc32(repr((case.path_parameters, case.body)).encode(errors="replace")) % (len(ANSWERS) + 1)
    if chance == len(ANSWERS):
        return
    kind = list(ANSWERS)[chance]
    for name, there in (("slug", kind), ("id", leased.pk)):
        if name in (case.path_parameters or {}):
            case.path_parameters[name] = there
    endpoint = case.path.strip("/").rpartition("/")[2]
    if case.media_type == "application/x-ndjson" and isinstance(case.body, str):
        case.body = f"{json.dumps(OF[endpoint](case.body) | {'feature': kind})}\n{case.body}\n"
    for item in case.body if isinstance(case.body, list) else [case.body]:
        if isinstance(item, dict):
            aim_item(item, endpoint, {**KNOWN, "feature": kind, "token": leased.lease_token})


def aim_item(item, endpoint, known):
    """What is a text becomes one that is known; a field that has the wrong type keeps it."""
    item.update({name: there for name, there in known.items() if isinstance(item.get(name), str)})
    name, usual = ANSWERS[known["feature"]] if endpoint == "predictions" else NEEDED.get(endpoint, ("", None))
    if endpoint == "predictions":
        for other in {"label", "value", "output"} - {name}:
            item.pop(other, None)
    if usual is not None and item.get(name) is None:
        item[name] = usual


@schemathesis.serializer("application/x-ndjson")
def lines(context, text):
    return text if isinstance(text, bytes) else str(text).encode(errors="surrogatepass")


@schema.parametrize()
@settings(suppress_health_check=list(HealthCheck), deadline=None)
def test_no_answer_is_a_server_error(case, key, leased):
    aimed(case, leased)
    with transaction.atomic():  # each begins with the same rows
        answer = case.call(headers={"Authorization": f"Bearer {key}"})
        transaction.set_rollback(True)
    assert answer.status_code < 500, answer.text
