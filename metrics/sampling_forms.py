"""The shape of the sampling page's form: shares in percent, the lease in minutes, as people say them."""

import math
from typing import Any

from django import forms

from reviews.models import SamplingPolicy


class PercentField(forms.FloatField):
    """A share in [0, 1], shown and entered in percent."""

    def __init__(self, *, most: float = 100, least: float = 0, **kwargs: Any) -> None:
        widget = forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"})
        super().__init__(min_value=least, max_value=most, widget=widget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return f"{100 * value:.10g}" if isinstance(value, float) else value

    def clean(self, value: Any) -> float | None:
        percent = super().clean(value)
        return None if percent is None else round(percent / 100, 12)


class SamplingForm(forms.Form):
    """after: number of the policy that the change is made from; 0: there is none."""

    after = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    design = forms.ChoiceField(
        choices=SamplingPolicy.Design.choices, widget=forms.RadioSelect, label="Which predictions"
    )
    reviews_per_day = forms.IntegerField(
        min_value=0, max_value=10_000, label="Reviews a day",
        help_text="Predictions of each version that are drawn a day. 0 stops drawing.",
    )  # fmt: skip
    target_count = forms.IntegerField(
        min_value=1, max_value=1_000_000, label="Reviews aimed at",
        help_text="The count at which the interval is made to be tightest.",
    )  # fmt: skip
    watch_share = PercentField(
        least=1, label="While watching, %",
        help_text="Share of the reviews a day that stays once all that was agreed is met.",
    )  # fmt: skip
    overlap_share = PercentField(
        label="Second opinions, %", help_text="Share of items that two reviewers judge, neither knowing the other."
    )
    audit_share = PercentField(
        label="Audited, %", help_text="Of items on which two agree, the share that a third person looks at again."
    )
    gold_share = PercentField(
        most=50, label="Gold, %", help_text="Share of claims that are cases whose answer is known."
    )
    is_blind = forms.BooleanField(
        required=False, label="Blind: reviewers answer before they see the model’s answer"
    )
    lease_minutes = forms.FloatField(
        min_value=1, max_value=1440, label="Minutes to judge a case",
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
        help_text="After that it goes to somebody else.",
    )  # fmt: skip
    skill_segment = forms.RegexField(
        r"^[^\0]*$", max_length=64, required=False, label="Skill asked for",
        help_text="A segment such as language: only reviewers with the prediction’s own value judge it.",
    )  # fmt: skip

    def clean_lease_minutes(self) -> float:
        minutes: float = self.cleaned_data["lease_minutes"]
        if not math.isfinite(minutes):
            raise forms.ValidationError("Enter a number.")
        return minutes

    def fields_of_policy(self) -> dict[str, Any]:
        """What was entered, as the policy's own fields."""
        entered = {name: value for name, value in self.cleaned_data.items() if name != "after"}
        minutes = entered.pop("lease_minutes")
        return {**entered, "lease_seconds": round(60 * minutes)}


def initial_of(policy: SamplingPolicy) -> dict[str, Any]:
    """policy: the one that holds, or one not saved for a feature that nobody samples yet (number None)."""
    named = [name for name in SamplingForm.base_fields if name not in {"after", "lease_minutes"}]
    shown = {name: getattr(policy, name) for name in named}
    return {**shown, "after": policy.number or 0, "lease_minutes": f"{policy.lease_seconds / 60:g}"}
