"""The shape of what the pages of feedback send; who may do it, and whether it fits, is known elsewhere."""

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.db.models import QuerySet

from feedback.ingest.checking import AHEAD
from feedback.ingest.items import Wrong, check_actor
from feedback.models import Feature, FeedbackItem, Theme

State = FeedbackItem.State
CHANGES = [pair for pair in State.choices if pair[0] != State.NEW]
MOST_TICKED = 200
MOST_QUOTES = 50


class StateForm(forms.Form):
    to = forms.ChoiceField(choices=CHANGES)
    seen = forms.ChoiceField(choices=State.choices)
    words = forms.CharField(max_length=1000, required=False)
    following = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)


class SeverityForm(forms.Form):
    severity = forms.ChoiceField(
        choices=FeedbackItem.Severity.choices, error_messages={"required": "Choose how bad it is."}
    )


class ThemeChoiceForm(forms.Form):
    """An existing theme, or the title of a new one; neither: the item leaves its theme."""

    theme = forms.ModelChoiceField(
        Theme.objects.none(), required=False, error_messages={"invalid_choice": "There is no such theme here."}
    )
    title = forms.CharField(max_length=120, required=False)

    def __init__(self, *args: Any, themes: QuerySet[Theme], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["theme"].queryset = themes  # type: ignore[attr-defined]


class Ticked(forms.MultipleChoiceField):
    """Ids of items; those that are nobody's or another's are left alone, not told apart."""

    def clean(self, value: Any) -> list[int]:
        ids = [int(each) for each in value or [] if str(each).isascii() and str(each).isdigit()]
        if not ids:
            raise forms.ValidationError("Tick the items that you mean.")
        return [each for each in ids if each < 2**63][:MOST_TICKED]


class BulkForm(forms.Form):
    items = Ticked()
    to = forms.ChoiceField(choices=[("", ""), *CHANGES], required=False)
    theme = forms.ModelChoiceField(Theme.objects.none(), required=False)
    words = forms.CharField(max_length=1000, required=False)

    def __init__(self, *args: Any, themes: QuerySet[Theme], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["theme"].queryset = themes  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cleaned_data
        if not self.errors and not found["to"] and not found["theme"]:
            raise forms.ValidationError("Choose a state, a theme or both.")
        if found.get("to") == State.CLOSED and not found.get("words"):
            self.add_error("words", "Say how it ended: feedback is closed with an outcome.")
        if found.get("to") == State.ANSWERED and not found.get("words"):
            self.add_error("words", "Say what the customers were told.")
        return found


class NewThemeForm(forms.Form):
    feature = forms.ModelChoiceField(
        Feature.objects.none(), to_field_name="slug", error_messages={"required": "Choose a feature."}
    )
    title = forms.CharField(max_length=120, error_messages={"required": "Give it a title."})

    def __init__(self, *args: Any, features: QuerySet[Feature], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["feature"].queryset = features  # type: ignore[attr-defined]


class MergeForm(forms.Form):
    theme = forms.ModelChoiceField(
        Theme.objects.none(), error_messages={"required": "Choose the theme that goes into another."}
    )
    into = forms.ModelChoiceField(
        Theme.objects.none(), error_messages={"required": "Choose the theme to merge it into."}
    )

    def __init__(self, *args: Any, themes: QuerySet[Theme], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("theme", "into"):
            self.fields[name].queryset = themes  # type: ignore[attr-defined]


def pseudonym(value: str) -> None:
    try:
        check_actor(value)
    except Wrong as wrong:
        raise forms.ValidationError(str(wrong)) from wrong


class CallNoteForm(forms.Form):
    feature = forms.ModelChoiceField(
        Feature.objects.none(), to_field_name="slug", empty_label="Choose a feature",
        error_messages={"required": "Choose the feature that you talked about."},
    )  # fmt: skip
    account = forms.CharField(
        max_length=200, label="Customer", error_messages={"required": "Name the customer you talked with."}
    )
    actor = forms.CharField(
        max_length=200, required=False, label="Who", validators=[pseudonym],
        help_text="The pseudonym that your product sends, if you know it: never a name or an address.",
    )  # fmt: skip
    held_at = forms.DateTimeField(
        label="When (UTC)", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"required": "Say when you talked."},
    )  # fmt: skip
    text = forms.CharField(
        max_length=10_000, label="What was said", widget=forms.Textarea(attrs={"rows": 6}),
        error_messages={"required": "Write down what was said."},
    )  # fmt: skip
    quotes = forms.CharField(
        max_length=10_000, required=False, label="Quotes, one a line",
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="The customer's own words. Each becomes an item in the inbox.",
    )  # fmt: skip
    idempotency_key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, features: QuerySet[Feature], now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["feature"].queryset = features  # type: ignore[attr-defined]
        self.now = now

    def clean_held_at(self) -> datetime:
        held_at: datetime = self.cleaned_data["held_at"]
        if held_at > self.now + AHEAD:
            raise forms.ValidationError("This lies ahead. The time is in UTC.")
        return held_at

    def clean_quotes(self) -> list[str]:
        quotes = [line.strip() for line in self.cleaned_data["quotes"].splitlines() if line.strip()]
        if len(quotes) > MOST_QUOTES:
            raise forms.ValidationError(f"A note has at most {MOST_QUOTES} quotes.")
        return quotes


class CustomerForm(forms.Form):
    """What a customer writes. website: people do not see it, machines fill it in."""

    channel = forms.ChoiceField(
        label="What is it about?",
        choices=[("complaint", "Something went wrong"), ("widget", "A wish or an idea")],
        initial="complaint",
        error_messages={"required": "Choose what it is about."},
    )
    text = forms.CharField(
        max_length=10_000, label="Tell us", widget=forms.Textarea(attrs={"rows": 6}),
        error_messages={"required": "Write a few words."},
    )  # fmt: skip
    account = forms.CharField(
        max_length=200, required=False, label="Your company (if you like)",
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )  # fmt: skip
    prediction = forms.CharField(max_length=200, required=False, widget=forms.HiddenInput)
    website = forms.CharField(max_length=10_000, required=False)
    token = forms.CharField(max_length=400, required=False)


class EmbedForm(forms.Form):
    """What the embedded buttons send: a thumb, with words or without."""

    rating = forms.TypedChoiceField(coerce=float, choices=[("-1", ""), ("1", "")])
    text = forms.CharField(max_length=10_000, required=False)
    # Up, down and up again on one page are three thumbs; the same one sent twice is one.
    press = forms.IntegerField(min_value=1, max_value=10_000, required=False)
    prediction = forms.CharField(max_length=200)
    actor = forms.CharField(max_length=200, required=False)
    account = forms.CharField(max_length=200, required=False)
    website = forms.CharField(max_length=10_000, required=False)
    token = forms.CharField(max_length=400, required=False)


ORIGIN = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?|https?://\[[0-9a-f:]+\](?::[0-9]{1,5})?")
NOT_AN_ORIGIN = "{} is no origin. Write scheme and host alone, like https://app.example.org"


class FormSettingsForm(forms.Form):
    is_open = forms.BooleanField(required=False, label="Anyone who has the address may write")
    origins = forms.CharField(
        max_length=4000, required=False, label="Sites that may embed the buttons, one a line",
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Scheme and host alone, as a browser names them: https://app.example.org",
    )  # fmt: skip

    def clean_origins(self) -> list[str]:
        named = [line.strip().rstrip("/").lower() for line in self.cleaned_data["origins"].splitlines()]
        origins = list(dict.fromkeys(filter(None, named)))
        for origin in origins:
            if not ORIGIN.fullmatch(origin) or not urlsplit(origin).hostname:
                raise forms.ValidationError(NOT_AN_ORIGIN.format(origin[:100]))
        if len(origins) > 20:
            raise forms.ValidationError("Name at most 20 sites.")
        return origins
