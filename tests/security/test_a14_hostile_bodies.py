"""A14: bodies made to break a parser, against the real web processes: refused with a code, and cheaply."""

import gzip
import json
import zlib

import pytest

from tests.faults.messages import FEATURE, VERSION, message
from tests.faults.sending import rss_mb, sending

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("processes")]
PACKED = {"Content_Encoding": "gzip"}
GIB = 1024**3


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with sending(tmp_path_factory.mktemp("installation")) as running:
        assert running.post(message("predictions", 0)).status == 201
        running.warm_up(message("predictions", 0))
        yield running


@pytest.fixture(autouse=True)
def _no_larger_and_still_there(service):
    before = {pid: rss_mb(pid) for pid in service.up.pool("gunicorn")}
    yield
    assert service.post(message("predictions", 0)).status == 200
    after = {pid: rss_mb(pid) for pid in service.up.pool("gunicorn")}
    assert after.keys() == before.keys()
    assert all(after[pid] - before[pid] < 50 for pid in after), (before, after)
    assert "Traceback" not in service.up.place.said()


def refused_as(answer):
    """The status of a body refused as a whole, or 422 with the code of its only item."""
    if answer.status == 422:
        (refusal,) = answer.json()["refused"]
        return 422, refusal["code"]
    assert answer.headers["Content-Type"] == "application/problem+json", answer.body
    assert answer.json()["status"] == answer.status
    return answer.status, ""


@pytest.fixture(scope="module")
def bomb():
    """10 MB that unpack to 10 GB: one block of 64 MB again and again. Nobody reads as far as its checksum."""
    pack = zlib.compressobj(9, wbits=31)
    start = pack.compress(b" ") + pack.flush(zlib.Z_FULL_FLUSH)
    block = pack.compress(b" " * (GIB // 16)) + pack.flush(zlib.Z_FULL_FLUSH)
    return start + block * 160


def test_a_gzip_bomb_of_10_gigabytes(service, bomb):
    assert len(bomb) > 9_000_000
    for _ in range(4):
        assert refused_as(service.post(bomb, **PACKED)) == (413, "")


def test_a_bomb_of_many_small_members(service):
    members = gzip.compress(b" " * 1_000_000) * 2000
    assert refused_as(service.post(members, **PACKED)) == (413, "")


def test_deflate_is_not_unpacked_at_all(service):
    assert refused_as(service.post(zlib.compress(b" " * 50_000_000), Content_Encoding="deflate")) == (415, "")


def test_gzip_within_gzip_is_unpacked_once(service):
    inner = gzip.compress(json.dumps(message("predictions", 1)).encode())
    assert refused_as(service.post(gzip.compress(inner), **PACKED)) == (400, "")
    assert refused_as(service.post(inner, Content_Encoding="gzip, gzip")) == (415, "")


def one(text):
    return f'{{"id": "p1", "feature": "{FEATURE}", "version": "{VERSION}", {text}}}'.encode()


DEEP = "[" * 100_000 + "]" * 100_000
MANY_KEYS = "{" + ",".join(f'"{i}":1' for i in range(1_000_000)) + "}"
BODIES = {
    "depth 100,000": (f'"output": {DEEP}', {(400, ""), (422, "too_large")}),
    "depth 33": ('"label": "late", "inputs": {"x": ' + "[" * 33 + "]" * 33 + "}", {(422, "too_large")}),
    "1e999": ('"label": "late", "score": 1e999', {(422, "invalid")}),
    "1e999 within": ('"label": "late", "inputs": {"x": 1e999}', {(422, "invalid")}),
    "NaN": ('"label": "late", "score": NaN', {(400, "")}),
    "Infinity": ('"label": "late", "score": -Infinity', {(400, "")}),
    "NUL": ('"label": "late", "actor": "a\\u0000b"', {(422, "invalid")}),
    "a raw NUL": ('"label": "late", "actor": "a\0b"', {(400, ""), (422, "invalid")}),
    "half a pair": ('"label": "late", "actor": "\\ud800"', {(422, "invalid")}),
    "a million keys": (f'"label": "late", "inputs": {MANY_KEYS}', {(422, "too_large")}),
    "a key twice": ('"label": "late", "label": "on_time"', {(422, "invalid")}),
    "a key twice within": ('"label": "late", "inputs": {"a": 1, "a": 2}', {(422, "invalid")}),
    "400 digits": ('"label": "late", "inputs": {"x": ' + "9" * 400 + "}", {(422, "invalid")}),
    "50,000 digits": ('"label": "late", "inputs": {"x": ' + "9" * 50_000 + "}", {(422, "invalid")}),
    "a megabyte of digits": ('"label": "late", "inputs": {"x": ' + "9" * 1_000_000 + "}", {(422, "too_large")}),
}


@pytest.mark.parametrize(("text", "expected"), BODIES.values(), ids=BODIES)
def test_what_no_item_may_hold(service, text, expected):
    assert refused_as(service.post(one(text))) in expected


def test_a_byte_order_mark(service):
    assert refused_as(service.post(b"\xef\xbb\xbf" + one('"label": "late"'))) == (400, "")


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", "utf-7", "\N{POUND SIGN}"])
def test_a_wrong_charset(service, charset):
    kind = f"application/json; charset={charset}".encode("latin-1").decode("latin-1")
    assert refused_as(service.post(one('"label": "late"'), Content_Type=kind)) == (415, "")


def test_utf_16_that_calls_itself_utf_8(service):
    assert refused_as(service.post(one('"label": "late"').decode().encode("utf-16"))) == (400, "")


@pytest.mark.parametrize("body", [DEEP.encode(), MANY_KEYS.encode(), b'{"slug": ' + b"9" * 5000 + b"}"])
def test_the_endpoints_of_drf_hold_as_well(service, body):
    answer = service.post(body, "/api/v1/features/")
    assert answer.status in {400, 413}
    assert answer.headers["Content-Type"] == "application/problem+json"
