"""Scores of a feature with a million usage events, and how far they can be trusted, by simulation.

Needs PostgreSQL (DATABASE_URL, or the one on the standard port); a database of its own. Smaller: BENCH_EVENTS,
BENCH_ACTORS, BENCH_ACCOUNTS, BENCH_RUNS (simulated intervals a size), BENCH_YEARS (simulated years a level).
"""

import json
import os
import random
import resource
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.benchmarks.report import publish, table

POSTGRES = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
EVENTS = int(os.environ.get("BENCH_EVENTS", "1_000_000"))
ACTORS = int(os.environ.get("BENCH_ACTORS", "50_000"))
ACCOUNTS = int(os.environ.get("BENCH_ACCOUNTS", "500"))
RUNS = int(os.environ.get("BENCH_RUNS", "4_000"))
YEARS = int(os.environ.get("BENCH_YEARS", "200"))
SIZES, LEVELS, GATE_ACCOUNTS = (10, 20, 40, 80), (10, 15, 20, 25, 30), 10
DAYS = 56
COLUMNS = (
    "feature_id, external_id, kind, prediction_external_id, set_external_id, actor, account, occurred_at,"
    " received_at, surface, is_internal, fingerprint"
)


@contextmanager
def own_database():
    """Made for this run, and dropped after it."""
    name, parts = f"bench_{uuid.uuid4().hex[:12]}", urlsplit(POSTGRES)
    with psycopg.connect(POSTGRES, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(parts._replace(path=f"/{name}"))
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def rows(feature, now):
    """Everybody is on the roster; each answer is shown, and most are reacted to within the day."""
    chance, start, number = random.Random(7), now - timedelta(days=DAYS), 0
    size = ACTORS // ACCOUNTS
    habits = [(chance.betavariate(4, 4), chance.betavariate(5, 3)) for _ in range(ACCOUNTS)]

    def row(kind, actor, at, prediction=""):
        nonlocal number
        number += 1
        account = f"account {min(actor // size, ACCOUNTS - 1)}"
        return (
            feature, f"e{number}", kind, prediction, "", f"u{actor}", account, at, now - timedelta(hours=1), "",
            False, number,
        )  # fmt: skip

    for actor in range(ACTORS):
        yield row("eligible", actor, start)
    while number < EVENTS:
        actor = chance.randrange(ACTORS)
        takes, completes = habits[min(actor // size, ACCOUNTS - 1)]
        at, prediction = start + timedelta(seconds=chance.uniform(0, DAYS * 86_400 - 200_000)), f"p{number}"
        yield row("exposed", actor, at, prediction)
        if number < EVENTS and chance.random() < 0.8:
            took = chance.random() < takes
            yield row("accepted" if took else "dismissed", actor, at + timedelta(minutes=5), prediction)
            if took and number < EVENTS and chance.random() < completes:
                yield row("completed", actor, at + timedelta(hours=3), prediction)


def load(now):
    """A live feature with its events, copied in raw. Answers with its key."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    from feedback.actions.features import create_feature

    feature = create_feature(slug="bench", name="Bench", stage="general", now=now)
    connection.ensure_connection()
    with connection.connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        with cursor.copy(f"COPY feedback_usageevent ({COLUMNS}) FROM STDIN") as copy:
            for each in rows(feature.pk, now):
                copy.write_row(each)
        cursor.execute("ANALYZE")
    connection.close()
    return feature.pk


def worker(feature, now):
    """What a worker does with them, in a process of its own: seconds of each step, and the most memory it held."""
    import django

    django.setup()
    from django.db import transaction

    from feedback.models import Feature
    from metrics.actions.scoring import prepare_scores
    from metrics.actions.using import prepare_usage
    from metrics.models import ScoreSnapshot

    found, took = Feature.objects.get(pk=feature), {}
    for name, prepare in (("sum", prepare_usage), ("score", prepare_scores)):
        begun, cpu = time.monotonic(), time.process_time()
        write = prepare(feature=found, now=now)
        with transaction.atomic():
            write()
        took[name], took[f"{name}_cpu"] = time.monotonic() - begun, time.process_time() - cpu
    snapshot = ScoreSnapshot.objects.latest_of(found, "adoption")
    took["rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took["adoption"] = f"{snapshot.value:.1f} ({snapshot.low:.1f} to {snapshot.high:.1f}), {snapshot.state}"
    took["n_accounts"] = snapshot.n_accounts
    print(json.dumps(took))  # read by the parent


def measured():
    now = datetime.now(UTC)
    with own_database() as url:
        os.environ["DATABASE_URL"] = url
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        feature = load(now)
        command = [sys.executable, "-m", "tests.benchmarks.bench_scores", "worker", str(feature), now.isoformat()]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout.splitlines()[-1])


def main():
    from tests.stats.simulated_accounts import coverage, gate_flips, wrong_arrows

    took = measured()
    rows_ = [
        [f"{EVENTS:,} events of {ACTORS:,} actors in {ACCOUNTS} accounts: summed up", f"{took['sum']:.1f} s", "-"],
        ["adoption and accountability scored", f"{took['score']:.1f} s", "-"],
        ["both together", f"{took['sum'] + took['score']:.1f} s", "under 20 s"],
        ["of it the worker's own work", f"{took['sum_cpu'] + took['score_cpu']:.1f} s", "-"],
        ["memory of the worker at its most", f"{took['rss_mb']:.0f} MB", "under 600 MB"],
        ["adoption found", took["adoption"], "-"],
    ]
    for k in SIZES:
        held, arrows = coverage(k=k, runs=RUNS, seed=k), wrong_arrows(k=k, runs=RUNS, seed=k)
        rows_.append([f"{k} accounts: intervals that hold the truth, of {RUNS:,}", f"{held:.3f}", ".93 to .97"])
        rows_.append([f"{k} accounts: arrows drawn without a change, of {RUNS:,}", f"{arrows:.3f}", "at most .06"])
    for level in LEVELS:
        told = {"level": level, "k": GATE_ACCOUNTS, "years": YEARS, "seed": level}
        flips, naive = gate_flips(**told), gate_flips(**told, opens_at=20)
        what = f"adoption about {level}: changes of the gate a year (one threshold at 20: {naive:.1f})"
        rows_.append([what, f"{flips:.1f}", "at most 2"])
    publish("scores", "Scores", table(["what", "measured", "goal"], rows_))


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        worker(int(sys.argv[2]), datetime.fromisoformat(sys.argv[3]))
    else:
        main()
