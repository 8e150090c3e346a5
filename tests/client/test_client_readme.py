"""The example in client/README.md runs, and sends what it says."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "client" / "README.md"


def test_the_example_runs(peer, tmp_path, monkeypatch):
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(example.replace("http://127.0.0.1:8000", peer.url), names)  # noqa: S102
    client = names["client"]
    assert client.flush(5)
    client.close()
    assert client.stats().dropped == {}
    assert {kind: len(peer.items(kind)) for kind in ("predictions", "events", "feedback", "outcomes")} == {
        "predictions": 2,
        "events": 1,
        "feedback": 1,
        "outcomes": 1,
    }


def test_every_reason_to_drop_is_named():
    sources = " ".join(path.read_text() for path in (README.parent / "touchstone_client").glob("*.py"))
    reasons = set(re.findall(r'drop\(\s*"(\w+)"', sources)) | {"http_400", "http_415"}
    assert len(reasons) > 10
    assert {reason for reason in reasons if f"`{reason}`" not in README.read_text()} == set()
