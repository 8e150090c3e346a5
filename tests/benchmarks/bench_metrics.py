"""Summing up a million predictions with truth on PostgreSQL: against plain numpy, and what a change costs.

Needs PostgreSQL (DATABASE_URL, or the one on the standard port); a database of its own. BENCH_ROWS: predictions
(ten million for the memory of P7); BENCH_PEER: the Python of an environment with nannyml and statsmodels.
"""

import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg

from tests.benchmarks.bench_scores import own_database
from tests.benchmarks.metrics_floor import card, floor
from tests.benchmarks.report import has_drifted, median, publish, table

ROWS = int(os.environ.get("BENCH_ROWS", "1_000_000"))
FEW = min(100_000, ROWS // 2)
LATE = min(100_000, ROWS // 4)
REPEAT = 3
START = datetime(2026, 1, 1, tzinfo=UTC)
GAP = timedelta(seconds=2.592)  # a million predictions in 30 days
FIELDS = ("carrier", "origin", "dest", "km", "hour", "wind", "rain")
PREDICTIONS = """
INSERT INTO feedback_prediction (feature_id, version_id, external_id, occurred_at, received_at, label, score,
    inputs, segments, actor, account, latency_ms, cpu_ms, rss_mb, fingerprint)
SELECT %(feature)s, %(version)s, 'p' || i, %(start)s::timestamptz + i * %(gap)s::interval,
    coalesce(%(received)s::timestamptz, clock_timestamp()), CASE WHEN a < 0.3 THEN 'late' ELSE 'on_time' END,
    0.5 + b * b / 2,
    jsonb_build_object('carrier', 'C' || (c * 16)::int, 'origin', o, 'dest', 'D' || (d * 90)::int,
        'km', (e * 5000)::int, 'hour', round((g * 24)::numeric, 2), 'wind', round((h * 40)::numeric, 1),
        'rain', CASE WHEN k < 0.02 THEN NULL ELSE round((k * 10)::numeric, 1) END),
    jsonb_build_object('origin', o), 'u' || (l * 5000)::int, '', exp(3 + l), exp(2 + h), 100 + k * 10, i
FROM (SELECT i, random() a, random() b, random() c, random() d, random() e, random() g, random() h, random() k,
    random() l, (ARRAY['EWR', 'JFK', 'LGA'])[1 + floor(random() * 3)::int] o
    FROM generate_series(%(first)s, %(last)s) i) x
"""
OUTCOMES = """
INSERT INTO feedback_outcome (feature_id, external_id, truth_label, observed_at, received_at, fingerprint)
SELECT feature_id, external_id,
    CASE WHEN random() < score THEN label WHEN label = 'late' THEN 'on_time' ELSE 'late' END,
    occurred_at + random() * interval '20 hours', coalesce(%(received)s::timestamptz, clock_timestamp()),
    fingerprint
FROM feedback_prediction WHERE fingerprint BETWEEN %(first)s AND %(last)s
"""


class Log:
    """The predictions of one version, made in the database itself and added to as time goes on."""

    def __init__(self, url, feature, version):
        self.url, self.ids, self.n = url, {"feature": feature, "version": version}, 0

    def grow(self, n, *, without_truth=0, received=None):
        """n more predictions, the last of them without truth so far; received just now unless told otherwise."""
        first, self.n = self.n + 1, self.n + n
        self._run(PREDICTIONS, first=first, last=self.n, start=START, gap=GAP, received=received)
        self.tell(first, self.n - without_truth, received=received)

    def tell(self, first, last, *, received=None):
        self._run(OUTCOMES, first=first, last=last, received=received)

    def _run(self, sql, **values):
        with psycopg.connect(self.url, autocommit=True) as server:
            server.execute(sql, {**self.ids, **values})
            server.execute("ANALYZE feedback_prediction, feedback_outcome")


def prepared(url):
    """An empty installation with one feature and version."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0, run_syncdb=True)
    from feedback.actions.features import create_feature
    from feedback.models import ModelVersion

    feature = create_feature(
        slug="bench", name="Bench", now=START, input_fields=[{"name": name} for name in FIELDS]
    )
    version = ModelVersion.objects.create(
        feature=feature, name="v1", labels=["on_time", "late"], positive_label="late", created_at=START
    )
    connection.close()
    return Log(url, feature.pk, version.pk)


class Spent:
    """CPU and wall seconds inside some functions."""

    def __init__(self, module, *names):
        self.cpu_s = self.wall_s = 0.0
        for name in names:
            setattr(module, name, self._timed(getattr(module, name)))

    def _timed(self, function):
        def run(*args, **kwargs):
            cpu, wall = time.process_time(), time.monotonic()
            try:
                return function(*args, **kwargs)
            finally:
                self.cpu_s += time.process_time() - cpu
                self.wall_s += time.monotonic() - wall

        return run


def sum_up():
    """As a worker does it: everything received since the last look. Seconds, those of loading apart."""
    from django.db import transaction

    from metrics.actions import summing

    loading = Spent(summing, "load", "stretches")
    now, n_hours = datetime.now(UTC), 0
    cpu, wall = time.process_time(), time.monotonic()
    hours, remember = summing.changed_hours(now=now)
    for version, start, end in summing.runs(hours):
        write = summing.prepare_summaries(version_id=version, start=start, end=end, now=now)
        with transaction.atomic():
            n_hours += write()
    remember()
    return {
        "wall_s": time.monotonic() - wall,
        "cpu_s": time.process_time() - cpu - loading.cpu_s,
        "load_s": loading.wall_s,
        "load_cpu_s": loading.cpu_s,
        "hours": n_hours,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def make_reference():
    """As the job does it; of three days, so that it holds for all that is measured."""
    from feedback.models import ModelVersion
    from metrics.actions import references

    references.FEWEST_DAYS = 3
    return {"hours": references.prepare_reference(version=ModelVersion.objects.get(), now=datetime.now(UTC))()}


def forget():
    """Everything that was summed up, so that the next time is a full pass."""
    from feedback.models import Look
    from metrics.models import DaySummary, HourlySummary

    for model in (Look, DaySummary, HourlySummary):
        model.objects.all().delete()
    return {}


def compare():
    """Seconds of the floor, of scikit-learn, and how far the card of the counts is from scikit-learn's."""
    from feedback.models import ModelVersion, Prediction
    from metrics.actions.loading import load
    from metrics.models import FieldReference
    from metrics.stats.counts import total
    from metrics.summaries import counts_by_day

    version = ModelVersion.objects.get()
    end = START + GAP * (Prediction.objects.count() + 1)
    rows = load(version, START, end, fields=FIELDS)
    arrays, references = decoded(rows), FieldReference.objects.get().fields
    took = []
    for _ in range(REPEAT):
        begun = time.process_time()
        floor(arrays, references)
        took.append(time.process_time() - begun)
    begun = time.monotonic()
    theirs = sklearn_card(rows)
    sklearn_s, begun = time.monotonic() - begun, time.monotonic()
    ours = card(total(counts_by_day(version.feature).values()).joint)
    return {
        "floor_s": took,
        "sklearn_s": sklearn_s,
        "card_s": time.monotonic() - begun,
        "differences": {name: abs(ours[name] - theirs[name]) for name in theirs},
        "peer": peer(rows),
    }


def peer(rows):
    """NannyML on the same rows, where BENCH_PEER names an environment that has it."""
    if "BENCH_PEER" not in os.environ:
        return None
    is_late = np.array(rows.label) == "late"
    columns = [
        rows.at, is_late.astype(int), (np.array([each or "" for each in rows.truth]) == "late").astype(int),
        np.where(is_late, rows.score, 1 - rows.score), *(rows.inputs[name] for name in FIELDS),
    ]  # fmt: skip
    with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["at", "label", "truth", "chance", *FIELDS])
        writer.writerows(zip(*columns, strict=True))
        file.flush()
        command = [os.environ["BENCH_PEER"], "tests/benchmarks/metrics_peer.py", file.name]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(ended.stdout.splitlines()[-1])


def peer_row(told):
    if told is None:
        return ["NannyML on the same rows, CPU", "not run: BENCH_PEER names no environment", "-", "-"]
    return [
        f"NannyML {told['version']}: figures, missing values and drift of each day, rows in memory, CPU",
        f"{told['cpu_s']:.1f} s, {told['rss_mb']:.0f} MB", "-", "-",
    ]  # fmt: skip


def decoded(rows):
    """The same as plain arrays: floats, and texts of fixed width."""
    fields = {
        name: np.array(values, dtype=np.float64 if isinstance(values[0], int | float) else np.str_)
        for name, values in rows.inputs.items()
    }
    return {
        "at": rows.at, "label": np.array(rows.label), "truth": np.array([each or "" for each in rows.truth]),
        "score": rows.score, "actor": rows.has_actor, "segment": np.array(rows.segments["origin"]),
        "fields": fields, "measures": {**rows.measures, "lag": rows.lag_hours},
    }  # fmt: skip


def sklearn_card(rows):
    from sklearn import metrics

    known = np.array([truth is not None for truth in rows.truth])
    label, truth = np.array(rows.label)[known], np.array([each or "" for each in rows.truth])[known]
    score = rows.score[known]
    is_late, chance = truth == "late", np.where(label == "late", score, 1 - score)
    return {
        "accuracy": metrics.accuracy_score(truth, label),
        "precision": metrics.precision_score(truth, label, pos_label="late"),
        "recall": metrics.recall_score(truth, label, pos_label="late"),
        "auc": metrics.roc_auc_score(is_late, chance),
        "brier": metrics.brier_score_loss(is_late, chance),
        "log_loss": metrics.log_loss(is_late, chance),
    }


STEPS = {"sum_up": sum_up, "make_reference": make_reference, "forget": forget, "compare": compare}


def in_worker(step):
    """One step in a process of its own, as a worker would be."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_metrics", step]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def refreshes(log):
    """Seconds to sum a thousand new predictions with truth, again and again."""
    took = []
    for _ in range(REPEAT):
        log.grow(1_000)
        took.append(in_worker("sum_up")["wall_s"])
    return took


def measured():
    with own_database() as url:
        os.environ["DATABASE_URL"] = url
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        log, found = prepared(url), {}
        log.grow(FEW, received=START)
        in_worker("sum_up")
        in_worker("make_reference")
        found["small"] = refreshes(log)
        in_worker("forget")
        log.grow(ROWS - log.n, without_truth=LATE, received=START)
        found["full"] = in_worker("sum_up")
        found["large"] = refreshes(log)
        log.grow(ROWS // 100)
        found["percent"] = in_worker("sum_up")
        log.tell(ROWS - LATE + 1, ROWS)
        found["late"] = in_worker("sum_up")
        return {**found, "n": log.n, **in_worker("compare")}


def share(part, whole):
    return f"{part / whole:.2f}"


def main():
    found = measured()
    full, floor_s = found["full"], median(found["floor_s"])
    ratio = full["cpu_s"] / floor_s * (found["n"] / ROWS)
    small, large = median(found["small"]), median(found["large"])
    worst = max(found["differences"], key=found["differences"].get)
    doubt = ", the floor moved too much for a verdict" if has_drifted(found["floor_s"]) else ""
    rows = [
        ["the same counts by numpy, from arrays (floor), CPU", f"{floor_s:.2f} s", "1", "-"],
        [
            f"{ROWS:,} predictions with truth counted and written, CPU",
            f"{full['cpu_s']:.2f} s",
            f"{ratio:.1f}{doubt}",
            "4",
        ],
        ["loading them from PostgreSQL as columns, CPU", f"{full['load_cpu_s']:.1f} s", "-", "-"],
        ["all of it, wall", f"{full['wall_s']:.1f} s", "-", "-"],
        ["the worker's memory at its most", f"{full['rss_mb']:.0f} MB", "-", "700 MB"],
    ]
    percent = found["percent"]["wall_s"]
    rows += [
        [f"1 % more ({ROWS // 100:,})", f"{percent:.2f} s", f"{share(percent, full['wall_s'])} of all", ".03"],
        [f"{LATE:,} late truths", f"{found['late']['wall_s']:.1f} s", "-", "10 s"],
        [f"1,000 more after {FEW:,}", f"{small * 1000:.0f} ms", "1", "-"],
        [f"1,000 more after {ROWS:,}", f"{large * 1000:.0f} ms", share(large, small), "1.5"],
        ["six figures from the day sums", f"{found['card_s'] * 1000:.0f} ms", "-", "-"],
        ["the same by scikit-learn, from arrays", f"{found['sklearn_s']:.1f} s", "-", "-"],
        [f"largest difference between these two ({worst})", f"{found['differences'][worst]:.1e}", "-", "1e-3"],
    ]
    rows.append(peer_row(found["peer"]))
    publish("metrics", "Metrics", table(["what", "measured", "ratio", "at most"], rows))


if __name__ == "__main__":
    if sys.argv[1:]:
        import django

        django.setup()
        print(json.dumps(STEPS[sys.argv[1]]()))  # read by the parent
    else:
        main()
