"""Batches that could not be sent yet: on disk, or in memory.

Both keep a batch under a name that sorts by age and tells how many items of which kind it holds, so that dropping
one needs no look inside.
"""

from __future__ import annotations

import gzip
import os
import re
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from touchstone_client._items import KINDS, Batch

try:
    import fcntl
except ImportError:  # Windows: without the lock two processes may send the same file, which the server allows
    fcntl = None  # type: ignore[assignment]

NAME = re.compile(rf"\d{{20}}-\d+-[0-9a-f]{{32}}\.(?:{'|'.join(KINDS)})\.gz(?:\.corrupt)?")
OLD_S = 3600  # a temporary file of this age belongs to nobody

Drop = Callable[[str, int], None]  # reason, number of items


def n_of(name: str) -> int:
    return int(name.split("-")[1])


def kind_of(name: str) -> str:
    return name.split(".")[1]


def _name(batch: Batch) -> str:
    return f"{time.time_ns():020d}-{batch.n}-{uuid4().hex}.{batch.kind}.gz"


class Memory:
    """In this process; lost with it. At most most_bytes, packed; over it the oldest go and are counted."""

    def __init__(self, most_bytes: int, drop: Drop) -> None:
        self._most_bytes, self._drop = most_bytes, drop
        self._bodies: dict[str, bytes] = {}

    def put(self, batch: Batch) -> None:
        self._bodies[_name(batch)] = batch.body
        while sum(map(len, self._bodies.values())) > self._most_bytes:
            oldest = next(iter(self._bodies))
            del self._bodies[oldest]
            self._drop("backlog_full", n_of(oldest))

    def names(self) -> list[str]:
        return list(self._bodies)

    def read(self, name: str) -> Batch | None:
        body = self._bodies.get(name)
        return Batch(kind_of(name), n_of(name), body) if body is not None else None

    def remove(self, name: str) -> None:
        self._bodies.pop(name, None)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        yield True


class Spool:
    """In a folder that any number of processes may share. At most most_bytes; over it the oldest go, counted.

    A file appears whole, by renaming; whoever holds the lock sends, whoever's they are. Nothing breaks where two
    processes meet all the same: at worst a batch is sent twice, and the server stores each item once. Methods
    raise OSError when the folder cannot be used.
    """

    def __init__(self, folder: Path, most_bytes: int, most_items: int, drop: Drop) -> None:
        """most_items: up to so many, small batches are joined to one file."""
        self._folder, self._most_bytes, self._most_items, self._drop = folder, most_bytes, most_items, drop
        self._last: dict[str, str] = {}  # the newest file that this process wrote, by kind

    def prepare(self) -> None:
        """Make the folder, for this user alone, and clear what a killed process was just writing."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self._folder.glob("*.tmp"):
            if time.time() - path.stat().st_mtime > OLD_S:
                path.unlink(missing_ok=True)

    def put(self, batch: Batch) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._make_room(len(batch.body)):
            self._drop("backlog_full", batch.n)
            return
        # A quiet service, a night without a server: one file instead of one a second. gzip members just add up.
        last = self._last.get(batch.kind)
        before = self.read(last) if last and n_of(last) + batch.n <= self._most_items else None
        if before:
            batch = Batch(batch.kind, before.n + batch.n, before.body + batch.body)
        self._last[batch.kind] = self._write(batch)
        if last and before:
            self.remove(last)

    def names(self) -> list[str]:
        return [name for name, _ in self._scan() if not name.endswith(".corrupt")]

    def read(self, name: str) -> Batch | None:
        """None when it is gone, or damaged: then it is set aside and counted."""
        path = self._folder / name
        try:
            body = path.read_bytes()
        except FileNotFoundError:
            return None
        if _is_whole(body):
            return Batch(kind_of(name), n_of(name), body)
        path.rename(path.with_name(f"{name}.corrupt"))
        self._drop("corrupt", n_of(name))
        return None

    def remove(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether this process may send now. The lock dies with the process, and is not inherited by a fork."""
        if fcntl is None:
            yield True
            return
        lock = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            yield _is_locked(lock)
        finally:
            os.close(lock)

    def _write(self, batch: Batch) -> str:
        name = _name(batch)
        temporary = self._folder / f"{name}.tmp"
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(batch.body)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(self._folder / name)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        return name

    def _make_room(self, n_bytes: int) -> bool:
        files = self._scan()
        used = sum(size for _, size in files)
        for name, size in files:
            if used + n_bytes <= self._most_bytes:
                break
            used -= size
            try:
                (self._folder / name).unlink()
            except FileNotFoundError:  # sent, or dropped, by another process
                continue
            if not name.endswith(".corrupt"):
                self._drop("backlog_full", n_of(name))
        return used + n_bytes <= self._most_bytes

    def _scan(self) -> list[tuple[str, int]]:
        """(name, bytes) of every batch here, the damaged ones included, oldest first."""
        found = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if NAME.fullmatch(entry.name):
                    try:
                        found.append((entry.name, entry.stat().st_size))
                    except FileNotFoundError:
                        continue
        return sorted(found)


def _is_whole(body: bytes) -> bool:
    try:
        return gzip.decompress(body) != b""  # no bytes at all would unpack without an error
    except (OSError, EOFError, zlib.error):
        return False


def _is_locked(lock: int) -> bool:
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
