"""The web's workers: gunicorn's threads, which a slow sender cannot keep."""

import socket
import time
from contextlib import suppress
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

LONGEST_HEAD_S, LONGEST_BODY_S = 10.0, 30.0


class BoundedThreadWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Ends the reading of a request that takes too long; gunicorn itself waits for its bytes for ever.

    A handful of connections that send a byte now and then (slow loris) would keep every thread. Only reading
    is ended: an answer that takes long to make still goes out.
    """

    def init_process(self) -> None:
        self.read_until: dict[TConn, float] = {}
        super().init_process()

    def handle(self, conn: TConn) -> Any:
        self.read_until[conn] = time.monotonic() + LONGEST_HEAD_S
        try:
            return super().handle(conn)
        finally:
            self.read_until.pop(conn, None)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        self.read_until[conn] = time.monotonic() + LONGEST_BODY_S
        return super().handle_request(req, conn)

    def murder_pending(self) -> None:
        """Called by the main thread every second."""
        super().murder_pending()
        now = time.monotonic()
        for conn, until in list(self.read_until.items()):
            if now > until:
                with suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RD)
