"""Batches of new predictions, as many as a test has use for."""

import json
from itertools import count

from tests.faults.messages import message
from tests.faults.resending import Batch


def batch_of(number, size):
    items = [message("predictions", f"{number}-{place}") for place in range(size)]
    return Batch([item["id"] for item in items], json.dumps(items).encode())


def batches_until(enough, size):
    """Batches of so many new predictions, without end until this event is set."""
    for number in count():
        if enough.is_set():
            return
        yield batch_of(number, size)
