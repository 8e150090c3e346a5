"""Explorations and decisions, for the product team's tools: the same rows as the boards."""

from dataclasses import asdict
from datetime import date
from typing import Any

from django.db.models import Q
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feedback import plan_reading as reading
from feedback.actions.deciding import record_decision
from feedback.actions.exploring import Need, start_exploration
from feedback.api.doors import features_for
from feedback.api.features import told
from feedback.models import ApiKey, Decision, Exploration, Feature, Membership, User
from feedback.models.decisions import DecisionQuerySet
from feedback.models.plans import ExplorationQuerySet
from feedback.policy import Policy, allow

READ = Policy("caller", scope="read")
# Any member decides and explores; of which feature, is looked up among those that the caller sees.
BY_MEMBERS = Policy("caller", roles=frozenset(Membership.Role.values), scope="manage")
NO_FEATURE = "There is no such feature, or it is not yours to see."
NO_MEMBER = "Nobody with this address is a member of the feature."

A_DECISION = {
    "feature": "delay-alert",
    "title": "Alert from 40 % on",
    "context": "Support calls doubled in April.",
    "options": ["Alert from 40 % on", "Alert from 60 % on"],
    "chosen": "Alert from 40 % on",
    "why": "A missed delay costs more than a needless call.",
    "owner": "ana@example.org",
    "review_on": "2027-01-15",
    "evidence": {"calls a week": "41"},
}
STORED_DECISION = {
    **A_DECISION,
    "id": 7,
    "outcome": "",
    "outcome_at": None,
    "outcome_by": "",
    "made_by": "ana@example.org",
    "made_at": "2026-11-24T09:00:00Z",
    "is_due": False,
    "explorations": [{"id": 3, "title": "Can delays be told two hours ahead?"}],
    "evidence": [{"what": "calls a week", "part": "", "value": "41"}],
}
A_NEED = {"what": "Gate changes with their time", "owner": "ana@example.org", "due_on": "2026-12-01"}
AN_EXPLORATION = {
    "feature": "delay-alert",
    "question": "Can delays be told two hours ahead?",
    "decides": "Product decides whether alerts go out before boarding.",
    "baseline": "The airline's own estimate: right 71 of 100 times.",
    "from_on": "2026-11-24",
    "until_on": "2026-12-11",
    "owner": "ana@example.org",
    "needs": [A_NEED],
}
STORED_EXPLORATION = {
    **AN_EXPLORATION,
    "id": 3,
    "is_ahead": False,
    "days_over": 0,
    "result": "",
    "answer": "",
    "effort_days": None,
    "became": "",
    "became_why": "",
    "needs": [{**A_NEED, "done_at": None, "is_overdue": False}],
    "decisions": [{"id": 7, "title": "Alert from 40 % on"}],
}


class PlanLinkShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    title = serializers.CharField()


class EvidenceLineShape(serializers.Serializer[Any]):
    what = serializers.CharField()
    part = serializers.CharField()
    value = serializers.CharField()


class Evidence(serializers.DictField):
    """{what: value}. DRF checks a dictionary's values by the child; the keys are texts all the same."""

    child = serializers.CharField(max_length=500)

    def to_internal_value(self, sent: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().to_internal_value(sent)
        if len(found) > 50:
            raise serializers.ValidationError("Evidence has at most 50 lines.")
        for what in found:
            serializers.CharField(max_length=200).run_validation(what)
        return found


class NewDecision(serializers.Serializer[Any]):
    """owner: the e-mail address of a member. evidence: what was known, as texts."""

    feature = serializers.SlugField(max_length=60)
    title = serializers.CharField(max_length=200)
    context = serializers.CharField(max_length=5000, required=False, allow_blank=True, default="")  # type: ignore[assignment]
    options = serializers.ListField(child=serializers.CharField(max_length=500), max_length=50, required=False)
    chosen = serializers.CharField(max_length=500)
    why = serializers.CharField(max_length=5000)
    owner = serializers.EmailField(required=False, allow_null=True)
    review_on = serializers.DateField(required=False, allow_null=True)
    evidence = Evidence(required=False)


class DecisionShape(serializers.Serializer[Any]):
    """owner: empty where nobody was named. is_due: its review has come, and the outcome is not told."""

    id = serializers.IntegerField()
    feature = serializers.CharField()
    title = serializers.CharField()
    context = serializers.CharField()  # type: ignore[assignment]  # a decision's, not the serializer's
    options = serializers.ListField(child=serializers.CharField())
    chosen = serializers.CharField()
    why = serializers.CharField()
    evidence = EvidenceLineShape(many=True)
    owner = serializers.CharField()
    review_on = serializers.DateField(allow_null=True)
    is_due = serializers.BooleanField()
    outcome = serializers.CharField()
    outcome_at = serializers.DateTimeField(allow_null=True)
    outcome_by = serializers.CharField()
    made_by = serializers.CharField()
    made_at = serializers.DateTimeField()
    explorations = PlanLinkShape(many=True)


class NewNeed(serializers.Serializer[Any]):
    what = serializers.CharField(max_length=300)
    owner = serializers.EmailField()
    due_on = serializers.DateField()


class NewExploration(serializers.Serializer[Any]):
    """feature missing or null: a question ahead of any. owner: a member's address; missing: the caller."""

    feature = serializers.SlugField(max_length=60, required=False, allow_null=True)
    question = serializers.CharField(max_length=300)
    decides = serializers.CharField(max_length=1000)
    baseline = serializers.CharField(max_length=500)
    from_on = serializers.DateField()
    until_on = serializers.DateField()
    owner = serializers.EmailField(required=False, allow_null=True)
    needs = serializers.ListField(child=NewNeed(), required=False, max_length=20)


class NeedShape(serializers.Serializer[Any]):
    what = serializers.CharField()
    owner = serializers.CharField()
    due_on = serializers.DateField()
    done_at = serializers.DateTimeField(allow_null=True)
    is_overdue = serializers.BooleanField()


class ExplorationShape(serializers.Serializer[Any]):
    """feature: empty ahead of any. result, became: empty while open. days_over: past its time box."""

    id = serializers.IntegerField()
    feature = serializers.CharField()
    question = serializers.CharField()
    decides = serializers.CharField()
    baseline = serializers.CharField()
    from_on = serializers.DateField()
    until_on = serializers.DateField()
    owner = serializers.CharField()
    is_ahead = serializers.BooleanField()
    days_over = serializers.IntegerField()
    result = serializers.CharField()
    answer = serializers.CharField()
    effort_days = serializers.FloatField(allow_null=True)
    became = serializers.CharField()
    became_why = serializers.CharField()
    needs = NeedShape(many=True)
    decisions = PlanLinkShape(many=True)


class FeatureQuery(serializers.Serializer[Any]):
    """feature: only those of this one."""

    feature = serializers.SlugField(max_length=60, required=False)


def caller_of(request: Request) -> tuple[User | None, str]:
    """The person, or the name of a service's key."""
    if isinstance(request.auth, ApiKey) and request.auth.person is None:
        return None, request.auth.name
    return (request.user if isinstance(request.user, User) else None), ""


def explorations_for(request: Request) -> ExplorationQuerySet:
    """Those that the caller sees. A key for some features sees no question that is ahead of any."""
    user, _ = caller_of(request)
    if user is not None:
        return Exploration.objects.visible_to(user)
    sees_all = isinstance(request.auth, ApiKey) and request.auth.is_for_all_features
    ahead = Q(feature=None) if sees_all else Q()
    return Exploration.objects.filter(Q(feature__in=features_for(request)) | ahead)


@allow(READ)
class Decisions(APIView):
    """What was decided, newest first."""

    policy_to_change = BY_MEMBERS

    @extend_schema(
        operation_id="decisions_list",
        parameters=[FeatureQuery],
        responses=DecisionShape(many=True),
        examples=[OpenApiExample("A decision", value=STORED_DECISION, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        features = _asked(request)
        found = Decision.objects.filter(feature__in=features).order_by("-made_at", "-pk")
        return Response([_decision(each) for each in _with_context(found, request)])

    @extend_schema(
        request=NewDecision,
        responses={201: DecisionShape},
        examples=[OpenApiExample("A decision", value=A_DECISION, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        shape = NewDecision(data=request.data)
        shape.is_valid(raise_exception=True)
        fields = {"context": "", "options": [], "review_on": None, "evidence": {}, **shape.validated_data}
        feature, (user, key_name) = _feature(request, fields.pop("feature")), caller_of(request)
        owner = _member(feature, fields.pop("owner", None), "owner", user)
        now = timezone.now()
        made = told(
            lambda: record_decision(feature=feature, owner=owner, user=user, key_name=key_name, now=now, **fields)
        )
        (again,) = _with_context(Decision.objects.filter(pk=made.pk), request)
        return Response(_decision(again), status=201)


@allow(READ)
class Explorations(APIView):
    """What is explored: running ones first, the one longest past its time box at the top."""

    policy_to_change = BY_MEMBERS

    @extend_schema(
        operation_id="explorations_list",
        parameters=[FeatureQuery],
        responses=ExplorationShape(many=True),
        examples=[OpenApiExample("An exploration", value=STORED_EXPLORATION, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        found = explorations_for(request)
        if "feature" in request.query_params:
            found = found.filter(feature__in=_asked(request))
        return Response([_exploration(each) for each in _with_parts(found, request)])

    @extend_schema(
        request=NewExploration,
        responses={201: ExplorationShape},
        examples=[OpenApiExample("An exploration", value=AN_EXPLORATION, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        shape = NewExploration(data=request.data)
        shape.is_valid(raise_exception=True)
        fields = dict(shape.validated_data)
        slug, (user, _) = fields.pop("feature", None), caller_of(request)
        feature = _feature(request, slug) if slug else None
        owner = _member(feature, fields.pop("owner", None), "owner", user) or user
        needs = [
            Need(need["what"], _member(feature, need["owner"], "needs", user), need["due_on"])
            for need in fields.pop("needs", [])
        ]
        if owner is None:
            raise serializers.ValidationError({"owner": "Name its owner: a service cannot be one."})
        now = timezone.now()
        made = told(
            lambda: start_exploration(feature=feature, owner=owner, needs=needs, user=user, now=now, **fields)
        )
        (again,) = _with_parts(Exploration.objects.filter(pk=made.pk), request)
        return Response(_exploration(again), status=201)


def _asked(request: Request) -> Any:
    """The features of the list: those that the caller sees, or the one that is asked for."""
    query = FeatureQuery(data=request.query_params)
    query.is_valid(raise_exception=True)
    seen = features_for(request)
    return seen.filter(slug=query.validated_data["feature"]) if "feature" in query.validated_data else seen


def _feature(request: Request, slug: str) -> Feature:
    """Raises a 400 for an unknown feature and for one of others alike."""
    found = features_for(request).filter(slug=slug).first()
    if found is None:
        raise serializers.ValidationError({"feature": NO_FEATURE})
    return found


def _member(feature: Feature | None, address: str | None, field: str, caller: User | None) -> User | None:
    """The member of this address, one of staff, or the caller. Whether others have an account, nobody is told."""
    if not address:
        return None
    person = User.objects.filter(email__iexact=address, is_active=True).first()
    if person is not None and (person == caller or person.is_staff or _is_member(person, feature)):
        return person
    raise serializers.ValidationError({field: NO_MEMBER})


def _is_member(person: User, feature: Feature | None) -> bool:
    return feature is not None and Feature.objects.visible_to(person).filter(pk=feature.pk).exists()


def _with_context(found: DecisionQuerySet, request: Request) -> DecisionQuerySet:
    return reading.with_context(found, explorations=explorations_for(request))


def _with_parts(found: ExplorationQuerySet, request: Request) -> ExplorationQuerySet:
    return reading.with_parts(found, features=features_for(request)).running_first()


def _today() -> date:
    return timezone.now().date()


def _decision(decision: Decision) -> dict[str, Any]:
    row = asdict(reading.decision_row(decision, today=_today()))
    shape = DecisionShape({**row, "id": row["pk"], "explorations": _links(row["explorations"])})
    return dict(shape.data)


def _exploration(exploration: Exploration) -> dict[str, Any]:
    row = asdict(reading.exploration_row(exploration, today=_today()))
    return dict(ExplorationShape({**row, "id": row["pk"], "decisions": _links(row["decisions"])}).data)


def _links(links: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": link["pk"], "title": link["title"]} for link in links]
