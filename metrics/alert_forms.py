"""The shape of what people say to an alert; what may be done, the actions know."""

from typing import Any

from django import forms
from django.db.models import Exists, OuterRef, Q

from feedback.models import Feature, Membership, User
from feedback.plan_forms import long_text
from metrics.actions.answering import ANSWERING

STEPS = {
    "take": "Take over",
    "hand_over": "Hand over",
    "snooze": "Snooze",
    "clear": "Clear",
}


class TakeForm(forms.Form):
    words = long_text("What you found, or do about it", most=2000)


class HandOverForm(forms.Form):
    to = forms.ModelChoiceField(queryset=User.objects.none(), label="To", empty_label="Choose")
    words = long_text("Why", most=2000)

    def __init__(self, *args: Any, feature: Feature, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held = Membership.objects.with_role(*ANSWERING).filter(user=OuterRef("pk"), feature=feature)
        people = User.objects.filter(Q(is_staff=True) | Exists(held), is_active=True).order_by("email")
        self.fields["to"].queryset = people  # type: ignore[attr-defined]


class SnoozeForm(forms.Form):
    until = forms.DateTimeField(
        label="Until",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="UTC, within 30 days. It stays raised, and its times stay.",
    )
    words = long_text("Why it can wait", most=2000)


class ClearForm(forms.Form):
    words = long_text("Why it is over", most=2000)
