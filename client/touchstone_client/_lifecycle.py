"""Exit and fork, for all clients of this process."""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from typing import Protocol


class Running(Protocol):
    def close(self) -> None: ...


class Forking(Protocol):
    def _begin_anew(self) -> None: ...


_running: set[Running] = set()  # held fast: a client may be forgotten before its items are sent
_forking: weakref.WeakSet[Forking] = weakref.WeakSet()


def close_at_exit(running: Running) -> None:
    _running.add(running)
    # Again for each: a child of multiprocessing begins without its parent's exit functions.
    atexit.unregister(_close_all)
    atexit.register(_close_all)
    # Before Python 3.12 such a child runs no atexit functions at all, only those of multiprocessing itself.
    multiprocessing = sys.modules.get("multiprocessing.util")
    if multiprocessing and sys.modules["multiprocessing.process"].parent_process() is not None:
        multiprocessing.Finalize(None, _close_all, exitpriority=100)


def is_closed(running: Running) -> None:
    _running.discard(running)


def begin_anew_in_forks(forking: Forking) -> None:
    _forking.add(forking)


def _close_all() -> None:
    for running in list(_running):
        running.close()


def _after_fork_in_child() -> None:
    _running.clear()
    for forking in list(_forking):
        forking._begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
