"""The adjudication desk: what two reviewers see differently, for a third to decide."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from feedback.models import Feature, Membership, User
from feedback.policy import Policy, allow
from reviews.actions.claims import adjudicated_by
from reviews.adjudication_reading import adjudication_desk


@allow(Policy("member", roles=frozenset({Membership.Role.ADJUDICATOR.value})))
@require_safe
def adjudication(request: HttpRequest, slug: str) -> HttpResponse:
    person = request.user
    assert isinstance(person, User)  # noqa: S101  for the type checker: the policy asks for a member
    feature = get_object_or_404(Feature.objects.visible_to(person), slug=slug)
    may_decide = feature in adjudicated_by(person)
    desk = adjudication_desk(feature, person=person, may_decide=may_decide, now=timezone.now())
    return render(request, "reviews/adjudication.html", {"desk": desk})
