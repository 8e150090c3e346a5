"""Features and how they are sampled; a change of one: its stage moves by the rules, the rest as it is sent."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.db import transaction
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feedback.actions.features import change_feature, create_feature
from feedback.api import features
from feedback.api.doors import features_for
from feedback.api.plans import caller_of
from feedback.models import Feature, Membership
from feedback.policy import Policy, allow
from metrics.actions.staging import change_stage
from reviews.api.sampling import A_SAMPLING, STORED_SAMPLING, SamplingShape, sampling_of, set_sampling
from reviews.steering import STEERERS

# Whoever may steer how it is reviewed on the page may by REST; the rest of a feature is its owner's.
STEER = Policy("caller", roles=frozenset(role.value for role in STEERERS), scope="manage")


class FeatureShape(features.FeatureShape):
    # null, as a feature that nobody samples is answered with: no change.
    sampling = SamplingShape(required=False, allow_null=True)

    class Meta(features.FeatureShape.Meta):
        fields: ClassVar[list[str]] = [*features.FeatureShape.Meta.fields, "sampling"]


class FeatureChange(FeatureShape):
    class Meta(FeatureShape.Meta):
        read_only_fields: ClassVar[list[str]] = ["slug", "answer_kind", "created_at"]


class StoredFeature(FeatureShape):
    """sampling: null while nobody samples the feature."""

    sampling = SamplingShape(allow_null=True, read_only=True)


STORED = OpenApiExample(
    "A feature", value={**features.STORED_FEATURE, "sampling": STORED_SAMPLING}, response_only=True
)


def told(found: Iterable[Feature]) -> list[dict[str, Any]]:
    """Features as they are answered, with the sampling that holds; one query more for all of them."""
    listed = list(found)
    sampling = sampling_of(listed)
    return [{**features.FeatureShape(each).data, "sampling": sampling.get(each.pk)} for each in listed]


@allow(features.READ)
class Features(APIView):
    """The features that the caller sees."""

    policy_to_change = features.MANAGE

    @extend_schema(operation_id="features_list", responses=StoredFeature(many=True), examples=[STORED])
    def get(self, request: Request) -> Response:
        return Response(told(features_for(request).order_by("slug")))

    @extend_schema(
        request=FeatureShape,
        responses={201: StoredFeature},
        examples=[
            OpenApiExample("A feature", value={**features.A_FEATURE, "sampling": A_SAMPLING}, request_only=True),
            STORED,
        ],
    )
    def post(self, request: Request) -> Response:
        features.refuse_keys_for_some(request)
        shape = FeatureShape(data=request.data)
        shape.is_valid(raise_exception=True)
        made = features.told(lambda: self._make(request, **shape.validated_data))
        return Response(told([made])[0], status=201)

    @staticmethod
    @transaction.atomic
    def _make(request: Request, *, sampling: dict[str, Any] | None = None, **fields: Any) -> Feature:
        now, (user, _) = timezone.now(), caller_of(request)
        made = create_feature(now=now, **fields)
        set_sampling(feature=made, sent=sampling, user=user, now=now)
        return made


def _refuse_steerers_the_rest(request: Request, feature: Feature) -> None:
    """Raises PermissionDenied for who is no owner, and sends anything but `sampling` alone."""
    person, _ = caller_of(request)
    sent = request.data
    is_sampling = isinstance(sent, Mapping) and set(sent) == {"sampling"}
    if person is None or person.is_staff or is_sampling:
        return
    owned = Membership.objects.of(person).with_role(Membership.Role.OWNER).filter(feature=feature)
    if not owned.exists():
        raise PermissionDenied("Only an owner changes more of a feature than its sampling.")


@allow(features.READ)
class OneFeature(APIView):
    """One feature. Its slug and its kind of answer are for good; its stage moves by the rules of /stage/."""

    policy_to_change = STEER

    @extend_schema(responses=StoredFeature, examples=[STORED])
    def get(self, request: Request, slug: str) -> Response:
        return Response(told([get_object_or_404(features_for(request), slug=slug)])[0])

    @extend_schema(
        request=FeatureChange,
        responses=StoredFeature,
        examples=[
            OpenApiExample("Another stage", value={"stage": "general"}, request_only=True),
            OpenApiExample("More reviews", value={"sampling": {"reviews_per_day": 60}}, request_only=True),
            STORED,
        ],
    )
    def patch(self, request: Request, slug: str) -> Response:
        feature = get_object_or_404(features_for(request), slug=slug)
        _refuse_steerers_the_rest(request, feature)
        shape = FeatureChange(feature, data=request.data, partial=True)
        shape.is_valid(raise_exception=True)
        changed = features.told(
            lambda: self._change(request, feature, **shape.validated_data), called={"to": "stage"}
        )
        return Response(told([changed])[0])

    @staticmethod
    @transaction.atomic
    def _change(
        request: Request,
        feature: Feature,
        *,
        sampling: dict[str, Any] | None = None,
        stage: str | None = None,
        **fields: Any,
    ) -> Feature:
        """All of it or nothing. The stage it is at already is no change, nor is the sampling that holds."""
        now, (user, key_name) = timezone.now(), caller_of(request)
        change_feature(feature=feature, **fields)
        set_sampling(feature=feature, sent=sampling, user=user, now=now)
        if stage not in {None, feature.stage}:
            change_stage(feature=feature, to=stage, user=user, key_name=key_name, now=now)
        return feature
