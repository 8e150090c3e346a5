"""The figures of the usage page, made of summed days: once by the worker, then only read."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from time import perf_counter

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q

from feedback.models import Feature
from metrics.actions.relying import WEEK, mark_of, monday, prepare_weeks
from metrics.actions.using import FIRST_DAY, WINDOW, load_days, load_people
from metrics.agreements import agreement_of
from metrics.models import UsageSummary, UseWeek
from metrics.stats.habits import (
    INTERVAL,
    DayTable,
    People,
    Share,
    came_back,
    clustered_share,
    intervals_of,
    life_cycle,
)
from metrics.stats.usage import PATIENCE, Bools, Floats
from metrics.usage_reports import (
    AcceptanceWeek,
    FunnelStep,
    LifeCycleStep,
    Quality,
    ReturnPoint,
    TrustShare,
    TrustWeek,
    UsageReport,
    UseFigure,
)

# After figures that took s seconds, a second or longer, the next ones wait 20 s: a twentieth of a worker at most.
REST, LONG_S = 20, 1
N_WEEKS = 13
N_INTERVALS = {1: 28, 7: 12, 28: 6}  # of the life-cycle strip
MOST_RETURNS = {1: 14, 7: 8, 28: 6}  # points of the retention curve
ANSWERS = ("n_accepted", "n_edited", "n_auto", "n_refused", "n_undone", "n_ignored")
ALSO = ("n_fallbacks", "n_escalated", "n_snoozed")


def due_summaries(*, now: datetime, only: int | None = None) -> list[int]:
    """The features whose figures are no longer those of the newest days, verdicts and truths, or of yesterday.

    only: the key of the one to look at.
    """
    today = now.astimezone(UTC).date()
    due = []
    summaries = UsageSummary.objects.select_related("feature").order_by("feature")
    for summary in summaries.filter(feature=only) if only is not None else summaries:
        rest = timedelta(seconds=REST * summary.took_s if summary.took_s >= LONG_S else 0)
        is_resting = summary.as_of is not None and now < summary.as_of + rest
        is_old = summary.as_of is None or summary.stale_at is not None or summary.window_to != today
        if not is_resting and (is_old or summary.mark != mark_of(summary.feature)):
            due.append(summary.feature_id)
    return due


def prepare_summary(*, feature: Feature, now: datetime) -> Callable[[], None]:
    """Make the figures of the usage page anew; the answer stores them. Two at once: the later one's stay.

    Days that were summed again while this one read leave it stale, so that the next run makes it again.
    """
    begun = perf_counter()
    was = UsageSummary.objects.filter(feature=feature).values_list("stale_at", flat=True).first()
    mark = mark_of(feature)
    weeks, write_weeks = prepare_weeks(feature=feature, now=now)
    report = usage_report(feature, weeks, now=now)
    figures = json.loads(json.dumps(asdict(report), cls=DjangoJSONEncoder))
    took_s = perf_counter() - begun

    def write() -> None:
        write_weeks()
        made = {
            "as_of": now, "window_from": report.from_on, "window_to": report.to_on, "figures": figures,
            "mark": mark, "took_s": took_s,
        }  # fmt: skip
        UsageSummary.objects.update_or_create(feature=feature, defaults=made)
        same = Q(stale_at=was) if was else Q(stale_at=None)
        UsageSummary.objects.filter(same, feature=feature).update(stale_at=None)

    return write


def usage_report(feature: Feature, weeks: Iterable[UseWeek], *, now: datetime) -> UsageReport:
    """Everything the usage page shows, of the 28 complete days before now and of the weeks before."""
    to_on = now.astimezone(UTC).date()
    from_on, interval = to_on - WINDOW, INTERVAL[feature.cadence]
    horizon = agreement_of(feature).horizon(feature.market_fit)
    people, numbers = load_people(feature, until=to_on)
    intervals_back = max(N_INTERVALS[interval] + 1, horizon + 1 + 28 // interval)
    n_back = max((N_WEEKS + 1) * 7, intervals_back * interval, (MOST_RETURNS[interval] + 1) * interval + 28)
    days = load_days(feature, numbers, from_on=to_on - timedelta(days=n_back), to_on=to_on + timedelta(days=1))
    end = (to_on - FIRST_DAY).days
    window = (end - WINDOW.days, end)
    inside, n = days.between(*window), people.n
    exposed, valued = inside.has("n_exposures", n), inside.has("n_values", n)
    denominator = people.is_eligible if people.has_roster else exposed
    using = denominator & valued
    complete = days.between(0, end)
    cohort, returned = came_back(people, complete, window=window, interval=interval, after=horizon)
    shown_in, valued_in = intervals_of(inside, window[0], interval, n)
    who = "whom it was shown to" if not people.has_roster else "who may use it"
    return UsageReport(
        feature=feature.slug,
        as_of=now,
        from_on=from_on,
        to_on=to_on,
        reason="",
        cadence=feature.cadence,
        horizon=horizon,
        has_roster=people.has_roster,
        n_people=int(denominator.sum()),
        n_people_using=int(using.sum()),
        n_opted_out=int(people.is_opted_out.sum()),
        reach=_figure(people, using, denominator, f"nobody is known {who}"),
        acceptance=_figure(
            people,
            inside.by_person("worth", n),
            inside.by_person("n_resolved", n),
            "no answer was shown and settled",
        ),
        retention=_figure(people, returned, cohort, _no_cohort(horizon, interval)),
        stickiness=_figure(people, valued_in, shown_in, "nothing was shown to anybody"),
        follow_through=_figure(
            people,
            inside.by_person("n_followed", n),
            inside.by_person("n_horizon_passed", n),
            f"no answer was taken {feature.follow_through_hours} hours ago or longer",
        ),
        people_funnel=_people_funnel(people, exposed, valued),
        answer_funnel=_answer_funnel(inside),
        answers={name.removeprefix("n_"): inside.total(name) for name in ANSWERS},
        also={name.removeprefix("n_"): inside.total(name) for name in ALSO},
        weeks=_acceptance_weeks(people, days, now),
        returns=_returns(people, complete, end, interval),
        life_cycle=_strip(people, complete, end, interval),
        trust=[_trust_week(week, now) for week in weeks if week.n_used or week.n_refused],
        quality=_quality(people, inside),
        simulated_note=feature.simulated_note,
    )


def _no_cohort(horizon: int, interval: int) -> str:
    span = {1: "day", 7: "week", 28: "four weeks"}[interval]
    return f"nobody began long enough ago for the {span} number {horizon} after it to have ended in the window"


def _figure(people: People, numerators: Bools | Floats, denominators: Bools | Floats, reason: str) -> UseFigure:
    clusters, _ = people.clusters()
    share = clustered_share(numerators.astype(float), denominators.astype(float), clusters)
    return _told(share, reason)


def _told(share: Share, reason: str) -> UseFigure:
    return UseFigure(**asdict(share), reason=reason if share.value is None else "")


def _steps(named: list[tuple[str, int]]) -> list[FunnelStep]:
    first = named[0][1]
    return [FunnelStep(name, n, n / first if first else None) for name, n in named]


def _people_funnel(people: People, exposed: Bools, valued: Bools) -> list[FunnelStep]:
    """Each step within the one before: without a roster it begins with those who saw something."""
    steps = [("may use it", people.is_eligible)] if people.has_roster else []
    seen = people.is_eligible & exposed if people.has_roster else exposed
    steps += [("saw an answer", seen), ("used one", seen & valued)]
    return _steps([(name, int(which.sum())) for name, which in steps])


def _answer_funnel(inside: DayTable) -> list[FunnelStep]:
    used = sum(inside.total(name) for name in ("n_accepted", "n_edited", "n_auto"))
    named = [("shown", inside.total("n_pairs")), ("settled", inside.total("n_resolved")), ("used", used)]
    return _steps(named)


def _acceptance_weeks(people: People, days: DayTable, now: datetime) -> list[AcceptanceWeek]:
    """Weeks with a resolved answer; not over until nobody's patience can end in them any more."""
    today = now.astimezone(UTC).date()
    clusters, _ = people.clusters()
    weeks = []
    for back in range(N_WEEKS - 1, -1, -1):
        week_on = monday(today) - back * WEEK
        first = (week_on - FIRST_DAY).days
        week = days.between(first, first + 7)
        worth, resolved = (week.by_person(name, people.n) for name in ("worth", "n_resolved"))
        share = clustered_share(worth, resolved, clusters)
        if share.value is not None:
            is_partial = today < week_on + WEEK + PATIENCE
            weeks.append(
                AcceptanceWeek(
                    week_on,
                    share.value,
                    share.low,
                    share.high,
                    int(share.denominator),
                    share.n_accounts,
                    is_partial,
                )
            )
    return weeks


def _returns(people: People, days: DayTable, end: int, interval: int) -> list[ReturnPoint]:
    """Everybody whose interval number k after the first value is over, and began inside the days that are read."""
    clusters, _ = people.clusters()
    points = []
    for after in range(1, MOST_RETURNS[interval] + 1):
        first = end - MOST_RETURNS[interval] * interval - 28
        cohort, returned = came_back(
            people, days, window=(first + (after + 1) * interval, end), interval=interval, after=after
        )
        share = clustered_share(returned.astype(float), cohort.astype(float), clusters)
        if share.value is not None:
            points.append(ReturnPoint(after, _told(share, "")))
    return points


def _strip(people: People, days: DayTable, end: int, interval: int) -> list[LifeCycleStep]:
    strip = life_cycle(people, days, end=end, interval=interval, n_intervals=N_INTERVALS[interval])
    steps = [
        LifeCycleStep(
            FIRST_DAY + timedelta(days=each.first), interval, each.new, each.returning, each.resurrected, each.gone
        )
        for each in strip
    ]
    lived = [at for at, step in enumerate(steps) if step.new or step.returning or step.resurrected or step.gone]
    return steps[lived[0] :] if lived else []


def _trust_week(week: UseWeek, now: datetime) -> TrustWeek:
    is_partial = now.astimezone(UTC).date() < week.week_on + WEEK + PATIENCE
    judged = "came true" if week.source == UseWeek.Source.OBSERVED else "was judged"
    shares = [
        _trust_share(getattr(week, name), getattr(week, f"{name}_low"), getattr(week, f"{name}_high"), n_pairs, n,
                     f"none of the {done} answers {judged}" if n_pairs else f"no answer was {done}")
        for name, n_pairs, n, done in (
            ("wrong_but_used", week.n_used, week.n_used_judged, "used"),
            ("right_but_refused", week.n_refused, week.n_refused_judged, "refused"),
        )
    ]  # fmt: skip
    return TrustWeek(week.week_on, week.source, shares[0], shares[1], is_partial)  # type: ignore[arg-type]


def _trust_share(
    value: float | None, low: float | None, high: float | None, n_pairs: int, n: int, reason: str
) -> TrustShare:
    def pairs(share: float | None) -> float | None:
        return None if share is None else share * n_pairs

    why = reason if value is None else ""
    return TrustShare(value, low, high, pairs(value), pairs(low), pairs(high), n_pairs, n, why)


def _quality(people: People, inside: DayTable) -> Quality:
    active = inside.has("n_events", people.n)
    return Quality(
        n_events=inside.total("n_events"),
        n_internal=inside.total("n_internal"),
        n_implied=inside.total("n_implied"),
        n_early_undos=inside.total("n_early_undos"),
        n_no_account=int((active & (people.account == people.accounts.index(""))).sum()),
        n_pairs=inside.total("n_pairs"),
    )
