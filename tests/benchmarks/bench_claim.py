"""Claims on PostgreSQL against a bare UPDATE by key, and the desk over HTTP: many open cases, many reviewers.

Needs PostgreSQL (DATABASE_URL, or the one on the standard port). Sizes by environment: BENCH_OPEN (1,000,000),
BENCH_REVIEWERS (32), BENCH_SECONDS of each measurement of claims (8), BENCH_PAIRS of each reviewer at the desk
(30), BENCH_REPEAT of each (3), BENCH_BLOCKED at the head (5000,50000).
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from tests.benchmarks.bench_ingest import web
from tests.benchmarks.report import has_drifted, median, publish, table
from tests.faults.installation import ROOT, installed

OPEN = int(os.environ.get("BENCH_OPEN", "1000000"))
REVIEWERS = int(os.environ.get("BENCH_REVIEWERS", "32"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
PAIRS = int(os.environ.get("BENCH_PAIRS", "30"))
BLOCKED = [int(n) for n in os.environ.get("BENCH_BLOCKED", "5000,50000").split(",")]
REPEAT = int(os.environ.get("BENCH_REPEAT", "3"))
FEW = 1_000
PROCESSES = 4
LABEL_STUDIO = 6.9  # pairs of next and submit a second, 100,000 tasks, 32 clients; measured elsewhere, once
WAIT = 600
PEOPLE = """
import json, django; django.setup()
from django.test import Client
from django.utils import timezone
from feedback.actions.features import create_feature, create_version
from feedback.models import Membership, User
from reviews.actions.desk import set_policy
now = timezone.now()
feature = create_feature(slug='claims', name='Claims', now=now)
create_version(feature=feature, name='1', labels=['late', 'on_time'], now=now)
set_policy(feature=feature, user=None, now=now, design='all')
sessions = []
for n in range({n}):
    user = User.objects.create_user(f'r{{n}}@example.org')
    Membership.objects.create(user=user, feature=feature, role='reviewer')
    client = Client()
    client.force_login(user, backend='django.contrib.auth.backends.ModelBackend')
    sessions.append(client.cookies['sessionid'].value)
print(json.dumps({{'sessions': sessions, 'feature': feature.slug}}))
"""
FILL = """
SET session_replication_role = replica;
INSERT INTO feedback_prediction (feature_id, version_id, external_id, occurred_at, received_at, label, score,
    inputs, actor, account, fingerprint)
SELECT f.id, v.id, 'p' || n, now(), now(), 'late', 0.8,
    '{"flight": "LH 441", "from": "Houston", "to": "Frankfurt", "note": "Crew changed, slot kept."}', '', '', n
FROM feedback_feature f, feedback_modelversion v, generate_series(%(have)s + 1, %(have)s + %(n)s) n;
INSERT INTO reviews_reviewitem (feature_id, version_id, prediction_id, arm, luck, weight, queue_key, n_opinions,
    cohort_on, state, verdict, truth, drawn_at)
SELECT feature_id, version_id, id, 'probability', u, 1, -ln(u), 1, current_date, 'open', '', '', now()
FROM (SELECT *, (hashtext(external_id)::bigint + 2147483649) / 4294967298.0::float8 AS u
    FROM feedback_prediction WHERE fingerprint > %(have)s) drawn;
INSERT INTO reviews_assignment (feature_id, item_id, lane, ordinal, skill, state, lease_token, last_token,
    active_seconds, is_blind, own_answer, void_reason, queue_key)
SELECT feature_id, id, 'opinion', 1, '', 'open', '', '', 0, FALSE, '', '', queue_key FROM reviews_reviewitem i
WHERE NOT EXISTS (SELECT 1 FROM reviews_assignment a WHERE a.item_id = i.id);
UPDATE reviews_claimwalk SET queue_key = 0, n_rewinds = n_rewinds + 1;
VACUUM ANALYZE
"""
BLOCK = """
SET session_replication_role = replica;
INSERT INTO reviews_exclusion (item_id, reviewer_id, reason, created_at)
SELECT head.item_id, u.id, 'not theirs', now() FROM feedback_user u, (
    SELECT item_id FROM reviews_assignment WHERE state = 'open' ORDER BY queue_key LIMIT %(n)s) head
ON CONFLICT DO NOTHING;
UPDATE reviews_claimwalk SET queue_key = 0, n_rewinds = n_rewinds + 1;
VACUUM ANALYZE reviews_exclusion
"""


def prepared(place):
    """The tables, one feature, its reviewers; what desk_clients reads of them."""
    assert place.run("manage.py", "migrate", "--verbosity", "0").returncode == 0
    said = place.run("-c", PEOPLE.format(n=REVIEWERS), DJANGO_SETTINGS_MODULE="config.settings")
    assert said.returncode == 0, said.stderr
    return said.stdout


def execute(place, sql, **values):
    with psycopg.connect(place.environment["DATABASE_URL"], autocommit=True) as database:
        for statement in filter(str.strip, sql.split(";")):
            named = {name: value for name, value in values.items() if f"%({name})s" in statement}
            database.execute(statement, named or None)


def fill(place, n):
    """As many open cases as that, whatever was judged before."""
    ((have, is_open),) = place.query(
        "SELECT count(*), count(*) FILTER (WHERE state = 'open') FROM reviews_assignment"
    )
    if n > is_open:
        execute(place, FILL, have=have, n=n - is_open)


# --- claims: the statement alone


def turns(place):
    """Seconds of every UPDATE and every claim of all reviewers, who do both turn about."""
    share = REVIEWERS // PROCESSES
    ((rows,),) = place.query("SELECT max(id) FROM reviews_assignment")
    command = [sys.executable, "-m", "tests.benchmarks.claim_reviewers"]
    environment = {**place.environment, "DJANGO_SETTINGS_MODULE": "config.settings"}
    started = [
        subprocess.Popen(
            [*command, *map(str, (first, share, SECONDS, rows))], cwd=ROOT, env=environment, stdout=subprocess.PIPE
        )
        for first in range(0, share * PROCESSES, share)
    ]
    said = [process.communicate(timeout=WAIT)[0] for process in started]
    assert all(process.returncode == 0 for process in started)
    times = [json.loads(each) for each in said]
    return {name: [each for one in times for each in one[name]] for name in times[0]}


def claims(place):
    """[(what stands at the head, goal, turns of each repetition)]"""
    found = [("claim", 0.6, [turns(place) for _ in range(REPEAT)])]
    for n in BLOCKED:
        execute(place, BLOCK, n=n)
        found.append((f"claim, {n:,} at the head not theirs", 0.3, [turns(place) for _ in range(REPEAT)]))
    return found


def claim_rows(found):
    """The table's lines, and the floor's means in each repetition."""
    floor = [statistics.fmean(times["update"]) for _, _, runs in found for times in runs]
    middle = median([statistics.median(times["update"]) for _, _, runs in found for times in runs])
    rows = [["UPDATE by key (floor)", f"{1000 * median(floor):.2f} ms", f"{1000 * middle:.2f} ms", "1", "-"]]
    for name, goal, runs in found:
        mean = median([statistics.fmean(times["claim"]) for times in runs])
        middle = median([statistics.median(times["claim"]) for times in runs])
        ratio = median([statistics.fmean(times["update"]) / statistics.fmean(times["claim"]) for times in runs])
        rows.append([name, f"{1000 * mean:.2f} ms", f"{1000 * middle:.2f} ms", f"{ratio:.2f} of the floor", goal])
        if goal < 0.6:
            first = 1000 * statistics.median(runs[0]["first"])
            rows.append(
                ["- the first claim, which walks past them", f"{first:.0f} ms", "-", "once a reviewer", "-"]
            )
    return rows, floor


# --- the desk: submit and next in one request, page rendered


def desk(place, served, people, n):
    """Pairs a second, p50 and p95 of the server's milliseconds, at n open cases: each the median of the runs."""
    runs = []
    for _ in range(REPEAT):
        fill(place, n + PAIRS * REVIEWERS)
        before = len(place.said())
        command = [sys.executable, "-m", "tests.benchmarks.desk_clients", str(served.port), str(PAIRS)]
        done = subprocess.run(
            command, cwd=ROOT, input=people, capture_output=True, text=True, timeout=WAIT, check=True
        )
        logged = [json.loads(line) for line in place.said()[before:].splitlines() if "/submit/" in line]
        served_ms = [each["duration_ms"] for each in logged]
        assert len(served_ms) == PAIRS * REVIEWERS, (len(served_ms), place.said()[-2000:])
        p50, p95 = statistics.median(served_ms), statistics.quantiles(served_ms, n=20)[-1]
        runs.append((len(served_ms) / json.loads(done.stdout)["took"], p50, p95))
    return tuple(median([run[i] for run in runs]) for i in range(3))


def desk_rows(few, many):
    goal = 20 * LABEL_STUDIO
    rows = [
        [f"{n:,} open", f"{pairs:,.0f}/s", f"{p50:.0f} ms", f"{p95:.0f} ms"]
        for n, (pairs, p50, p95) in ((FEW, few), (OPEN, many))
    ]
    return [
        *rows,
        ["Label Studio, 100,000 tasks: measured elsewhere", f"{LABEL_STUDIO}/s", "1,900 ms (next alone)", "-"],
        ["ratios", f"{many[0] / LABEL_STUDIO:.1f} times Label Studio", f"{many[1] / few[1]:.2f} of few", "-"],
        ["goals", f"20 times ({goal:.0f}/s)", "1.3 at most", "under 100 ms"],
    ]


def main():
    os.environ.setdefault("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
    with tempfile.TemporaryDirectory() as folder, installed(Path(folder)) as place:
        people = prepared(place)
        with web(place, level="INFO") as served:
            few = desk(place, served, people, FEW)
            many = desk(place, served, people, OPEN)
        rows, floor = claim_rows(claims(place))
    note = "\n\nNo verdict: the floor moved by over 30 % within the run." if has_drifted(floor) else ""
    head = ["statement", "mean", "median", "ratio", "goal"]
    desk_head = ["submit and next, page rendered, over HTTP", "pairs", "server's p50", "server's p95"]
    text = f"{table(head, rows)}{note}\n\n{table(desk_head, desk_rows(few, many))}"
    publish("claim", f"The desk: {OPEN:,} open cases, {REVIEWERS} reviewers at once", text)


if __name__ == "__main__":
    main()
