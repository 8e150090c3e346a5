"""The shape of what the score pages' forms send; the actions know what may be done. Shares in percent."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import QuerySet

from feedback.models import Decision, Feature
from metrics.agreements import Agreement, Table
from metrics.score_reports import LABELS
from metrics.stats import accountability, adoption

WHY = forms.CharField(max_length=500, label="Why", help_text="Others will read it.")
HALF_WIDTH_HELP = "Points to either side within which its quality is to be known where it is used."
Field = forms.BoundField


def percent_field(label: str, *, most: float = 100) -> forms.FloatField:
    field = forms.FloatField(min_value=0, max_value=most, label=label)
    field.widget.attrs.update({"step": "any", "inputmode": "decimal"})
    return field


class GoalsForm(forms.Form):
    """Where each component starts to count and where it is reached, in percent."""

    def __init__(self, sent: Any = None, *, agreement: Agreement, auto_id: str = "id_%s") -> None:
        initial = {"half_width": 100 * agreement.half_width}
        for name, goal in agreement.goals.items():
            initial |= {f"{name}_lo": 100 * goal.lo, f"{name}_hi": 100 * goal.hi}
        super().__init__(sent, auto_id=auto_id, initial={key: f"{value:.6g}" for key, value in initial.items()})
        for name in adoption.COMPONENTS:
            self.fields[f"{name}_lo"] = percent_field(f"{LABELS[name]} starts at, %")
            self.fields[f"{name}_hi"] = percent_field(f"{LABELS[name]} is reached at, %")
        self.fields["half_width"] = percent_field("Quality known to ±, points", most=50)
        self.fields["half_width"].help_text = HALF_WIDTH_HELP
        self.fields["why"] = WHY

    def rows(self) -> list[tuple[str, Field, Field]]:
        return [(LABELS[name], self[f"{name}_lo"], self[f"{name}_hi"]) for name in adoption.COMPONENTS]

    def goals(self) -> dict[str, dict[str, float]]:
        sent = self.cleaned_data
        return {
            name: {"lo": sent[f"{name}_lo"] / 100, "hi": sent[f"{name}_hi"] / 100} for name in adoption.COMPONENTS
        }


class PlacementForm(forms.Form):
    behaviour = forms.IntegerField(min_value=1, max_value=9, label="What it asks of people, 1 to 9")
    product = forms.IntegerField(min_value=1, max_value=9, label="What it gives them, 1 to 9")
    why = WHY


class FitForm(forms.Form):
    decision = forms.ModelChoiceField(
        queryset=Decision.objects.none(), label="The decision it rests on", empty_label="Choose one"
    )

    def __init__(self, *args: Any, decisions: QuerySet[Decision], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["decision"].queryset = decisions  # type: ignore[attr-defined]


class TickForm(forms.Form):
    code = forms.CharField(max_length=40)
    is_ticked = forms.BooleanField(required=False)
    note = forms.CharField(max_length=300, required=False)


TABLES = {"adoption": adoption.COMPONENTS, "accountability": accountability.COMPONENTS}


class WeightsForm(forms.Form):
    """The four tables of weights, in percent; each adds up to 100."""

    def __init__(self, sent: Any = None, *, tables: Mapping[str, Table]) -> None:
        initial = {
            f"{kind}_{stage}_{name}": f"{100 * tables[kind][stage][name]:.6g}"
            for kind, names in TABLES.items()
            for stage in Feature.MarketFit.values
            for name in names
        }
        super().__init__(sent, initial=initial)
        for key in initial:
            _, stage, name = key.split("_", 2)
            self.fields[key] = percent_field(f"{LABELS[name]}, {stage} market fit, %")
        self.fields["why"] = WHY

    def tables(self) -> list[tuple[str, list[tuple[str, list[Field]]]]]:
        """(kind, [(component in words, its field before, its field after)])."""
        return [
            (kind, [(LABELS[name], [self[f"{kind}_{stage}_{name}"] for stage in Feature.MarketFit.values])
                    for name in names])
            for kind, names in TABLES.items()
        ]  # fmt: skip

    def weights(self) -> dict[str, Table]:
        sent = self.cleaned_data
        return {
            kind: {
                stage: {name: sent[f"{kind}_{stage}_{name}"] / 100 for name in names}
                for stage in Feature.MarketFit.values
            }
            for kind, names in TABLES.items()
        }
