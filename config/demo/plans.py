"""What the demo's people agreed, asked, debated and decided: simulated, as the note on each feature says.

The one feature is used on trust that nobody has earned yet, the other is answered for in full and hardly used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from config.demo.people import OWNER
from feedback.actions.commenting import write_comment
from feedback.actions.deciding import record_decision
from feedback.actions.exploring import Need, inform, record_result, record_use, start_exploration
from feedback.actions.features import change_feature
from feedback.actions.people import create_person, join
from feedback.actions.themes import create_theme
from feedback.actions.triage import set_state, set_theme
from feedback.models import Decision, Exploration, Feature, FeedbackItem, Membership, Theme, User
from metrics.actions.debating import Place, open_round, place, reveal
from metrics.actions.expecting import Terms, propose, sign
from metrics.actions.scoring import place_change, set_goals, tick
from metrics.evidence import evidence_of
from metrics.models import DebateRound, Expectation, FitChange, ReadinessItem
from metrics.stats.quadrants import DEFAULT_GOALS

Role = Membership.Role
DAY = timedelta(days=1)
TEAM = {
    Role.PRODUCT: "pia@touchstone.example",
    Role.DATA_SCIENCE: "dan@touchstone.example",
    Role.ENGINEERING: "eli@touchstone.example",
    Role.DESIGN: "dora@touchstone.example",
    Role.OPERATIONS: "otto@touchstone.example",
    Role.CUSTOMER_SUCCESS: "cleo@touchstone.example",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """goal: where each component of adoption is reached in full. half_width: how well its quality must be known.

    ticked: items of the readiness checklist. chance: data science's and product's, None: has not signed. change:
    behaviour and product change, 1 to 9. seen_at: function -> its place in the debate over the quadrant `debated`.
    themes: title -> words by which its feedback is found. is_answered: what customers wrote is triaged and
    closed. decision: title, context, choice. asked: an exploration's question, what is decided on it, the
    baseline to beat; answer empty: it still runs.
    """

    off_switch: str
    feedback_channel: str
    goal: float
    half_width: float
    ticked: Sequence[str]
    terms: Terms
    chance: tuple[float, float | None]
    change: tuple[int, int]
    seen_at: dict[Role, Place]
    debated: str
    is_revealed: bool
    themes: dict[str, Sequence[str]]
    is_answered: bool
    decision: tuple[str, str, str]
    asked: tuple[str, str, str]
    need: str
    answer: str
    said: str


def plans(now: datetime) -> dict[str, Plan]:
    soon = (now + 60 * DAY).date()
    return {
        "delay-alert": Plan(
            off_switch="",
            feedback_channel="",
            goal=0.95,
            half_width=0.05,
            ticked=[],
            terms=Terms("accuracy", "at_least", 0.88, soon, "Under that crews are moved for nothing.", 0.83),
            chance=(0.8, None),
            change=(3, 8),
            seen_at={
                Role.PRODUCT: Place(9, 7, 3, "Dispatchers plan the ramp by it."),
                Role.DATA_SCIENCE: Place(8, 3, 3, "Nobody agreed on what it must reach."),
                Role.ENGINEERING: Place(7, 2, 2, "There is no switch to turn it off at night."),
                Role.OPERATIONS: Place(9, 3, 3, "We move crews on it and cannot say who answers for it."),
                Role.CUSTOMER_SUCCESS: Place(8, 8, 1, "Customers like it, they only tell us when it fails."),
            },
            debated=DebateRound.Quadrant.ADOPTION_ACCOUNTABILITY,
            is_revealed=True,
            themes={
                "Warns, and the flight is on time": ["on time", "for nothing", "wrong"],
                "Says too little": ["how much", "why"],
            },
            is_answered=False,
            decision=(
                "Go live at the baseline",
                "Wait for the boosted model, or start with the schedule alone and learn from dispatchers.",
                "Start with the schedule alone",
            ),
            asked=(
                "Can a delay be told an hour before departure?",
                "Operations decide whether crews are planned by it the evening before.",
                "The schedule alone: 83 of 100 right",
            ),
            need="Keep the weather forecast of the hour before departure",
            answer="",
            said="Cleo hears the same three complaints each week. Who takes them?",
        ),
        "price-band": Plan(
            off_switch="The flag price_band in the listing form; agents then see an empty field.",
            feedback_channel="The button under the band, and Cleo's calls on Thursdays.",
            goal=0.6,
            half_width=0.15,
            ticked=["deputy", "off_switch_tried", "who_is_called", "limits"],
            terms=Terms("accuracy", "at_least", 0.7, soon, "Agents correct three of ten today.", 0.6),
            chance=(0.9, 0.8),
            change=(8, 4),
            seen_at={
                Role.PRODUCT: Place(7, 6, 2, "It asks agents to look before they type."),
                Role.DATA_SCIENCE: Place(8, 8, 3, "Offices would have to change how they price."),
            },
            debated=DebateRound.Quadrant.BEHAVIOUR_PRODUCT,
            is_revealed=False,
            themes={"Stands in the wrong place": ["never look", "before I type"]},
            is_answered=True,
            decision=(
                "Show the band before the price is typed",
                "Agents type the price first and never look at the band: move it, or fill it in.",
                "Move it above the field, for a third of the offices first",
            ),
            asked=(
                "Do agents take a narrower band more often?",
                "Product decides whether the model is trained on prices instead of bands.",
                "Three bands: one in five is taken",
            ),
            need="Record the price that the agent typed before the band was shown",
            answer="Bands half as wide are right 61 of 100 times: agents would trust them less.",
            said="Moved in the Birch & Lowe offices on Monday. Let us look again in two weeks.",
        ),
    }  # fmt: skip


def settle_plans(*, slug: str, now: datetime) -> None:
    """The team of a feature and what it agreed. Safe to repeat: what is there already is left alone."""
    feature, plan = Feature.objects.get(slug=slug), plans(now)[slug]
    team = {role: create_person(email=email, now=now) for role, email in TEAM.items()}
    for role, person in team.items():
        join(user=person, feature=feature, role=role)
    change_feature(feature=feature, off_switch=plan.off_switch, feedback_channel=plan.feedback_channel)
    _get_ready(feature, plan, team, now)
    _agree(feature, plan, team, now)
    _decide(feature, plan, team, now)
    _listen(feature, plan, team, now)


def _get_ready(feature: Feature, plan: Plan, team: dict[Role, User], now: datetime) -> None:
    ticked = set(ReadinessItem.objects.filter(feature=feature).values_list("code", flat=True))
    for code in plan.ticked:
        if code not in ticked:
            tick(feature=feature, code=code, is_ticked=True, note="", user=team[Role.ENGINEERING], now=now)
    if FitChange.objects.filter(feature=feature).exists():
        return
    behaviour, product = plan.change
    said: dict[str, Any] = {"why": "What the team said at the kick-off.", "user": team[Role.PRODUCT], "now": now}
    place_change(feature=feature, behaviour=behaviour, product=product, **said)
    goals = {name: {"lo": goal.lo, "hi": plan.goal} for name, goal in DEFAULT_GOALS.items()}
    set_goals(feature=feature, goals=goals, half_width=plan.half_width, **said)


def _agree(feature: Feature, plan: Plan, team: dict[Role, User], now: datetime) -> None:
    if Expectation.objects.of(feature).exists():
        return
    mine, theirs = plan.chance
    scientist, product = Role.DATA_SCIENCE, Role.PRODUCT
    proposal = propose(
        feature=feature, terms=plan.terms, user=team[scientist], function=scientist, p=mine, now=now
    )
    if theirs is not None:
        sign(expectation=proposal, user=team[product], function=product, p=theirs, now=now)


def _decide(feature: Feature, plan: Plan, team: dict[Role, User], now: datetime) -> None:
    if Decision.objects.filter(feature=feature).exists():
        return
    title, context, chosen = plan.decision
    decision = record_decision(
        feature=feature,
        title=title,
        context=context,
        options=[chosen, "Leave it as it is"],
        chosen=chosen,
        why="We learn more from a month of use than from a month of waiting.",
        evidence=evidence_of(feature, now=now),
        owner=User.objects.get(email=OWNER),
        review_on=(now + 14 * DAY).date(),
        user=team[Role.PRODUCT],
        now=now,
    )
    write_comment(feature=feature, decision=decision, text=plan.said, user=team[Role.CUSTOMER_SUCCESS], now=now)
    _explore(feature, plan, team, decision, now)


def _explore(feature: Feature, plan: Plan, team: dict[Role, User], decision: Decision, now: datetime) -> None:
    question, decides, baseline = plan.asked
    asked = start_exploration(
        feature=feature,
        question=question,
        decides=decides,
        baseline=baseline,
        from_on=(now - 20 * DAY).date(),
        until_on=(now + 10 * DAY).date(),
        owner=team[Role.DATA_SCIENCE],
        user=team[Role.DATA_SCIENCE],
        now=now,
        needs=[Need(plan.need, team[Role.ENGINEERING], (now + 3 * DAY).date())],
    )
    if plan.answer:
        record_result(
            exploration=asked, result=Exploration.Result.INFEASIBLE, answer=plan.answer, effort_days=6, now=now
        )
        record_use(exploration=asked, became=Exploration.Became.USED, why="The bands stay as wide as they are.")
        inform(exploration=asked, decision=decision)


def debate(*, slug: str, now: datetime) -> None:
    """A round over the scores of now: call it when they are there."""
    feature, plan = Feature.objects.get(slug=slug), plans(now)[slug]
    if DebateRound.objects.filter(feature=feature).exists():
        return
    team = {role: User.objects.get(email=email) for role, email in TEAM.items()}
    facilitator = team[Role.PRODUCT]
    round_ = open_round(
        feature=feature,
        quadrant=plan.debated,
        functions=list(TEAM),
        deadline=now + 5 * DAY,
        quorum=4,
        user=facilitator,
        now=now,
    )
    for function, at in plan.seen_at.items():
        place(round_=round_, function=function, user=team[function], at=at, now=now)
    if plan.is_revealed:
        reveal(round_=round_, user=facilitator, now=now)


def _listen(feature: Feature, plan: Plan, team: dict[Role, User], now: datetime) -> None:
    if Theme.objects.of(feature).exists():
        return
    cleo = team[Role.CUSTOMER_SUCCESS]
    written = list(FeedbackItem.objects.of(feature).exclude(text="").order_by("pk"))
    for title, words in plan.themes.items():
        theme = create_theme(feature=feature, title=title, user=cleo, now=now)
        for item in written:
            if any(word in item.text for word in words):
                set_theme(item_id=item.pk, theme=theme, user=cleo, now=now)
    if plan.is_answered:
        for item in written:
            set_state(item_id=item.pk, to="triaged", seen="new", user=cleo, now=now)
            told = "Told them that the band moves above the field."
            set_state(item_id=item.pk, to="closed", seen="triaged", words=told, user=cleo, now=now)
