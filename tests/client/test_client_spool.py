"""What waits on disk while the server is away."""

import os
import stat
import time

import pytest
from touchstone_client._backlog import Spool
from touchstone_client._items import batches

from tests.client.peer import Peer, Step


def predict(client, n, start=0):
    for number in range(start, start + n):
        client.prediction("houses", "v1", id=f"p{number:05d}", value=number)


def expected(n):
    return [f"p{number:05d}" for number in range(n)]


def files(folder):
    return sorted(path.name for path in folder.glob("*.gz"))


def batch(n, kind="predictions", size=10):
    return next(batches(kind, [os.urandom(size).hex().encode() for _ in range(n)]))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def dropped():
    return []


@pytest.fixture
def spool(folder, dropped):
    spool = Spool(folder, 10_000, 100, lambda reason, n: dropped.append((reason, n)))
    spool.prepare()
    return spool


def test_what_waits_lies_on_disk_for_this_user_alone_and_without_the_key(make_client, away, folder):
    client = make_client(url=away.url, spool_dir=folder)
    predict(client, 10)
    assert client.flush(0.3) is False
    (name,) = files(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert client.stats().waiting == 10
    assert all(b"ts_secret" not in path.read_bytes() for path in folder.iterdir())


def test_the_next_client_sends_it_first_and_unchanged_without_being_called(make_client, away, folder, eventually):
    first = make_client(url=away.url, spool_dir=folder)
    predict(first, 10)
    first.close(0.3)
    assert first.stats().dropped == {}
    back = Peer(port=away.port)
    client = make_client(url=back.url, spool_dir=folder, flush_interval_s=0.2)
    predict(client, 1, start=10)
    eventually(lambda: len(back.items()) == 11)
    assert [len(request.items) for request in back.requests] == [10, 1]
    assert back.items()[0]["occurred_at"] < back.items()[-1]["occurred_at"]
    eventually(lambda: files(folder) == [])
    client.close()
    back.stop()


def test_close_with_a_server_that_is_away_is_quick(make_client, away, folder):
    client = make_client(url=away.url, spool_dir=folder)
    predict(client, 10)
    began = time.monotonic()
    client.close(5.0)
    assert time.monotonic() - began < 1.0
    assert len(files(folder)) == 1


def test_a_hanging_server_does_not_lose_what_is_in_hand_at_close(make_client, peer, folder):
    peer.say(503, hang_s=1.5)
    client = make_client(spool_dir=folder)
    predict(client, 3)
    time.sleep(0.1)
    predict(client, 3, start=3)
    began = time.monotonic()
    client.close(0.2)
    assert time.monotonic() - began < 1.0
    assert client.stats().dropped == {}
    peer.script.clear()
    again = make_client(spool_dir=folder)
    assert again.flush(5)
    assert peer.ids() == expected(6)


def test_small_batches_are_joined_up_to_a_batch(spool, folder):
    for _ in range(25):
        spool.put(batch(10))
    assert [int(name.split("-")[1]) for name in files(folder)] == [100, 100, 50]


def test_kinds_are_kept_apart(spool, folder):
    spool.put(batch(1))
    spool.put(batch(1, "events"))
    spool.put(batch(1))
    assert [name.split(".")[1] for name in files(folder)] == ["events", "predictions"]


def test_the_folder_is_bounded_and_the_oldest_go_and_are_counted(spool, folder, dropped):
    for _ in range(20):
        spool.put(batch(100))
    kept = sum(path.stat().st_size for path in folder.iterdir())
    assert 5_000 < kept <= 10_000
    assert sum(n for _, n in dropped) + 100 * len(files(folder)) == 2_000
    assert {reason for reason, _ in dropped} == {"backlog_full"}


def test_a_batch_larger_than_the_folder_may_be_is_dropped(spool, folder, dropped):
    spool.put(batch(1000))
    assert dropped == [("backlog_full", 1000)]
    assert files(folder) == []


@pytest.mark.parametrize("damage", [b"", b"not gzip at all", None])
def test_a_damaged_file_is_set_aside_counted_and_the_others_are_sent(make_client, peer, folder, dropped, damage):
    # One file a batch.
    spool = Spool(folder, 10_000, 1, lambda reason, n: dropped.append((reason, n)))
    spool.prepare()
    for _ in range(3):
        spool.put(next(batches("predictions", [b'{"id":"%s"}' % os.urandom(4).hex().encode()])))
    path = folder / files(folder)[1]
    path.write_bytes(path.read_bytes()[:-5] if damage is None else damage)
    client = make_client(spool_dir=folder)
    assert client.flush(5)
    assert len(peer.ids()) == 2
    assert client.stats().dropped == {"corrupt": 1}
    assert [path.suffix for path in folder.iterdir() if path.name != ".lock"] == [".corrupt"]


def test_damaged_files_count_into_the_bound_and_go_in_their_turn(spool, folder, dropped):
    spool.put(batch(100))
    path = folder / files(folder)[0]
    path.rename(path.with_name(path.name + ".corrupt"))
    for _ in range(10):
        spool.put(batch(100))
    assert not list(folder.glob("*.corrupt"))
    assert sum(n for _, n in dropped) + 100 * len(files(folder)) == 1_000


def test_what_a_killed_process_was_just_writing_is_cleared_after_an_hour(spool, folder):
    old, new = folder / "a.gz.tmp", folder / "b.gz.tmp"
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 4000,) * 2)
    spool.prepare()
    assert (old.exists(), new.exists()) == (False, True)


def test_files_of_others_are_left_alone(make_client, peer, folder):
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "2026.predictions.gz").write_text("mine")
    client = make_client(spool_dir=folder)
    predict(client, 1)
    assert client.flush(5)
    assert {path.name for path in folder.iterdir()} >= {"notes.txt", "2026.predictions.gz"}


def test_a_folder_that_cannot_be_used_leaves_memory(make_client, away, tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    client = make_client(url=away.url, spool_dir=tmp_path / "file")
    predict(client, 10)
    assert client.flush(0.2) is False
    assert (client.stats().waiting, client.stats().dropped) == (10, {})
    assert "spool folder cannot be used" in caplog.text
    back = Peer(port=away.port)
    assert client.flush(5)
    assert back.ids() == expected(10)
    client.close()
    back.stop()


def test_a_folder_that_is_deleted_meanwhile_is_made_again(make_client, away, folder):
    client = make_client(url=away.url, spool_dir=folder)
    predict(client, 1)
    assert client.flush(0.2) is False
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    predict(client, 1, start=1)
    assert client.flush(0.2) is False
    assert len(files(folder)) == 1


def test_a_disk_that_is_full_leaves_memory_and_no_litter(make_client, away, folder, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    client = make_client(url=away.url, spool_dir=folder)
    monkeypatch.setattr(os, "fsync", full)
    predict(client, 5)
    assert client.flush(0.2) is False
    assert (client.stats().waiting, client.stats().dropped) == (5, {})
    assert [path.name for path in folder.iterdir() if path.name != ".lock"] == []


def test_only_one_at_a_time_sends_from_the_folder(make_client, peer, folder, run):
    script = """
import fcntl, sys, time
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(60)
"""
    peer.rule = lambda request: Step(503)
    first = make_client(spool_dir=folder)
    predict(first, 1)
    assert first.flush(0.2) is False
    first.close()
    holder = run(script, folder / ".lock")
    assert holder.stdout.readline() == "locked\n"
    peer.rule = None
    client = make_client(spool_dir=folder)
    assert client.flush(0.3) is False
    assert peer.ids() == []
    holder.kill()
    assert client.flush(5)
    assert peer.ids() == expected(1)


def test_a_batch_that_breaks_the_server_does_not_hold_up_the_files_behind_it(make_client, peer, folder):
    peer.rule = lambda request: Step(503)
    client = make_client(spool_dir=folder, batch_size=5)
    predict(client, 50)
    assert client.flush(0.2) is False
    assert len(files(folder)) >= 10
    peer.rule = lambda request: Step(500) if any(item["id"] == "p00000" for item in request.items) else None
    assert client.flush(1.5) is False
    assert set(expected(50)) - set(peer.ids()) == set(expected(5))


def test_a_relative_folder_stays_where_it_was_when_the_process_moves(make_client, away, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    client = make_client(url=away.url, spool_dir="spool")
    monkeypatch.chdir("/")
    predict(client, 1)
    assert client.flush(0.2) is False
    assert len(files(tmp_path / "spool")) == 1
