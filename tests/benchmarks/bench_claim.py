"""Claims on PostgreSQL against a bare UPDATE by key on the same table, in one run: many open, many reviewers.

Needs PostgreSQL (DATABASE_URL, or the one on the standard port). Sizes by environment: BENCH_OPEN (1,000,000),
BENCH_REVIEWERS (32), BENCH_SECONDS of each measurement (8), BENCH_REPEAT of each (3), BENCH_BLOCKED at the head
(5000,50000).
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from tests.benchmarks.report import has_drifted, median, publish, table
from tests.faults.installation import ROOT, installed

OPEN = int(os.environ.get("BENCH_OPEN", "1000000"))
REVIEWERS = int(os.environ.get("BENCH_REVIEWERS", "32"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
BLOCKED = [int(n) for n in os.environ.get("BENCH_BLOCKED", "5000,50000").split(",")]
REPEAT = int(os.environ.get("BENCH_REPEAT", "3"))
PROCESSES = 4
FILL = """
INSERT INTO feedback_prediction (feature_id, version_id, external_id, occurred_at, received_at, label, score,
    actor, account, fingerprint)
SELECT f.id, v.id, 'p' || n, now(), now(), 'late', 0.8, '', '', n
FROM feedback_feature f, feedback_modelversion v, generate_series(1, %(n)s) n;
INSERT INTO reviews_reviewitem (feature_id, version_id, prediction_id, arm, luck, weight, queue_key, n_opinions,
    cohort_on, state, verdict, truth, drawn_at)
SELECT feature_id, version_id, id, 'probability', u, 1, -ln(u), 1, current_date, 'open', '', '', now()
FROM (SELECT *, (hashtext(external_id)::bigint + 2147483649) / 4294967298.0::float8 AS u
    FROM feedback_prediction) drawn;
INSERT INTO reviews_assignment (feature_id, item_id, lane, ordinal, skill, state, lease_token, last_token,
    active_seconds, is_blind, own_answer, void_reason, queue_key)
SELECT feature_id, id, 'opinion', 1, '', 'open', '', '', 0, FALSE, '', '', queue_key FROM reviews_reviewitem;
"""
BLOCK = """
INSERT INTO reviews_exclusion (item_id, reviewer_id, reason, created_at)
SELECT head.item_id, u.id, 'not theirs', now() FROM feedback_user u, (
    SELECT item_id FROM reviews_assignment WHERE state = 'open' ORDER BY queue_key LIMIT %(n)s) head
ON CONFLICT DO NOTHING;
UPDATE reviews_claimwalk SET queue_key = 0;
"""


def prepared(place):
    assert place.run("manage.py", "migrate", "--verbosity", "0").returncode == 0
    code = (
        "import django; django.setup()\n"
        "from django.utils import timezone\n"
        "from feedback.actions.features import create_feature, create_version\n"
        "from feedback.models import User\n"
        "from reviews.actions.desk import set_policy\n"
        "now = timezone.now()\n"
        "feature = create_feature(slug='claims', name='Claims', now=now)\n"
        "create_version(feature=feature, name='1', labels=['late', 'on_time'], now=now)\n"
        "set_policy(feature=feature, user=None, now=now, design='all')\n"
        f"for n in range({REVIEWERS}): User.objects.create_user(f'r{{n}}@example.org')\n"
    )
    said = place.run("-c", code, DJANGO_SETTINGS_MODULE="config.settings")
    assert said.returncode == 0, said.stderr
    execute(place, FILL, OPEN)
    execute(place, "ANALYZE")


def execute(place, sql, n=0):
    with psycopg.connect(place.environment["DATABASE_URL"], autocommit=True) as database:
        for statement in filter(str.strip, sql.split(";")):
            database.execute(statement, {"n": n} if "%(n)s" in statement else None)


def seconds_of(place, what):
    """Every timed statement's seconds, of all reviewers at once."""
    share = REVIEWERS // PROCESSES
    command = [sys.executable, "-m", "tests.benchmarks.claim_reviewers", what]
    environment = {**place.environment, "DJANGO_SETTINGS_MODULE": "config.settings"}
    started = [
        subprocess.Popen(
            [*command, *map(str, (first, share, SECONDS, OPEN))], cwd=ROOT, env=environment, stdout=subprocess.PIPE
        )
        for first in range(0, share * PROCESSES, share)
    ]
    times = [each for process in started for each in json.loads(process.communicate(timeout=600)[0])]
    assert all(process.returncode == 0 for process in started)
    return times


def measure(place):
    """What -> the mean seconds of a statement in each repetition, and the median of the last."""
    found = {}

    def note(name, what):
        times = seconds_of(place, what)
        found.setdefault(name, []).append((statistics.fmean(times), statistics.median(times)))

    for _ in range(REPEAT):
        note("update", "update")
        note("claim", "claim")
    for n in BLOCKED:
        execute(place, BLOCK, n)
        execute(place, "ANALYZE reviews_exclusion")
        for _ in range(REPEAT):
            note("update", "update")
            note(f"claim, {n:,} at the head not theirs", "claim")
    return found


def main():
    os.environ.setdefault("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
    with tempfile.TemporaryDirectory() as folder, installed(Path(folder)) as place:
        prepared(place)
        found = measure(place)
    floor = [mean for mean, _ in found["update"]]
    rows = []
    for name, measured in found.items():
        mean, middle = median([each for each, _ in measured]), median([each for _, each in measured])
        goal = {"update": "-", "claim": "0.6"}.get(name, "0.3")
        rows.append(
            [name, f"{REVIEWERS / mean:,.0f}/s", f"{middle * 1000:.2f} ms", f"{median(floor) / mean:.2f}", goal]
        )
    title = f"Claims: {OPEN:,} open, {REVIEWERS} reviewers at once"
    note = "\n\nNo verdict: the floor moved by over 30 % within the run." if has_drifted(floor) else ""
    head = ["statement", "done, were it all they did", "median", "of the UPDATE", "goal"]
    publish("claim", title, table(head, rows) + note)


if __name__ == "__main__":
    main()
