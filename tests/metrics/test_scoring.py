"""Taking scores: what is stored, when, and that it can be computed again from what is stored."""

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import RestrictedError

from feedback.actions.deciding import record_decision
from feedback.actions.jobs import claim_due, enter_job, run
from feedback.models import Feature, Job
from metrics.actions import scoring
from metrics.actions.scoring_due import due_scores
from metrics.models import FitChange, ScoreGoals, ScoreSnapshot, ScoreWeights, UseWeek
from metrics.score_reading import gate, gates_of
from tests.factories import make_feature, make_feedback_item, make_user
from tests.metrics.score_story import WEEK, used
from tests.metrics.work import work

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 4, 9, tzinfo=UTC)  # a Wednesday
MONDAY = date(2026, 3, 2)
DAY = timedelta(days=1)


def take(feature, *, now=NOW, end_on=None):
    return scoring.prepare_scores(feature=feature, now=now, end_on=end_on)()


def newest(feature, kind="adoption"):
    return ScoreSnapshot.objects.of(feature).of_kind(kind).newest_first().first()


def take_weeks(feature, n=2):
    for back in reversed(range(n)):
        take(feature, end_on=MONDAY - back * 7 * DAY)


# --- adoption


def test_a_used_feature_gets_a_score_with_its_interval_and_where_the_points_went():
    feature = used(now=NOW, accounts=8, people=6)
    take(feature)
    found = newest(feature)
    assert found.state == "provisional"
    assert found.reason.endswith("8 of 20 accounts")
    assert 0 < found.low < found.value < found.high < 100
    assert sum(found.points_lost.values()) == pytest.approx(100 - found.value, abs=1e-9)
    assert found.components["reach"]["below"] == 8 * (6 + 2)
    assert {name for name, _ in found.influence} <= {f"account {i}" for i in range(8)}
    assert (found.n_accounts, found.inputs["horizon"]) == (8, 1)


@pytest.mark.parametrize("kind", ["adoption", "accountability"])
def test_a_snapshot_is_computed_again_from_what_it_stores(kind):
    """Though goals, weights and stage have all changed since."""
    feature = used(now=NOW, accounts=20, people=3)
    take_weeks(feature)
    user = make_user(is_staff=True)
    weights = {k: {stage: {**table} for stage, table in stages.items()} for k, stages in TABLES.items()}
    weights["adoption"]["before"] |= {"reach": 0.1, "acceptance": 0.5}
    scoring.set_weights(weights=weights, why="try", user=user, now=NOW)
    goals = {name: {"lo": 0.1, "hi": 0.5} for name in weights["adoption"]["before"]}
    scoring.set_goals(feature=feature, goals=goals, half_width=0.1, why="try", user=user, now=NOW)
    Feature.objects.filter(pk=feature.pk).update(market_fit="after")
    for stored in ScoreSnapshot.objects.of(feature).of_kind(kind):
        anew = asdict(scoring.recomputed(stored))
        assert anew == {name: getattr(stored, name) for name in anew}
    take(Feature.objects.get(pk=feature.pk))
    assert newest(feature, "adoption").value != ScoreSnapshot.objects.of(feature).weekly().first().value


TABLES = {
    "adoption": {"before": {"reach": 0.30, "acceptance": 0.30, "retention": 0.25, "stickiness": 0.15,
                            "follow_through": 0.0},
                 "after": {"reach": 0.20, "acceptance": 0.20, "retention": 0.25, "stickiness": 0.15,
                           "follow_through": 0.20}},
    "accountability": {"before": {"evidence": 0.35, "promises": 0.10, "reliance": 0.10, "answering": 0.30,
                                  "readiness": 0.15},
                       "after": {"evidence": 0.25, "promises": 0.25, "reliance": 0.20, "answering": 0.15,
                                 "readiness": 0.15}},
}  # fmt: skip


def test_nobody_using_it_is_no_data_and_not_0():
    feature = make_feature(stage="pilot")
    take(feature)
    found = newest(feature)
    assert (found.state, found.value, found.points_lost) == ("no_data", None, {})
    assert found.reason == "no usage of it has arrived in the 28 days"


def test_few_people_are_counted_and_not_scored():
    feature = used(now=NOW, accounts=4, people=3)
    take(feature)
    assert newest(feature).state == "collecting"
    assert newest(feature).reason == "4 of 5 accounts, 12 of 20 actors"


def test_an_account_of_one_and_people_without_an_account_are_clusters_of_their_own():
    feature = used(now=NOW, accounts=25, people=1, idle=0, returning=1, with_account=False)
    take(feature)
    found = newest(feature)
    assert found.n_accounts == 25
    assert found.influence == []
    assert sum(row[-1] for row in found.inputs["accounts"]) == 25


def test_a_long_haul_gives_people_twice_the_time_to_come_back():
    feature = used(now=NOW, accounts=6, people=5, weeks=9)
    take(feature)
    before = newest(feature)
    scoring.place_change(feature=feature, behaviour=8, product=8, why="It asks a lot.", user=make_user(), now=NOW)
    take(feature)
    after = newest(feature)
    assert (before.inputs["horizon"], after.inputs["horizon"]) == (1, 2)
    assert after.goals["reach"]["hi"] == 0.3
    assert after.components["retention"]["value"] != before.components["retention"]["value"]
    assert after.components["reach"]["value"] == before.components["reach"]["value"]


def test_a_trend_is_against_the_28_days_before_by_the_same_goals():
    feature = used(now=NOW, accounts=8, people=5, weeks=12)
    take(feature, end_on=MONDAY - 28 * DAY)
    take(feature, end_on=MONDAY)
    found = newest(feature)
    assert found.trend["since"] == "2026-02-02"
    assert found.trend["low"] <= found.trend["difference"] <= found.trend["high"]
    earlier = ScoreSnapshot.objects.weekly().of_kind("adoption").get(as_of__lt=found.as_of)
    assert found.trend["difference"] == pytest.approx(found.value - earlier.value)


def test_without_an_earlier_score_there_is_no_trend():
    feature = used(now=NOW, accounts=8)
    take(feature, end_on=MONDAY)
    assert newest(feature).trend is None


# --- when


def test_a_week_ends_on_a_monday_that_has_come():
    feature = make_feature()
    for wrong in (MONDAY + DAY, MONDAY + 7 * DAY):
        with pytest.raises(ValueError, match="a week ends on a Monday"):
            take(feature, end_on=wrong)


def test_taking_again_changes_nothing_and_the_day_is_replaced():
    feature = used(now=NOW)
    for _ in range(3):
        take(feature)
        take(feature, end_on=MONDAY)
    assert ScoreSnapshot.objects.of(feature).count() == 4
    take(feature, now=NOW + timedelta(hours=2))
    assert newest(feature).taken_at == NOW + timedelta(hours=2)
    assert newest(feature).first_taken_at == NOW
    take(feature, now=NOW + DAY)
    assert ScoreSnapshot.objects.of(feature).filter(is_weekly=False).count() == 4


def test_a_week_changes_only_in_the_first_day_of_a_feature():
    feature = used(now=NOW, accounts=6)
    take(feature, end_on=MONDAY)
    first = newest(feature).value
    used(now=NOW, feature=feature, accounts=12, seed=2)
    take(feature, now=NOW + timedelta(hours=1), end_on=MONDAY)
    second = newest(feature).value
    assert second != first
    used(now=NOW, feature=feature, accounts=16, seed=3)
    take(feature, now=NOW + 2 * DAY, end_on=MONDAY)
    assert newest(feature).value == second
    with pytest.raises(IntegrityError):
        ScoreSnapshot.objects.bulk_create([newest(feature).__class__(**copied(newest(feature)))])


def copied(snapshot):
    fields = snapshot._meta.concrete_fields
    return {field.attname: getattr(snapshot, field.attname) for field in fields if field.attname != "id"}


def test_days_are_kept_for_five_weeks_and_weeks_for_good():
    feature = used(now=NOW)
    take(feature)
    take(feature, end_on=MONDAY)
    take(feature, now=NOW + 36 * DAY)
    kept = ScoreSnapshot.objects.of(feature).of_kind("adoption").order_by("as_of")
    assert [(each.as_of.date(), each.is_weekly) for each in kept] == [
        (MONDAY, True),
        (NOW.date() + 36 * DAY, False),
    ]


def test_the_first_scores_follow_the_first_usage_and_catch_up_on_complete_weeks():
    feature = make_feature(stage="idea")
    assert due_scores(now=NOW) == []
    used(now=NOW, feature=feature, weeks=3)
    due = due_scores(now=NOW)
    assert due == [f"{feature.pk} {day}" for day in ("2026-02-16", "2026-02-23", "2026-03-02")] + [str(feature.pk)]
    work("score", now=NOW)
    taken = ScoreSnapshot.objects.of(feature).order_by("as_of", "kind")
    assert [(each.as_of.day, each.kind, each.is_weekly) for each in taken] == [
        (16, "adoption", True), (23, "adoption", True), (2, "accountability", True), (2, "adoption", True),
        (4, "accountability", False), (4, "adoption", False),
    ]  # fmt: skip
    assert due_scores(now=NOW + timedelta(minutes=59)) == []
    assert due_scores(now=NOW + timedelta(hours=1)) == [str(feature.pk)]


def test_usage_that_is_not_summed_up_yet_is_waited_for():
    feature = make_feature(stage="pilot")
    from tests.metrics.score_story import use

    use(feature, until=NOW - 2 * DAY)
    assert due_scores(now=NOW) == []
    said = work("sum_usage", "score", now=NOW)
    assert "scores taken" in " ".join(said)
    assert newest(feature).value is not None


def test_in_its_first_day_what_comes_in_is_scored_within_minutes():
    feature = used(now=NOW, accounts=5, people=5)
    work("score", now=NOW)
    later = NOW + timedelta(minutes=6)
    used(now=later, feature=feature, accounts=9, seed=5)
    due = due_scores(now=later)
    assert f"{feature.pk} 2026-03-02" in due
    assert str(feature.pk) in due
    assert due_scores(now=NOW + timedelta(minutes=4)) == []
    work("score", now=later)
    assert newest(feature).n_accounts == 9


def test_what_was_scored_before_its_usage_came_does_not_wait_for_it():
    feature = make_feature(stage="pilot")
    work("score", now=NOW)
    assert newest(feature).state == "no_data"
    soon = NOW + timedelta(minutes=1)
    used(now=soon, feature=feature, accounts=9)
    assert str(feature.pk) in due_scores(now=soon)
    work("score", now=soon)
    assert newest(feature).n_accounts == 9
    assert due_scores(now=soon + timedelta(minutes=1)) == []


def test_another_week_has_the_day_scored_again_after_it():
    """The gate of the day is read from the weeks, whichever of the two was scored first."""
    feature = used(now=NOW, weeks=3)
    work("score", now=NOW)
    enter_job("score_feature", f"{feature.pk} 2026-03-02", run_after=NOW, now=NOW)
    (week,) = claim_due(now=NOW, limit=5)
    run(week.id, week.token, now=NOW)
    (day,) = claim_due(now=NOW, limit=5)
    assert (day.kind, Job.objects.get(pk=day.id).key) == ("score_feature", f"{feature.pk}  after its weeks")
    assert run(day.id, day.token, now=NOW) == "2 scores taken"
    assert claim_due(now=NOW, limit=5) == []


def test_what_is_live_without_usage_says_so_and_an_idea_is_not_scored():
    live = make_feature(stage="shadow")
    make_feature(stage="idea")
    assert due_scores(now=NOW) == [f"{live.pk} 2026-03-02", str(live.pk)]


def test_asked_for_twice_it_is_scored_once():
    feature = make_feature()
    for _ in range(2):
        scoring.ask_for_score(feature=feature, now=NOW)
    assert Job.objects.filter(kind="score_feature").count() == 1


def test_what_is_asked_for_while_the_day_is_being_scored_is_done_after_it():
    feature = make_feature()
    enter_job("score_feature", str(feature.pk), run_after=NOW, now=NOW)
    claim_due(now=NOW, limit=5)
    scoring.ask_for_score(feature=feature, now=NOW)
    (fresh,) = claim_due(now=NOW, limit=5)
    assert fresh.kind == "score_feature"
    assert run(fresh.id, fresh.token, now=NOW) == "2 scores taken"
    assert ScoreSnapshot.objects.of(feature).count() == 2


def test_the_first_score_waits_for_no_other_work_of_its_feature():
    feature = make_feature(stage="shadow")
    enter_job("conclude_feature", str(feature.pk), run_after=NOW, now=NOW)
    assert str(feature.pk) in due_scores(now=NOW)


# --- accountability and its gate


def test_it_is_not_asked_for_until_two_high_weeks():
    feature = used(now=NOW, accounts=8, people=5)
    take(feature, end_on=MONDAY - 7 * DAY)
    value = newest(feature).value
    assert value > 25
    assert (
        gate(feature).sentence == f"not asked yet: adoption {value:.0f} in one week, opens after two running at 25"
    )
    take(feature)
    shut = newest(feature, "accountability")
    assert (shut.state, shut.value, shut.reason) == ("not_asked", None, gate(feature).sentence)
    assert shut.components["readiness"]["value"] is not None
    take(feature, end_on=MONDAY)
    take(feature)
    assert gate(feature).is_open
    assert newest(feature, "accountability").value is not None
    assert gates_of([feature]) == {feature.pk: gate(feature)}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"automation": "auto_apply"}, "asked at once, because it applies by itself"),
        ({"is_mandatory": True}, "asked at once, because people cannot choose whether to use it"),
    ],
)
def test_what_people_cannot_choose_is_asked_at_once(fields, why):
    feature = make_feature(stage="pilot", **fields)
    take(feature)
    assert gate(feature).sentence == why
    found = newest(feature, "accountability")
    assert found.state == "provisional"
    assert found.value < 5, "nothing is reviewed, promised or ready"


def test_answering_counts_complaints_that_fell_due_in_the_window():
    feature = make_feature(stage="pilot", is_mandatory=True)
    made = {"channel": "complaint", "severity": "high"}
    fell_due = NOW - 10 * DAY
    late = make_feedback_item(feature, occurred_at=fell_due, **made)
    for n in range(3):
        item = make_feedback_item(feature, occurred_at=fell_due, **made)
        item.state, item.triaged_at = "triaged", item.triage_due_at
        if n < 2:
            item.state, item.closed_at, item.outcome = "closed", item.close_due_at, "mended"
        item.save()
    make_feedback_item(feature, occurred_at=NOW, **made)
    make_feedback_item(feature, occurred_at=fell_due, channel="ticket", severity="low")
    take(feature)
    told = newest(feature, "accountability").components["answering"]
    assert told["reason"] == "3 of 4 triaged in time, 2 of 4 closed in time"
    assert told["value"] == pytest.approx((0.75 + 0.5) / 2)
    assert late.state == "new"


def test_evidence_is_of_what_people_used():
    feature = make_feature(stage="pilot", is_mandatory=True)
    for back, half in ((1, 0.06), (2, 0.08)):
        make_use_week(feature, MONDAY - back * 7 * DAY, half=half)
    make_use_week(feature, MONDAY - 9 * 7 * DAY, half=0.001)
    take(feature)
    told = newest(feature, "accountability").components["evidence"]
    pooled = (0.06**2 + 0.08**2) ** 0.5 / 2
    assert told["value"] == pytest.approx(min(1, 0.05 / pooled))
    assert told["n"] == 80


def make_use_week(feature, week_on, *, half):
    nothing = dict.fromkeys(["right_used", "right_shown", "wrong_used", "wrong_shown"], 0.0)
    return UseWeek.objects.create(
        feature=feature, week_on=week_on, source="reviewed", n_used=100, n_refused=0, wrong_but_used=0.2,
        wrong_but_used_low=0.2 - half, wrong_but_used_high=0.2 + half, n_used_judged=40, n_refused_judged=0,
        n_right=0, n_wrong=0, as_of=NOW, **nothing,
    )  # fmt: skip


# --- what people agree on


def decision(feature):
    return record_decision(
        feature=feature, title="It fits", context="", options=[], chosen="after", why="They stay.", evidence={},
        owner=None, review_on=None, user=make_user(), now=NOW,
    )  # fmt: skip


def test_market_fit_changes_with_a_decision_and_once():
    feature, user = make_feature(), make_user()
    made = decision(feature)
    changed = scoring.change_market_fit(feature=feature, to="after", decision=made, user=user, now=NOW)
    assert (changed.from_fit, changed.to_fit, changed.decision) == ("before", "after", made)
    assert Feature.objects.get(pk=feature.pk).market_fit == "after"
    with pytest.raises(ValidationError, match="in this stage of market fit already"):
        scoring.change_market_fit(feature=feature, to="after", decision=made, user=user, now=NOW)
    with pytest.raises(RestrictedError):
        made.delete()
    feature.delete()
    assert FitChange.objects.count() == 0


def test_the_decision_of_another_feature_changes_nothing():
    feature = make_feature()
    with pytest.raises(ValidationError, match="about another feature"):
        scoring.change_market_fit(
            feature=feature, to="after", decision=decision(make_feature()), user=make_user(), now=NOW
        )
    assert FitChange.objects.count() == 0


def test_goals_are_versions_and_their_ends_are_in_order():
    feature, user = make_feature(), make_user()
    goals = {name: {"lo": 0.0, "hi": 0.5} for name in TABLES["adoption"]["after"]}
    for number in (1, 2):
        made = scoring.set_goals(feature=feature, goals=goals, half_width=0.05, why="agreed", user=user, now=NOW)
        assert made.number == number
    with pytest.raises(ValidationError, match="starts under"):
        scoring.set_goals(
            feature=feature, goals={**goals, "reach": {"lo": 0.5, "hi": 0.5}}, half_width=0.05, why="x", user=user,
            now=NOW,
        )  # fmt: skip
    with pytest.raises(ValidationError, match=r"Say why|blank"):
        scoring.set_goals(feature=feature, goals=goals, half_width=0.05, why=" ", user=user, now=NOW)
    assert ScoreGoals.objects.count() == 2


def test_weights_must_add_up():
    wrong = {
        **TABLES,
        "adoption": {**TABLES["adoption"], "before": {**TABLES["adoption"]["before"], "reach": 0.5}},
    }
    with pytest.raises(ValidationError, match="must add up to 100 %"):
        scoring.set_weights(weights=wrong, why="x", user=make_user(), now=NOW)
    assert ScoreWeights.objects.count() == 0


def test_a_tick_holds_for_180_days_and_can_be_taken_back():
    from metrics.readiness import checklist

    feature, user = make_feature(), make_user("ann@example.org")

    def deputy(now):
        return next(i for i in checklist(feature, now=now)[0].items if i.check.code == "deputy")

    assert not deputy(NOW).holds
    scoring.tick(feature=feature, code="deputy", is_ticked=True, note="Bob", user=user, now=NOW)
    assert (deputy(NOW).holds, deputy(NOW).by, deputy(NOW).note) == (True, "ann@example.org", "Bob")
    assert deputy(NOW + 179 * DAY).holds
    assert not deputy(NOW + 180 * DAY).holds
    assert deputy(NOW + 180 * DAY).has_run_out
    scoring.tick(feature=feature, code="deputy", is_ticked=False, note="", user=user, now=NOW + DAY)
    assert not deputy(NOW + 2 * DAY).holds
    for code in ("owner", "nonsense"):
        with pytest.raises(ValidationError, match="not an item that a person ticks"):
            scoring.tick(feature=feature, code=code, is_ticked=True, note="", user=user, now=NOW)


def test_the_database_keeps_a_score_without_a_value_from_saying_nothing():
    feature = used(now=NOW)
    take(feature)
    told = copied(newest(feature)) | {"value": None, "low": None, "high": None, "as_of": NOW + WEEK, "reason": ""}
    with pytest.raises(IntegrityError):
        ScoreSnapshot.objects.create(**told)


def test_promises_and_reliance_come_from_what_was_agreed_and_from_the_weeks():
    from tests.metrics.agreements import make_agreed, make_team

    feature, people = make_team(make_feature(stage="pilot", is_mandatory=True))
    take(feature)
    told = newest(feature, "accountability").components
    assert (told["promises"]["reason"], told["reliance"]["value"]) == ("no expectation is agreed", None)
    make_agreed(feature, people, now=NOW)
    week = make_use_week(feature, MONDAY - 7 * DAY, half=0.05)
    for name, n in (("right_used", 60), ("right_shown", 80), ("wrong_used", 8), ("wrong_shown", 40)):
        setattr(week, name, float(n))
    week.n_right, week.n_wrong = 80, 40
    week.save()
    take(feature)
    told = newest(feature, "accountability").components
    assert told["promises"]["reason"] == "1 agreed, 1 of them unmeasured"
    assert told["reliance"]["value"] == pytest.approx((0.75 * 0.8) ** 0.5)
    assert told["readiness"]["n"] == 15
