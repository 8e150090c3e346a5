"""Sending the prediction that somebody complained about to review."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from feedback.actions.triage import TRIAGERS, record_sent_to_review
from feedback.models import Feature, FeedbackItem, Prediction, User
from feedback.policy import Policy, allow
from reviews.actions import leading
from reviews.forms import TargetForm

NEW = "Sent to review: whoever reviews next gets it."
AGAIN = "It was sent to review before; its case is still there."
NOT_HERE = "The prediction that this names has not arrived, so there is nothing to review yet."


@allow(Policy("member", roles=TRIAGERS))
@require_POST
def target(request: HttpRequest, slug: str) -> HttpResponse:
    """item: the feedback item that names the prediction, of this feature."""
    user, now = request.user, timezone.now()
    assert isinstance(user, User)  # noqa: S101  for the type checker: the policy asks for a member
    feature = get_object_or_404(Feature.objects.visible_to(user), slug=slug)
    form = TargetForm(request.POST)
    pk = form.cleaned_data["item"] if form.is_valid() else 0
    items = FeedbackItem.objects.of(feature).trusted().exclude(prediction_external_id="")
    item = get_object_or_404(items, pk=pk)
    found = Prediction.objects.of(feature).filter(external_id=item.prediction_external_id)
    prediction = found.select_related("feature").first()
    if prediction is None:
        messages.warning(request, NOT_HERE)
    else:
        _, is_new = leading.target(prediction=prediction, now=now)
        record_sent_to_review(item=item, user=user, now=now)
        messages.success(request, NEW if is_new else AGAIN)
    filters = request.GET.copy()
    filters["item"] = str(item.pk)
    return HttpResponseRedirect(f"{reverse('feedback:inbox')}?{filters.urlencode()}", status=303)
