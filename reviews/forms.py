"""The shape of what the desk's forms send; what may be said of a case, its action knows."""

from typing import Any

from django import forms

from reviews.desk import Kept


class Codes(forms.MultipleChoiceField):
    """Any number of short codes."""

    def valid_value(self, value: Any) -> bool:
        return len(str(value)) <= 64


class ClaimForm(forms.Form):
    feature = forms.SlugField(max_length=60, required=False)


class TokenForm(forms.Form):
    token = forms.CharField(max_length=64)


class SkipForm(TokenForm):
    reason = forms.CharField(max_length=40, required=False, empty_value="skipped")


class JudgmentForm(TokenForm):
    verdict = forms.CharField(max_length=12, error_messages={"required": "Choose a verdict."})
    corrected = forms.CharField(max_length=200, required=False)
    reasons = Codes(required=False)
    comment = forms.CharField(max_length=5000, required=False)
    is_flagged = forms.BooleanField(required=False)
    idempotency_key = forms.CharField(max_length=64, required=False)

    def clean(self) -> dict[str, Any]:
        """Without a key of its own a form counts once per lease."""
        cleaned = self.cleaned_data
        cleaned["idempotency_key"] = cleaned.get("idempotency_key") or cleaned.get("token", "")
        return cleaned

    def kept(self) -> Kept:
        """What was entered, right or wrong, to be shown again."""
        entered = self.data
        return Kept(
            verdict=entered.get("verdict", ""),
            corrected=entered.get("corrected", ""),
            reasons=entered.getlist("reasons"),  # type: ignore[attr-defined]  # a QueryDict, as request.POST is
            comment=entered.get("comment", ""),
        )


class TargetForm(forms.Form):
    item = forms.IntegerField(min_value=1, max_value=2**63 - 1)
