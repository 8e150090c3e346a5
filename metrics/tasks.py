"""Handlers of the recurring jobs: each prepares outside a transaction and answers with what to write."""

from collections.abc import Callable
from datetime import date, datetime

from feedback.actions.jobs import enter_job
from feedback.jobs import register
from feedback.models import Feature, Job, ModelVersion
from metrics.actions import (
    alerting,
    checking,
    concluding,
    drifting,
    pairing,
    references,
    retaining,
    scoring,
    scoring_due,
    summing,
    usage_summary,
    using,
    watching,
)


@register("sum_up", every=30, queue="sum")
def sum_up(key: str, now: datetime) -> Callable[[], str | None] | None:
    hours, remember = summing.changed_hours(now=now)

    def enter() -> str | None:
        n = summing.enter_runs(hours, now=now)
        remember()
        return f"{n} runs of hours to sum" if n else None

    return enter


@register("sum_hours", queue="sum")
def sum_hours(key: str, now: datetime) -> Callable[[], str | None] | None:
    version, start, end, _ = key.split(" ")
    write = summing.prepare_summaries(
        version_id=int(version), start=datetime.fromisoformat(start), end=datetime.fromisoformat(end), now=now
    )
    return lambda: f"summed {write()} hours"


@register("fix_references", every=300, queue="sum")
def fix_references(key: str, now: datetime) -> Callable[[], str | None] | None:
    waiting = set(Job.objects.unfinished().filter(kind="fix_reference").values_list("key", flat=True))
    due = [str(pk) for pk in references.due_references(now=now) if str(pk) not in waiting]

    def enter() -> str | None:
        for pk in due:
            enter_job("fix_reference", pk, run_after=now, now=now)
        return f"{len(due)} references to make" if due else None

    return enter


@register("fix_reference", queue="sum")
def fix_reference(key: str, now: datetime) -> Callable[[], str | None] | None:
    version = ModelVersion.objects.select_related("feature").get(pk=int(key))
    write = references.prepare_reference(version=version, now=now)
    return (lambda: f"{write()} hours to sum again by the reference") if write else None


@register("conclude", every=60, queue="conclude")
def conclude(key: str, now: datetime) -> Callable[[], str | None] | None:
    waiting = Job.objects.unfinished().filter(kind="conclude_feature").values_list("key", flat=True)
    due = {str(pk) for pk in concluding.due_features(now=now)} - set(waiting)

    def enter() -> str | None:
        for pk in sorted(due, key=int):
            enter_job("conclude_feature", pk, run_after=now, now=now)
        return f"{len(due)} features to conclude" if due else None

    return enter


@register("conclude_feature", queue="conclude")
def conclude_feature(key: str, now: datetime) -> Callable[[], str | None] | None:
    """A job for each feature: one that cannot be concluded stops no other."""
    write = concluding.prepare_conclusion(feature=Feature.objects.get(pk=int(key)), now=now)
    return lambda: f"{write()} sets of estimates" if write else None


@register("check_expectations", every=60, queue="conclude")
def check_expectations(key: str, now: datetime) -> Callable[[], str | None] | None:
    """A job for each feature: one that cannot be checked stops no other."""
    waiting = set(Job.objects.unfinished().filter(kind="check_feature").values_list("key", flat=True))
    due = [each for pk in checking.due_features(now=now) if (each := str(pk)) not in waiting]

    def enter() -> str | None:
        for pk in due:
            enter_job("check_feature", pk, run_after=now, now=now)
        return f"{len(due)} features to check" if due else None

    return enter


@register("check_feature", queue="conclude")
def check_feature(key: str, now: datetime) -> Callable[[], str | None] | None:
    write = checking.prepare_checks(feature=Feature.objects.get(pk=int(key)), now=now)
    return (lambda: f"{n} expectations changed" if (n := write()) else None) if write else None


@register("watch", every=60, queue="conclude")
def watch(key: str, now: datetime) -> Callable[[], str | None] | None:
    """A job for each feature: one whose rates cannot be told stops no other."""
    waiting = set(Job.objects.unfinished().filter(kind="set_rates").values_list("key", flat=True))
    due = [each for pk in watching.due_features(now=now) if (each := str(pk)) not in waiting]

    def enter() -> str | None:
        for pk in due:
            enter_job("set_rates", pk, run_after=now, now=now)
        return f"{len(due)} features to set rates of" if due else None

    return enter


@register("set_rates", queue="conclude")
def set_rates(key: str, now: datetime) -> Callable[[], str | None] | None:
    write = watching.prepare_watch(feature=Feature.objects.get(pk=int(key)), now=now)
    return (lambda: f"{n} rates of review set" if (n := write()) else None) if write else None


@register("score", every=60, queue="conclude")
def score(key: str, now: datetime) -> Callable[[], str | None] | None:
    """Each minute a look: scored is hourly, each week once, and at once after the first usage (due_scores)."""
    waiting = set(Job.objects.unfinished().filter(kind="score_feature").values_list("key", flat=True))
    due = [each for each in scoring_due.due_scores(now=now) if each not in waiting]

    def enter() -> str | None:
        for each in due:
            enter_job("score_feature", each, run_after=now, now=now)
        return f"{len(due)} scores to take" if due else None

    return enter


@register("score_feature", queue="conclude")
def score_feature(key: str, now: datetime) -> Callable[[], str | None] | None:
    pk, monday, *_ = [*key.split(" "), ""]  # PK, PK MONDAY, or PK, two spaces and why
    end_on = date.fromisoformat(monday) if monday else None
    feature = Feature.objects.get(pk=int(pk))
    write = scoring.prepare_scores(feature=feature, now=now, end_on=end_on)

    def store() -> str:
        n = write()
        if end_on:  # the gate of the day is read from the weeks: another one, and the day is scored again
            enter_job("score_feature", f"{pk}  after its weeks", run_after=now, now=now)
        return f"{n} scores taken"

    return store


@register("purge", every=86_400)
def purge(key: str, now: datetime) -> Callable[[], str | None] | None:
    # Not in the job's transaction: it removes in batches, so that nobody waits for a lock.
    features = Feature.objects.filter(retention_days__isnull=False)
    n = sum(retaining.purge(feature=feature, now=now) for feature in features)
    return lambda: f"{n} raw rows removed" if n else None


@register("sum_usage", every=60, queue="sum")
def sum_usage(key: str, now: datetime) -> Callable[[], str | None] | None:
    waiting = set(Job.objects.unfinished().values_list("kind", "key"))
    due = [("sum_usage_feature", str(pk)) for pk in using.features_with_news(now=now)]
    due += [("summarise_usage", str(pk)) for pk in usage_summary.due_summaries(now=now)]
    fresh = [job for job in due if job not in waiting]

    def enter() -> str | None:
        for kind, pk in fresh:
            enter_job(kind, pk, run_after=now, now=now)
        return f"{len(fresh)} usages to sum" if fresh else None

    return enter


@register("sum_usage_feature", queue="sum")
def sum_usage_feature(key: str, now: datetime) -> Callable[[], str | None] | None:
    write = using.prepare_usage(feature=Feature.objects.get(pk=int(key)), now=now)

    def replace() -> str | None:
        n = write()
        if usage_summary.due_summaries(now=now, only=int(key)):
            enter_job("summarise_usage", key, run_after=now, now=now)
        return f"usage of {n} people summed" if n else None

    return replace


@register("summarise_usage", queue="conclude")
def summarise_usage(key: str, now: datetime) -> Callable[[], str | None] | None:
    write = usage_summary.prepare_summary(feature=Feature.objects.get(pk=int(key)), now=now)

    def store() -> str | None:
        write()
        return "figures of usage made"

    return store


@register("pair", every=600, queue="conclude")
def pair(key: str, now: datetime) -> Callable[[], str | None] | None:
    """Not each minute: a day that two versions answer is read whole, as often as something of it is summed up."""
    waiting = set(Job.objects.unfinished().filter(kind="pair_feature").values_list("key", flat=True))
    due = [key for pk in pairing.features_with_news() if (key := str(pk)) not in waiting]

    def enter() -> str | None:
        for key in due:
            enter_job("pair_feature", key, run_after=now, now=now)
        return f"{len(due)} features to pair" if due else None

    return enter


@register("pair_feature", queue="conclude")
def pair_feature(key: str, now: datetime) -> Callable[[], str | None] | None:
    write = pairing.prepare_pairs(feature=Feature.objects.get(pk=int(key)))
    return lambda: f"{write()} days paired" if write else None


@register("watch_quality", every=60, queue="conclude")
def watch_quality(key: str, now: datetime) -> Callable[[], str | None] | None:
    waiting = set(Job.objects.unfinished().filter(kind="watch_feature").values_list("key", flat=True))
    due = [each for pk in alerting.due_features(now=now) if (each := str(pk)) not in waiting]

    def enter() -> str | None:
        for pk in due:
            enter_job("watch_feature", pk, run_after=now, now=now)
        return f"{len(due)} features to watch" if due else None

    return enter


@register("watch_feature", queue="conclude")
def watch_feature(key: str, now: datetime) -> Callable[[], str | None] | None:
    write = alerting.prepare_alerts(feature=Feature.objects.get(pk=int(key)), now=now)
    return (lambda: "{} alerts raised, {} cleared".format(*write())) if write else None


@register("look_for_drift", every=300, queue="conclude")
def look_for_drift(key: str, now: datetime) -> Callable[[], str | None] | None:
    """Not each minute: under traffic every look reads the weeks anew."""
    waiting = set(Job.objects.unfinished().filter(kind="look_for_drift_feature").values_list("key", flat=True))
    due = [each for pk in drifting.due_features(now=now) if (each := str(pk)) not in waiting]

    def enter() -> str | None:
        for pk in due:
            enter_job("look_for_drift_feature", pk, run_after=now, now=now)
        return f"{len(due)} features to look at for drift" if due else None

    return enter


@register("look_for_drift_feature", queue="conclude")
def look_for_drift_feature(key: str, now: datetime) -> Callable[[], str | None] | None:
    write = drifting.prepare_drift(feature=Feature.objects.get(pk=int(key)), now=now)
    return (lambda: f"{write()} readings of drift") if write else None
