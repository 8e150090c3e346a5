"""Measuring a prediction while it is made."""

import threading
import time

import pytest


def burn(seconds):
    """Use CPU for this long, on this thread's clock."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def sent(client, peer):
    assert client.flush(5)
    (item,) = peer.items()
    return item


def test_latency_cpu_and_memory_are_measured(make_client, peer):
    client = make_client()
    with client.predicting("delay-alert", "v1", id="p1", inputs={"km": 1}, segments={"c": "DE"}, actor="u1") as p:
        burn(0.02)
        time.sleep(0.05)
        p.label, p.score, p.probabilities = "late", 0.8, {"late": 0.8}
    item = sent(client, peer)
    assert 70 <= item.pop("latency_ms") < 500
    assert 20 <= item.pop("cpu_ms") < 60
    assert 5 < item.pop("rss_mb") < 5_000
    assert item.pop("occurred_at")
    assert item == {
        "id": "p1",
        "feature": "delay-alert",
        "version": "v1",
        "label": "late",
        "score": 0.8,
        "probabilities": {"late": 0.8},
        "inputs": {"km": 1},
        "segments": {"c": "DE"},
        "actor": "u1",
    }


def test_cpu_is_that_of_this_thread(make_client, peer):
    client = make_client()
    with client.predicting("houses", "v1") as p:
        other = threading.Thread(target=burn, args=(0.1,))
        other.start()
        other.join()
        p.value = 1.0
    assert sent(client, peer)["cpu_ms"] < 50


def test_a_block_that_ends_in_another_thread_has_no_cpu_time(make_client, peer):
    client = make_client()
    p = client.predicting("houses", "v1").__enter__()
    p.value = 1.0
    other = threading.Thread(target=p.__exit__, args=(None, None, None))
    other.start()
    other.join()
    item = sent(client, peer)
    assert "cpu_ms" not in item
    assert item["latency_ms"] > 0


def test_stages_become_the_trace(make_client, peer):
    client = make_client()
    with client.predicting("houses", "v1") as p:
        with p.stage("features"):
            time.sleep(0.02)
        with p.stage("model"):
            p.value = 1.0
    features, model = sent(client, peer)["trace"]
    assert (features["name"], model["name"]) == ("features", "model")
    assert 20 <= features["ms"] < 200
    assert 0 <= model["ms"] < 20


def test_the_id_is_known_inside_the_block(make_client, peer):
    client = make_client()
    with client.predicting("houses", "v1") as p:
        p.value = 1.0
        known = p.id
    assert sent(client, peer)["id"] == known


def test_inputs_are_those_of_before_the_block(make_client, peer):
    client, inputs = make_client(), {"km": 1}
    with client.predicting("houses", "v1", inputs=inputs) as p:
        inputs["km"] = 2
        p.value = 1.0
    assert sent(client, peer)["inputs"] == {"km": 1}


def test_an_exception_goes_on_unchanged_and_nothing_is_sent(make_client, peer):
    client, error = make_client(), StopIteration("mine")
    with pytest.raises(StopIteration) as caught, client.predicting("houses", "v1") as p, p.stage("model"):
        raise error
    assert caught.value is error
    assert error.__cause__ is None
    assert error.__context__ is None
    assert client.flush(5)
    assert peer.requests == []
    assert client.stats().dropped == {}


def test_an_exception_after_the_answer_still_sends_it(make_client, peer):
    client = make_client()

    def host():
        with client.predicting("houses", "v1", id="p1") as p:
            p.value = 0.0
            raise KeyError("later")

    with pytest.raises(KeyError, match="later"):
        host()
    assert sent(client, peer)["id"] == "p1"


def test_a_block_without_an_answer_is_counted(make_client, peer):
    client = make_client()
    with client.predicting("houses", "v1"):
        pass
    assert client.flush(5)
    assert client.stats().dropped == {"no_answer": 1}
    assert peer.requests == []


def test_wrong_arguments_leave_a_block_that_works(make_client, peer):
    client = make_client()
    with client.predicting("houses", vresion="v1") as p, p.stage("model"):
        p.value = 1.0
    assert client.flush(5)
    assert peer.requests == []
    assert client.stats().dropped == {"bad_arguments": 1}
