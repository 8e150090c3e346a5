"""Keeps the web and the worker running: prefixed output, restarts with back-off, no orphans."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import IO

from config.processes import end_with_parent

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0  # seconds
GRACE = 28.0  # seconds from SIGTERM to SIGKILL
LOOK_EVERY = 0.2


@dataclass
class Child:
    """One process that is kept running. once: it may end by itself, is not started again, and farewell is said."""

    name: str
    command: list[str]
    once: bool = False
    farewell: str = ""
    process: subprocess.Popen[str] | None = None
    delay: float = FIRST_DELAY
    started_at: float = 0.0
    start_at: float = 0.0

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None


def say(name: str, line: str) -> None:
    try:
        sys.stdout.write(f"{name:>4} | {line.rstrip()}\n")
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads any more: end in order, children must not wait at full pipes
        os.kill(os.getpid(), signal.SIGTERM)


class Supervisor:
    """Runs until SIGTERM or SIGINT; then tells each main process, and waits for them.

    Signals go to the main processes alone: SIGTERM to a whole group hung Celery in 6 of 63 stops.
    """

    def __init__(self, children: list[Child]) -> None:
        self.children = children
        self.parent = os.getppid()
        self.is_stopping = False

    def run(self, *, end_with_parent: bool, when_up: Callable[[], bool], then: Child | None) -> int:
        """Start and keep. when_up tells whether the web answers; then: a child to start once it does."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # what a terminal cannot show must not end a reader
        while not self.is_stopping:
            for child in self.children:
                self._keep(child)
            if then is not None and when_up():
                self.children.append(then)
                then = None
            if end_with_parent and os.getppid() != self.parent:
                break
            time.sleep(LOOK_EVERY)
        return self._end()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True

    def _keep(self, child: Child) -> None:
        now = time.monotonic()
        if child.is_running:
            return
        if child.process is not None:
            if child.once:
                if child.farewell and child.process.returncode == 0:
                    say("up", child.farewell)
                child.farewell = ""
                return
            if not child.start_at:
                self._plan_restart(child, now)
        if now >= child.start_at:
            child.start_at = 0.0
            self._start(child)

    def _plan_restart(self, child: Child, now: float) -> None:
        has_run_well = now - child.started_at > LONGEST_DELAY
        child.delay = FIRST_DELAY if has_run_well else min(LONGEST_DELAY, child.delay * 2)
        child.start_at = now + child.delay
        code = child.process.returncode if child.process else None
        say("up", f"{child.name} ended with {code}; starting it again in {child.delay:.1f} s")

    def _start(self, child: Child) -> None:
        child.started_at = time.monotonic()
        child.process = subprocess.Popen(  # noqa: S603  our own commands
            child.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl+C reaches us alone; we tell the main processes
            preexec_fn=partial(end_with_parent, parent=os.getpid()),
        )
        reader = threading.Thread(target=self._read, args=(child.name, child.process.stdout), daemon=True)
        reader.start()

    @staticmethod
    def _read(name: str, stream: IO[str] | None) -> None:
        for line in stream or ():
            say(name, line)

    def _end(self) -> int:
        running = [child.process for child in self.children if child.process and child.is_running]
        for process in running:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return 0
