"""The shape of what the forms of expectations send: percent on the page, shares in what an action takes."""

from typing import Any

from django import forms

from feedback.models import Feature, ModelVersion
from feedback.plan_forms import day, long_text
from metrics.actions.expecting import Terms
from metrics.functions import name_of
from metrics.models import Expectation

Metric = Expectation.Metric
CHANCE_HELP = (
    "In percent. Stated before anybody knows: from 20 resolved ones on, it becomes your function's record."
)


def chance(label: str = "How likely is it to be met?") -> forms.FloatField:
    return forms.FloatField(label=label, min_value=0, max_value=100, help_text=CHANCE_HELP)


class FunctionForm(forms.Form):
    """Which function one signs for: chosen only by whoever has both."""

    function = forms.ChoiceField(label="For which function")

    def __init__(self, *args: Any, functions: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: forms.ChoiceField = self.fields["function"]  # type: ignore[assignment]
        chosen.choices = [(function, name_of(function)) for function in functions]
        if len(functions) == 1:
            chosen.widget = forms.HiddenInput()
            chosen.initial = functions[0]


class SignForm(FunctionForm):
    p = chance()

    def share(self) -> float:
        return float(self.cleaned_data["p"]) / 100


class Versions(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """By their names: the feature is known."""

    def label_from_instance(self, obj: ModelVersion) -> str:
        return obj.name


class ProposeForm(FunctionForm):
    metric = forms.ChoiceField(label="What", choices=Metric.choices)
    direction = forms.ChoiceField(label="At least or at most", choices=Expectation.Direction.choices)
    target = forms.FloatField(label="Target", help_text="In percent; a time in ms; adoption from 0 to 100.")
    baseline = forms.FloatField(label="Baseline", required=False, help_text="How it is today, in the same unit.")
    by_on = day("By when", help_text="The last day that still counts.")
    version = Versions(
        label="Version",
        queryset=ModelVersion.objects.none(),
        to_field_name="name",
        required=False,
        empty_label="Whichever answers",
    )
    segment = forms.RegexField(
        r"^[^:]+:.+$",
        label="Only for a part of the traffic",
        max_length=270,
        required=False,
        help_text="NAME:VALUE, such as origin:JFK. Empty: all of it.",
        error_messages={"invalid": "Write it as NAME:VALUE, such as origin:JFK."},
    )
    why = long_text("Why this target", most=2000)
    p = chance()

    field_order = (
        "metric",
        "direction",
        "target",
        "baseline",
        "by_on",
        "p",
        "why",
        "version",
        "segment",
        "function",
    )

    def __init__(self, *args: Any, feature: Feature, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        versions: Versions = self.fields["version"]  # type: ignore[assignment]
        versions.queryset = ModelVersion.objects.of(feature).order_by("-deployed_at", "-pk")

    def clean(self) -> dict[str, Any]:
        told = self.cleaned_data
        share = told.get("metric") in Expectation.SHARES
        for name in ("target", "baseline"):
            if told.get(name) is not None and share:
                told[name] = told[name] / 100
                if not 0 <= told[name] <= 1:
                    self.add_error(name, "A share lies between 0 and 100 %.")
        if told.get("p") is not None:
            told["p"] = told["p"] / 100
        return told

    def terms(self) -> Terms:
        told = self.cleaned_data
        return Terms(**{name: told[name] for name in Terms.__dataclass_fields__})


def as_entered(row: Expectation) -> dict[str, Any]:
    """What a renegotiation starts from: the terms in force, in the form's units."""
    scale = 100 if row.is_share else 1
    return {
        "metric": row.metric,
        "direction": row.direction,
        "target": round(row.target * scale, 6),
        "baseline": None if row.baseline is None else round(row.baseline * scale, 6),
        "by_on": row.by_on,
        "version": row.version.name if row.version else None,
        "segment": row.segment,
    }
