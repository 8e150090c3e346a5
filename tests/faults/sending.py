"""A service that sends to a Touchstone of its own, over real connections."""

import http.client
import json
import re
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.faults.installation import PROC, Up, free_port, installed, read
from tests.faults.messages import FEATURE, VERSION

JSON = "application/json"


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


class Service:
    def __init__(self, up, key):
        self.up, self.key = up, key
        self.host = urlsplit(up.address).netloc

    def ask(self, method, path, body=None, *, timeout=30, **headers):
        """One request on a connection of its own. Headers are named with underscores."""
        sent = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(http.client.HTTPConnection(self.host, timeout=timeout)) as connection:
            with suppress(BrokenPipeError, ConnectionResetError):  # it may answer before it has read all
                connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers), answer.read())

    def post(self, body, path="/api/v1/predictions/", *, Content_Type=JSON, **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, body, Content_Type=Content_Type, **headers)

    def warm_up(self, body):
        """So many at once that every web process serves some, and has loaded what it loads on first use."""
        with ThreadPoolExecutor(8) as pool:
            assert {answer.status for answer in pool.map(self.post, [body] * 80)} == {200}

    def raw(self, *parts, timeout=30):
        """Whatever comes back for these bytes, sent as they are, until the server closes."""
        host, port = self.host.split(":")
        with socket.create_connection((host, int(port)), timeout=timeout) as connection:
            with suppress(BrokenPipeError, ConnectionResetError):
                for part in parts:
                    connection.sendall(part)
            return read_all(connection)

    def head(self, *lines):
        """The beginning of a POST of predictions, up to where these lines end."""
        first = ("POST /api/v1/predictions/ HTTP/1.1", f"Host: {self.host}", f"Authorization: Bearer {self.key}")
        return "\r\n".join([*first, f"Content-Type: {JSON}", "Connection: close", *lines, "", ""]).encode()


def read_all(connection):
    found = b""
    with suppress(ConnectionResetError, TimeoutError):
        while part := connection.recv(65536):
            found += part
    return found


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else None


def rss_mb(pid):
    found = re.search(rb"VmRSS:\s+(\d+) kB", read(PROC / str(pid) / "status"))
    return int(found[1]) / 1024 if found else 0.0


@contextmanager
def sending(directory, **environment):
    """A service with a feature and a version, whose Touchstone is up."""
    with installed(directory) as place:
        port = free_port()
        up = Up(place, [sys.executable, "manage.py", "up", "--port", str(port)], port, **environment)
        up.wait_for_all()
        service = Service(up, new_key(place, "ingest,read,manage"))
        made = service.post({"slug": FEATURE, "name": "Delay alert"}, "/api/v1/features/")
        assert made.status == 201, made.body
        labels = {"name": VERSION, "labels": ["late", "on_time"]}
        assert service.post(labels, f"/api/v1/features/{FEATURE}/versions/").status == 201
        yield service


def new_key(place, scopes):
    made = place.run("manage.py", "key", "create", "--name", "shop", "--scopes", scopes)
    assert made.returncode == 0, made.stderr
    return made.stdout.split()[-1]
