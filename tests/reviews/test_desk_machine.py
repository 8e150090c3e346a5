"""Everything that people do at a desk, in any order: after each step what review-desk.md promises still holds."""

import math
from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from reviews.actions.desk import (
    beat,
    claim_decision,
    claim_next,
    expire_leases,
    release,
    revise,
    set_policy,
    skip,
    undo,
)
from reviews.actions.draw import draw_received
from reviews.actions.leading import reassign, void
from reviews.errors import LeaseLost, Refused
from reviews.models import Assignment, ClaimWalk, Draft, Exclusion, Judgment, ReviewItem
from tests.factories import NOON, make_feature, make_prediction, make_version
from tests.reviews.steps import MINUTE, answer, reviewers, stored

pytestmark = pytest.mark.django_db
WHO = st.integers(0, 3)
ANY = st.integers(0, 9)  # of the assignments, counted round
LATE = st.integers(1, 4)  # of what was given so far, the newest first: there the trouble is
WRONG = {"verdict": "wrong", "corrected": "lost", "comment": "by truck"}
SAID = st.sampled_from([{"verdict": "right", "comment": "as it says"}, WRONG])
DRAWN = ("luck", "weight", "queue_key", "prediction", "arm", "n_opinions")
HELD = {"leased", "submitted"}


class Desk(RuleBasedStateMachine):
    """Five cases, one or two opinions each, and four people of whom each may also decide."""

    @initialize()
    def begin(self):
        self.whole = transaction.atomic()
        self.whole.__enter__()
        self.now, self.n_sent, self.n_looks, self.leases, self.judgments = NOON, 0, 0, [], []
        self.feature = make_feature("claims")
        self.people = reviewers(self.feature, 3) + reviewers(self.feature, 1, "adjudicator")
        version = make_version(self.feature, "1", labels=["on_time", "lost", "late"])
        for n in range(5):
            make_prediction(version, f"case {n}", occurred_at=NOON)
        set_policy(feature=self.feature, user=None, now=NOON, design="all", overlap_share=0.5, audit_share=0.5)
        draw_received(now=NOON + MINUTE)
        self.drawn = list(ReviewItem.objects.order_by("pk").values(*DRAWN))
        assert {row["n_opinions"] for row in self.drawn} == {1, 2}

    def teardown(self):
        transaction.set_rollback(True)
        self.whole.__exit__(None, None, None)

    # --- what people do

    @rule(who=WHO)
    def claim(self, who):
        person = self.people[who]
        first = self.first_of(person)
        case = claim_next(reviewer=person, features=[self.feature], now=self.now)
        if case is None:
            own = Assignment.objects.to_judge()
            assert not own.claimable_by(person, self.now).exists()
            assert not own.live(self.now).held_by(person).exists()
        else:
            self.hold(person, case)
            assert case.item_id == first
            again = claim_next(reviewer=person, features=[self.feature], now=self.now)
            assert (again, again.lease_token) == (case, case.lease_token)

    def first_of(self, person):
        """What comes next by the served order: what they hold; others' that ran out; the smallest key."""
        own = Assignment.objects.to_judge()
        held = own.live(self.now).held_by(person).order_by("leased_at", "pk")
        free = own.claimable_by(person, self.now).order_by("queue_key")
        late = free.filter(state="leased").exclude(reviewer=person)
        return next((each.item_id for rows in (held, late, free) for each in rows), None)

    @rule(who=WHO)
    def decide(self, who):
        case = claim_decision(adjudicator=self.people[who], features=[self.feature], now=self.now)
        if case is not None:
            assert case.lane in {"adjudication", "audit"}
            self.hold(self.people[who], case)

    def hold(self, person, case):
        now_there = stored(case)
        assert (now_there.state, now_there.reviewer, now_there.lease_token) == ("leased", person, case.lease_token)
        assert now_there.leased_until > self.now
        self.leases.append((person, case))

    @rule(who=WHO, said=SAID)
    def judge(self, who, said):
        self.claim(who)
        if self.leases and self.leases[-1][0] == self.people[who]:
            self.submit(1, said)

    @precondition(lambda self: self.leases)
    @rule(which=LATE, said=SAID)
    def submit(self, which, said):
        """Of any lease there ever was: in time, late, twice, or of a case that another has by now."""
        person, case = self.leases[-min(which, len(self.leases))]
        counts = self.may_count(person, case)
        self.n_sent += 1
        sent = {"now": self.now, "key": f"k{self.n_sent}", **said}
        try:
            judgment = answer(case, person, **sent)
        except LeaseLost:
            assert not counts
        else:
            assert counts
            assert answer(case, person, **sent) == judgment
            self.judgments.append(judgment)

    def may_count(self, person, case):
        there = stored(case)
        if there.state == "leased":
            return there.reviewer_id == person.pk
        others = Assignment.objects.filter(item=case.item_id, reviewer=person, state__in=HELD)
        is_out = others.exists() or Exclusion.objects.filter(item=case.item_id, reviewer=person).exists()
        return there.state == "open" and there.last_token == case.lease_token and not is_out

    @precondition(lambda self: self.leases)
    @rule(which=LATE, does=st.sampled_from(["skip", "release", "beat"]))
    def leave(self, which, does):
        person, case = self.leases[-min(which, len(self.leases))]
        there = stored(case)
        is_held = (there.state, there.reviewer_id, there.lease_token) == ("leased", person.pk, case.lease_token)
        of = {"assignment_id": case.pk, "token": case.lease_token, "reviewer": person}
        if does == "release":
            assert release(**of) is is_held
            return
        try:
            beat(**of, now=self.now) if does == "beat" else skip(**of, reason="unclear", now=self.now)
        except LeaseLost:
            assert not is_held
        else:
            assert is_held

    @rule(minutes=st.sampled_from([1, 9, 16]))
    def wait(self, minutes):
        self.now += timedelta(minutes=minutes)

    @rule()
    def expire(self):
        expire_leases(self.now)
        assert not Assignment.objects.expired(self.now).exists()

    @precondition(lambda self: self.judgments)
    @rule(which=LATE, said=SAID, withdraws=st.booleans())
    def change(self, which, said, withdraws):
        judgment = self.judgments[-min(which, len(self.judgments))]
        before, own = (
            self.everything(),
            {"judgment_id": judgment.pk, "reviewer": judgment.reviewer, "now": self.now},
        )
        self.n_sent += 1
        try:
            if withdraws:
                self.hold(judgment.reviewer, undo(**own))
            else:
                self.judgments.append(revise(**own, idempotency_key=f"k{self.n_sent}", **said))
        except Refused:
            assert self.everything() == before

    @rule(which=ANY, to=st.none() | WHO)
    def reassign(self, which, to):
        rows = list(Assignment.objects.order_by("pk"))
        person = None if to is None else self.people[to]
        try:
            case = reassign(assignment_id=rows[which % len(rows)].pk, now=self.now, to=person)
        except Refused:
            return
        if person is not None and case.leased_until > self.now:
            self.hold(person, case)

    @rule(which=ANY)
    def void(self, which):
        rows = list(Assignment.objects.order_by("pk"))
        case = rows[which % len(rows)]
        fresh = void(assignment_id=case.pk, lead=self.people[3], reason="old guideline", now=self.now)
        assert (fresh is None) == (case.state == "void")

    @precondition(lambda self: self.n_looks < 2)
    @rule(who=WHO)
    def look(self, who):
        """Invariant 9: a GET changes nothing."""
        self.n_looks += 1
        browser = Client()
        browser.force_login(self.people[who], backend="django.contrib.auth.backends.ModelBackend")
        before = self.everything()
        for address in ("/desk/", "/desk/claim/", *(f"/desk/{case.pk}/submit/" for _, case in self.leases[:1])):
            assert browser.get(address).status_code in {200, 405}
        assert self.everything() == before

    def everything(self):
        models = (Assignment, ReviewItem, Judgment, Draft, Exclusion, ClaimWalk)
        return [list(model.objects.order_by("pk").values()) for model in models]

    # --- what holds after each of it; numbered as in review-desk.md

    @invariant()
    def what_is_promised_holds(self):
        rows = list(Assignment.objects.order_by("pk"))
        said = {each.assignment_id: each for each in Judgment.objects.latest_revisions()}
        self.check_assignments(rows)
        for item in ReviewItem.objects.all():
            own = [row for row in rows if row.item_id == item.pk and row.state != "void"]
            self.check_item(item, own, said)

    def check_assignments(self, rows):
        for row in rows:  # 2
            is_free = (row.lease_token, row.leased_until, row.lease_slot) == ("", None, None)
            assert is_free == (row.state != "leased")
            assert row.state != "open" or row.reviewer_id is None
            assert row.state not in HELD or row.reviewer_id is not None
        of_one = Counter((row.item_id, row.reviewer_id) for row in rows if row.state in HELD)  # 1
        assert max(of_one.values(), default=1) == 1
        held = Counter(row.reviewer_id for row in rows if row.state == "leased")
        assert max(held.values(), default=0) <= 2
        now_drawn = list(ReviewItem.objects.order_by("pk").values(*DRAWN))  # 3 and 4
        assert now_drawn == self.drawn
        assert all(math.isclose(each["queue_key"], -math.log(each["luck"]) / each["weight"]) for each in now_drawn)
        assert len({(each["prediction"], each["arm"]) for each in now_drawn}) == len(now_drawn)

    def check_item(self, item, own, said):
        opinions = [row for row in own if row.lane == "opinion"]
        thirds = [row for row in own if row.lane in {"adjudication", "audit"}]
        assert len(opinions) == item.n_opinions  # 1
        assert len(thirds) <= 1
        raters = {row.reviewer_id for row in opinions if row.state in HELD}
        assert not raters & {row.reviewer_id for row in thirds if row.state in HELD}  # 5
        given = [said[row.pk] for row in opinions if row.state == "submitted"]
        assert all(judgment.verdict for judgment in given)
        decided = [said[row.pk] for row in thirds if (row.lane, row.state) == ("adjudication", "submitted")]
        assert item.state in self.states(item, opinions, given, decided)
        if item.state == "final":
            assert item.verdict == (decided or given)[-1].verdict

    def states(self, item, opinions, given, decided):
        """The states that an item may be in, by what stands on its assignments."""
        if len(given) == item.n_opinions:
            agree = len({(judgment.verdict, judgment.corrected) for judgment in given}) == 1
            return {"final"} if agree or decided else {"needs_adjudication"}
        is_begun = any(row.state in HELD for row in opinions)
        return {"in_review" if is_begun else "open", "needs_lead"}


def test_whatever_people_do_at_the_desk_its_invariants_hold():
    bounded = settings(
        max_examples=15,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Desk, settings=bounded)
