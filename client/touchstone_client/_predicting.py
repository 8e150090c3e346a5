"""Measuring a prediction while it is made."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from touchstone_client.client import Client

MB = 1_000_000


class Predicting:
    """What `client.predicting(...)` gives: set exactly one of label, value and output inside the block.

    Sent when the block ends, with
    latency_ms: wall time of the block, on time.perf_counter().
    cpu_ms: CPU time of this thread, on time.thread_time(); not that of a model's own threads. Left out where the
        block ends in another thread than it began in.
    rss_mb: resident memory of the whole process when the block ends, in 1,000,000 bytes; where there is no /proc,
        the most it ever was; on Windows left out.
    trace: the stages, in the order in which they ended.
    An exception goes on its way unchanged; the prediction is then sent only if an answer had been set.
    id: known from the start, for outcomes and events.
    """

    def __init__(self, client: Client, fields: dict[str, Any] | None, *, id: str) -> None:
        """fields: those of client.prediction() that are known beforehand; None: measure, but send nothing."""
        self._client, self._fields = client, fields
        self._trace: list[dict[str, Any]] = []
        self._began_s = self._began_cpu_s = 0.0
        self._thread = 0
        self.id = id
        self.label: str | None = None
        self.value: float | None = None
        self.output: Any = None
        self.score: float | None = None
        self.probabilities: Mapping[str, float] | None = None
        self.inputs: Mapping[str, Any] | None = None
        self.segments: Mapping[str, str] | None = None

    def stage(self, name: str) -> Stage:
        """`with p.stage("model"):` puts the wall time of this block into the trace."""
        return Stage(name, self._trace)

    def __enter__(self) -> Predicting:
        self._thread = threading.get_ident()
        self._began_cpu_s, self._began_s = time.thread_time(), time.perf_counter()
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        latency_s, cpu_s = time.perf_counter() - self._began_s, time.thread_time() - self._began_cpu_s
        if self._fields is None:
            return
        if all(answer is None for answer in (self.label, self.value, self.output)):
            if kind is None:
                self._client._drop("no_answer")
            return
        self._client.prediction(
            **self._fields,
            id=self.id,
            label=self.label,
            value=self.value,
            output=self.output,
            score=self.score,
            probabilities=self.probabilities,
            inputs=self.inputs,
            segments=self.segments,
            latency_ms=latency_s * 1000,
            cpu_ms=cpu_s * 1000 if threading.get_ident() == self._thread else None,
            rss_mb=resident_mb(),
            trace=self._trace or None,
        )


class Stage:
    """One named part of a prediction; its wall time goes into the trace, also when it fails."""

    def __init__(self, name: str, trace: list[dict[str, Any]]) -> None:
        self._name, self._trace, self._began_s = name, trace, 0.0

    def __enter__(self) -> None:
        self._began_s = time.perf_counter()

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self._trace.append({"name": self._name, "ms": (time.perf_counter() - self._began_s) * 1000})


def resident_mb() -> float | None:
    """Resident memory of this process, in 1,000,000 bytes; None where it cannot be told."""
    try:
        statm = os.open("/proc/self/statm", os.O_RDONLY)  # half the time of open(), and fewer waits for the GIL
    except OSError:
        if resource is None:
            return None
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most / MB if sys.platform == "darwin" else most * 1024 / MB
    try:
        return int(os.read(statm, 200).split()[1]) * os.sysconf("SC_PAGE_SIZE") / MB
    finally:
        os.close(statm)
