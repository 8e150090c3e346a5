"""A server for the client's tests: takes items as Touchstone does, and fails, hangs or refuses when told to."""

import gzip
import json
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Request:
    at: float
    kind: str
    headers: dict
    items: list
    status: int = 0


@dataclass
class Step:
    """How one request is answered. status 0: the connection is cut. hang_s: seconds before the answer."""

    status: int
    headers: dict = field(default_factory=dict)
    body: bytes = b"{}"
    hang_s: float = 0.0


class Peer:
    """Each item is stored once by kind and id. say(...) queues answers; after them, requests are answered well."""

    def __init__(self, port=0, tls=None):
        """tls: an ssl.SSLContext of a server."""
        self.requests, self.stored, self.n_connections = [], {}, 0
        self.script, self.rule, self.refuses = deque(), None, {}
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.peer = self
        if tls:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_address[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.cut_all()
        self._server.server_close()

    def say(self, status, *, times=1, headers=None, body=b"{}", hang_s=0.0):
        self.script.extend(Step(status, headers or {}, body, hang_s) for _ in range(times))

    def items(self, kind="predictions"):
        return [item for (of, _), item in self.stored.items() if of == kind]

    def ids(self, kind="predictions"):
        return sorted(item["id"] for item in self.items(kind))

    def step_for(self, request):
        """rule(request): a Step, or None where the script decides."""
        step = self.rule(request) if self.rule else None
        if step is None and self.script:
            step = self.script.popleft()
        return step or self._store(request)

    def _store(self, request):
        created, refused = 0, []
        for index, item in enumerate(request.items):
            named = item.get("id") or item.get("prediction")
            if named in self.refuses:
                refused.append(
                    {"index": index, "id": named, "code": self.refuses[named], "field": "", "detail": "no"}
                )
            elif (request.kind, named) not in self.stored:
                self.stored[request.kind, named] = item
                created += 1
        n = len(request.items)
        status = (422 if len(refused) == n else 207) if refused else 201 if created else 200
        told = {"received": n, "created": created, "duplicates": n - created - len(refused), "refused": refused}
        return Step(status, body=json.dumps(told).encode())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 50

    def __init__(self, *args):
        self.open = set()
        super().__init__(*args)

    def process_request(self, request, client_address):
        self.peer.n_connections += 1
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.open.discard(request)
        super().shutdown_request(request)

    def cut_all(self):
        for request in list(self.open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)
            self.shutdown_request(request)

    def handle_error(self, request, client_address):
        """The client went away: that is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: the second would wait 40 ms for an ACK

    def do_POST(self):
        at = time.monotonic()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        root, _, kind = self.path.rstrip("/").rpartition("/")
        assert root.endswith("/api/v1"), self.path
        items = [json.loads(line) for line in gzip.decompress(body).splitlines()]
        request = Request(at, kind, dict(self.headers), items)
        step = self.server.peer.step_for(request)
        request.status = step.status
        self.server.peer.requests.append(request)
        time.sleep(step.hang_s)
        if step.status == 0:
            self.close_connection = True
            return
        self.send_response(step.status)
        for name, value in {"Content-Type": "application/json", **step.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(step.body)))
        self.end_headers()
        self.wfile.write(step.body)

    def log_message(self, *args):
        """Not into the tests' output."""
