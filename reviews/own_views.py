"""A reviewer's own page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from feedback.models import User
from feedback.policy import PERSON, allow
from reviews.own_reading import own_page


@allow(PERSON)
@require_safe
def me(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)  # noqa: S101  for the type checker: the policy asks for a person
    return render(request, "reviews/me.html", {"page": own_page(request.user, now=timezone.now())})
