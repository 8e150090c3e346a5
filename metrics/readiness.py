"""The checklist of readiness: what the system sees for itself, and what only a person can say."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef

from feedback.models import Feature, ModelVersion, Outcome, UsageEvent
from metrics.models import Expectation, ReadinessItem, RuntimePercentiles
from metrics.stats.accountability import SECTIONS
from reviews.models import ReviewItem, SamplingPolicy

LATELY = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class Check:
    """is_automatic: the system sees whether it holds. text: what holds. next_step: how it comes to hold."""

    code: str
    section: str
    is_automatic: bool
    text: str
    next_step: str


CHECKS = [
    Check("owner", "ownership", True, "Somebody owns it", "Set an owner in the administration."),
    Check(
        "expectation", "ownership", True, "An expectation is agreed", "Propose one and have both functions sign."
    ),
    Check("deputy", "ownership", False, "Somebody stands in for the owner", "Name a deputy, then tick."),
    Check("off_switch", "oversight", True, "An off switch is named", "Say how it is switched off."),
    Check("review_policy", "oversight", True, "Predictions are drawn for review", "Set a sampling policy."),
    Check("truth", "oversight", True, "Reviews or truth arrived in the last 28 days", "Review, or send outcomes."),
    Check("off_switch_tried", "oversight", False, "The off switch was tried", "Switch it off once, then tick."),
    Check("latency", "monitoring", True, "Its latency is measured", "Send latency_ms with predictions."),
    Check("usage", "monitoring", True, "Usage arrived in the last 28 days", "Send usage events."),
    Check("feedback_channel", "monitoring", True, "Customers can reach the team", "Name a feedback channel."),
    Check("who_is_called", "monitoring", False, "Somebody is called when it stops", "Agree who is, then tick."),
    Check("description", "documentation", True, "It is described", "Write what it answers, and for whom."),
    Check("labels", "documentation", True, "Its labels or inputs have names for people", "Name them."),
    Check("baseline", "documentation", True, "One version is marked as the baseline", "Mark the version to beat."),
    Check("limits", "documentation", False, "What it is not for is written down", "Write it down, then tick."),
]
MANUAL = {check.code: check for check in CHECKS if not check.is_automatic}


@dataclass(frozen=True, slots=True)
class CheckedItem:
    """A line of the checklist. by, at, expires_at: of a tick, also of one that has run out."""

    check: Check
    holds: bool
    by: str = ""
    at: datetime | None = None
    expires_at: datetime | None = None
    note: str = ""

    @property
    def has_run_out(self) -> bool:
        return not self.holds and self.expires_at is not None


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    items: list[CheckedItem]

    @property
    def n_held(self) -> int:
        return sum(item.holds for item in self.items)

    @property
    def share(self) -> float:
        return self.n_held / len(self.items)


def checklist(feature: Feature, *, now: datetime) -> list[Section]:
    """Every item of the four sections, in three queries, whatever the feature's size."""
    seen, said = _seen(feature, now), _said(feature)
    items = [
        CheckedItem(check, seen[check.code]) if check.is_automatic else _manual(check, said.get(check.code), now)
        for check in CHECKS
    ]
    return [Section(name, [item for item in items if item.check.section == name]) for name in SECTIONS]


def holding(sections: list[Section]) -> dict[str, list[bool]]:
    return {section.name: [item.holds for item in section.items] for section in sections}


def _said(feature: Feature) -> dict[str, ReadinessItem]:
    return {
        item.code: item for item in ReadinessItem.objects.of(feature).select_related("ticked_by").newest_last()
    }


def _manual(check: Check, said: ReadinessItem | None, now: datetime) -> CheckedItem:
    if said is None or not said.is_ticked or said.ticked_at > now:
        return CheckedItem(check, holds=False)
    return CheckedItem(
        check,
        holds=now < said.expires_at,
        by=str(said.ticked_by or "somebody who left"),
        at=said.ticked_at,
        expires_at=said.expires_at,
        note=said.note,
    )


def _seen(feature: Feature, now: datetime) -> dict[str, bool]:
    since, own = now - LATELY, {"feature": OuterRef("pk")}
    reviewed = ReviewItem.objects.final().filter(**own, final_at__gte=since)
    told = Outcome.objects.filter(**own, received_at__gte=since)
    latency = RuntimePercentiles.objects.filter(**own, measure="latency_ms", n__gt=0)
    found = (
        Feature.objects.filter(pk=feature.pk)
        .annotate(
            has_policy=Exists(SamplingPolicy.objects.filter(**own)),
            has_review=Exists(reviewed),
            has_truth=Exists(told),
            has_latency=Exists(latency),
            has_usage=Exists(UsageEvent.objects.filter(**own, occurred_at__gte=since)),
            has_expectation=Exists(Expectation.objects.in_force().filter(**own)),
            has_baseline=Exists(ModelVersion.objects.filter(**own, is_baseline=True)),
        )
        .values(
            "has_policy", "has_review", "has_truth", "has_latency", "has_usage", "has_expectation", "has_baseline"
        )
        .get()
    )  # fmt: skip
    return {
        "owner": feature.owner_id is not None,
        "expectation": found["has_expectation"],
        "off_switch": bool(feature.off_switch.strip()),
        "review_policy": found["has_policy"],
        "truth": found["has_review"] or found["has_truth"],
        "latency": found["has_latency"],
        "usage": found["has_usage"],
        "feedback_channel": bool(feature.feedback_channel.strip()) or feature.feedback_form_is_open,
        "description": bool(feature.description.strip()),
        "labels": _has_names(feature),
        "baseline": found["has_baseline"],
    }


def _has_names(feature: Feature) -> bool:
    """Every declared label of the newest version has words, or the inputs do where it answers otherwise."""
    if feature.answer_kind != Feature.AnswerKind.LABEL:
        return bool(feature.input_fields)
    newest = ModelVersion.objects.of(feature).order_by(F("deployed_at").desc(nulls_last=True), "-pk").first()
    labels = newest.labels if newest else []
    return bool(labels) and all(label in feature.label_names for label in labels)
