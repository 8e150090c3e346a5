"""The shape of what the stage page's forms send; what may be done, the actions know."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from feedback.models import Decision, Feature, User
from metrics.stage_reading import Standing


class MoveForm(forms.Form):
    to = forms.ChoiceField(label="Move to")
    reason = forms.CharField(
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="Reason",
        help_text="Needed for everything but the next stage.",
    )
    decision = forms.ModelChoiceField(
        queryset=Decision.objects.none(),
        required=False,
        empty_label="None",
        label="Decision it rests on",
        help_text="One made since it came to this stage waives the accountability gate.",
    )

    def __init__(self, *args: Any, standing: Standing, decisions: QuerySet[Decision], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        words = {"next": "the next stage", "back": "one step back", "side": "aside", "resume": "back on its way"}
        choices = [(move.to, f"{move.label} ({words[move.kind]})") for move in standing.moves]
        self.fields["to"].choices = choices  # type: ignore[attr-defined]
        self.fields["decision"].queryset = decisions  # type: ignore[attr-defined]


class PilotForm(forms.Form):
    """What a pilot needs: who answers for it, how it is switched off, how customers reach the team, reviews."""

    owner = forms.ModelChoiceField(queryset=User.objects.none(), required=False, empty_label="Nobody")
    off_switch = forms.CharField(
        max_length=500,
        required=False,
        label="Off switch",
        help_text="How it is switched off, by whom, and how long that takes.",
    )
    feedback_channel = forms.CharField(
        max_length=500,
        required=False,
        label="Feedback channel",
        help_text="How customers reach the team.",
    )

    reviews_per_day = forms.IntegerField(
        min_value=0,
        max_value=10_000,
        required=False,
        label="Reviews a day",
        help_text="How many of its predictions experts judge; a change is a new review policy.",
    )

    def __init__(
        self,
        *args: Any,
        feature: Feature,
        reviews_per_day: int | None,
        people: QuerySet[User],
        **kwargs: Any,
    ) -> None:
        asked = {name: getattr(feature, name) for name in ("owner", "off_switch", "feedback_channel")}
        asked["reviews_per_day"] = reviews_per_day
        super().__init__(*args, **{**kwargs, "initial": asked})
        self.fields["owner"].queryset = people  # type: ignore[attr-defined]
