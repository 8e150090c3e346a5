"""A19: how long the check of a key takes tells nothing of its secret."""

import ast
import gc
import inspect
import math
import random
import textwrap
import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from feedback.actions.people import find_key
from tests.factories import NOON, make_key

pytestmark = pytest.mark.django_db
TRIES = 10_000


def test_secrets_are_compared_in_constant_time_and_in_no_other_way():
    tree = ast.parse(textwrap.dedent(inspect.getsource(find_key)))
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert calls.count("hmac.compare_digest") == 1
    compared = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    assert [words for words in compared if "sha256" in words or "presented" in words] == []


def test_an_unknown_prefix_costs_the_same_look_up_as_a_wrong_secret():
    _, presented = make_key()
    for sent in (presented[:-1], "ts_00000000_" + "x" * 43, "no key at all, long enough"):
        with CaptureQueriesContext(connection) as queries:
            assert find_key(sent, NOON) is None
        assert len(queries) == 1, sent
        assert "sha256" in queries[0]["sql"]
        assert sent[12:] not in queries[0]["sql"], "the secret is compared here, not by the database"


def test_a_nearly_right_secret_takes_as_long_as_one_that_is_all_wrong():
    """The share of pairs in which the nearly right one took longer is a half, to 4 standard errors."""
    _, presented = make_key()
    prefix = presented[:12]
    sent = {"near": presented[:-1] + ("a" if presented[-1] != "a" else "b"), "far": prefix + "x" * 43}
    chance, took = random.Random(19), {"near": [], "far": []}
    gc.disable()
    try:
        for _ in range(TRIES):
            for which in chance.sample(sorted(sent), 2):
                started = time.perf_counter_ns()
                find_key(sent[which], NOON)
                took[which].append(time.perf_counter_ns() - started)
    finally:
        gc.enable()
    assert abs(longer_share(took["near"], took["far"]) - 0.5) < 4 * math.sqrt((2 * TRIES + 1) / (12 * TRIES**2))


def longer_share(first, second):
    """Of all pairs, the share in which the first is the larger (Mann and Whitney's U over its most)."""
    ranked = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    ranks = sum(place for place, (_, which) in enumerate(ranked, start=1) if which == 0)
    return (ranks - len(first) * (len(first) + 1) / 2) / (len(first) * len(second))
