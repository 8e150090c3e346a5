"""Where a feature stands on its way, and what the next stage asks. The rules are here, and nowhere else.

Page, board, REST and the action that moves a feature all read them here, so that they cannot disagree.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.urls import reverse

from feedback.models import Feature, Membership, StageChange, User
from feedback.plan_reading import made_by
from metrics.models import Expectation
from metrics.score_reading import gates_of
from metrics.stats.score_states import Gate
from reviews.models import SamplingPolicy

Stage = Feature.Stage
ORDER: tuple[str, ...] = (
    Stage.IDEA,
    Stage.EXPLORING,
    Stage.COMMITTED,
    Stage.SHADOW,
    Stage.PILOT,
    Stage.GENERAL,
    Stage.RETIRED,
)
SIDE_EXITS: tuple[str, ...] = (Stage.PARKED, Stage.NOT_USED)
MOVERS = frozenset({Membership.Role.OWNER, Membership.Role.PRODUCT, Membership.Role.DATA_SCIENCE})
WHO_MOVES = "Its owner, product and data science move a feature, and staff. You are none of these here."


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules look at, of one feature."""

    has_expectation: bool
    owner: str
    off_switch: str
    feedback_channel: str
    has_open_form: bool
    reviews: str
    gate: Gate


@dataclass(frozen=True, slots=True)
class Check:
    """One rule and what was found. said: in words, met or not; mend_url: where to mend it, empty if met."""

    rule: str
    title: str
    is_met: bool
    said: str
    mend_url: str
    mend_label: str


@dataclass(frozen=True, slots=True)
class Move:
    """A way out of the present stage. Everything but the next stage needs a reason."""

    to: str
    label: str
    kind: Literal["next", "back", "side", "resume"]
    is_possible: bool

    @property
    def needs_reason(self) -> bool:
        return self.kind != "next"


@dataclass(frozen=True, slots=True)
class Step:
    """A move that was made, or (from_label empty) the stage it was registered in."""

    from_label: str
    to_label: str
    at: datetime
    who: str
    reason: str
    decision_url: str
    decision_title: str
    checks: list[tuple[str, bool, str]]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a feature stands. checks: of the next stage, which is empty where there is none."""

    slug: str
    name: str
    stage: str
    stage_label: str
    since: datetime
    days: int
    next_stage: str
    next_label: str
    checks: list[Check]
    moves: list[Move]

    @property
    def missing(self) -> list[Check]:
        return [check for check in self.checks if not check.is_met]


def label_of(stage: str) -> str:
    return str(Stage(stage).label)


def may_move(person: User, feature: Feature) -> bool:
    if person.is_staff:
        return True
    return Membership.objects.of(person).with_role(*MOVERS).filter(feature=feature).exists()


def facts_of(features: Sequence[Feature], *, now: datetime) -> dict[int, Facts]:
    """Of each feature by its key; a handful of queries however many there are."""
    ahead = Expectation.objects.in_force().filter(feature__in=features, by_on__gte=now.date())
    promised = set(ahead.values_list("feature", flat=True))
    policies = {
        policy.feature_id: f"{policy.reviews_per_day} reviews a day: {policy.get_design_display().lower()}."
        for policy in SamplingPolicy.objects.current().filter(feature__in=features)
        if policy.reviews_per_day or policy.design == SamplingPolicy.Design.ALL
    }
    gates = gates_of(features)
    return {
        feature.pk: Facts(
            has_expectation=feature.pk in promised,
            owner=str(feature.owner or ""),
            off_switch=feature.off_switch,
            feedback_channel=feature.feedback_channel,
            has_open_form=feature.feedback_form_is_open,
            reviews=policies.get(feature.pk, ""),
            gate=gates[feature.pk],
        )
        for feature in features
    }


def _expectation(slug: str, facts: Facts) -> Check:
    return Check(
        "expectation",
        "An agreed expectation",
        facts.has_expectation,
        "Data science and product have both signed one whose day lies ahead."
        if facts.has_expectation
        else "Data science and product have not agreed yet on what it must reach, and by when.",
        reverse("metrics:expectations", args=[slug]),
        "Agree on one",
    )


def _owner(slug: str, facts: Facts) -> Check:
    said = f"{facts.owner} owns it." if facts.owner else "Nobody owns it: somebody must answer for it."
    return Check("owner", "An owner", bool(facts.owner), said, _here(slug), "Name one")


def _off_switch(slug: str, facts: Facts) -> Check:
    said = facts.off_switch or "Nobody has said how it is switched off when it goes wrong."
    return Check("off_switch", "An off switch", bool(facts.off_switch), said, _here(slug), "Say how")


def _feedback_channel(slug: str, facts: Facts) -> Check:
    said = facts.feedback_channel or ("Its own form is open to customers." if facts.has_open_form else "")
    missing = "Nobody has said how customers reach the team."
    return Check("feedback_channel", "A feedback channel", bool(said), said or missing, _here(slug), "Say how")


def _review_policy(slug: str, facts: Facts) -> Check:
    said = facts.reviews or "Nothing of it is reviewed."
    return Check("review_policy", "A review policy", bool(facts.reviews), said, _here(slug), "Set how many a day")


def _gate(slug: str, facts: Facts) -> Check:
    return Check(
        "gate",
        "Accountability gate open, or waived",
        facts.gate.is_open,
        f"Accountability is {facts.gate.sentence}.",
        reverse("metrics:decide", args=[slug]),
        "Decide to waive it",
    )


def _here(slug: str) -> str:
    return f"{reverse('metrics:stage', args=[slug])}#pilot"


# No stage asks for accuracy: speed matters, go live at the baseline (docs/decisions/0010).
RULES: dict[str, tuple[Callable[[str, Facts], Check], ...]] = {
    Stage.COMMITTED: (_expectation,),
    Stage.PILOT: (_owner, _off_switch, _feedback_channel, _review_policy),
    Stage.GENERAL: (_gate,),
}


def checks_for(stage: str, slug: str, facts: Facts) -> list[Check]:
    """What a stage asks of a feature that comes to it, and what was found. Most stages ask nothing."""
    return [rule(slug, facts) for rule in RULES.get(stage, ())]


def next_of(stage: str) -> str:
    """The stage after this one; empty after the last, and at a side exit."""
    place = ORDER.index(stage) + 1 if stage in ORDER else len(ORDER)
    return ORDER[place] if place < len(ORDER) else ""


def moves_from(stage: str, *, left_from: str, is_next_possible: bool) -> list[Move]:
    """Where a feature may go: on, one step back, out to the side; from a side exit to where it left.

    left_from: the stage on the way that it stood in last; it matters at a side exit only.
    """
    if stage in SIDE_EXITS:
        out = [Stage.NOT_USED] if stage == Stage.PARKED else []
        return [
            Move(left_from, label_of(left_from), "resume", True),
            *(Move(to, label_of(to), "side", True) for to in out),
        ]
    following, place = next_of(stage), ORDER.index(stage)
    found = [Move(following, label_of(following), "next", is_next_possible)] if following else []
    if place:
        found.append(Move(ORDER[place - 1], label_of(ORDER[place - 1]), "back", True))
    if stage != Stage.RETIRED:
        found += [Move(to, label_of(to), "side", True) for to in SIDE_EXITS]
    return found


def standing_of(feature: Feature, *, now: datetime) -> Standing:
    """Of one feature, with its owner fetched."""
    history = list(StageChange.objects.of(feature).order_by("-at", "-pk").values_list("from_stage", "at"))
    since = history[0][1] if history else feature.created_at
    left_from = next((stage for stage, _ in history if stage in ORDER), Stage.IDEA)
    return standing(feature, facts_of([feature], now=now)[feature.pk], since, left_from, now)


def standing(feature: Feature, facts: Facts, since: datetime, left_from: str, now: datetime) -> Standing:
    following = next_of(feature.stage)
    checks = checks_for(following, feature.slug, facts)
    return Standing(
        slug=feature.slug,
        name=feature.name,
        stage=feature.stage,
        stage_label=feature.get_stage_display(),
        since=since,
        days=max(0, (now - since).days),
        next_stage=following,
        next_label=label_of(following) if following else "",
        checks=checks,
        moves=moves_from(
            feature.stage, left_from=left_from, is_next_possible=all(check.is_met for check in checks)
        ),
    )


def history_of(feature: Feature) -> list[Step]:
    """Every move, newest first, and at the end the stage it was registered in."""
    changes = list(StageChange.objects.of(feature).select_related("user", "decision").order_by("-at", "-pk"))
    first = changes[-1].from_stage if changes else feature.stage
    return [
        *(_step(change) for change in changes),
        Step("", label_of(first), feature.created_at, "", "", "", "", []),
    ]


def _step(change: StageChange) -> Step:
    return Step(
        from_label=change.get_from_stage_display(),
        to_label=change.get_to_stage_display(),
        at=change.at,
        who=made_by(change.user, change.key_name),
        reason=change.reason,
        decision_url=change.decision.get_absolute_url() if change.decision else "",
        decision_title=change.decision.title if change.decision else "",
        checks=[(check["title"], check["is_met"], check["said"]) for check in change.checks],
    )
