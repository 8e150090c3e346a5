"""The shape of what the forms of debates send; what may be done, the actions know."""

from datetime import datetime, timedelta
from typing import Any

from django import forms

from feedback.models import Feature, User
from feedback.plan_forms import day, long_text, people_of
from metrics.actions.debating import Outcome, Place
from metrics.debate_reading import axes_of
from metrics.functions import FUNCTIONS, name_of
from metrics.models import DebateRound, Placement

SCALE = [(place, str(place)) for place in range(1, 10)]
USUAL_TIME = timedelta(days=3)


def instant(label: str) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    return forms.DateTimeField(
        label=label, widget=widget, help_text="UTC. After it, any invited function may reveal."
    )


def scale(name: str, ends: tuple[str, str] = ("low", "high")) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=name,
        choices=SCALE,
        coerce=int,
        widget=forms.RadioSelect,
        error_messages={
            "required": "Choose a place from 1 to 9.",
            "invalid_choice": "A place lies between 1 and 9.",
        },
    )


class DeadlineForm(forms.Form):
    deadline = instant("Votes until")

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["deadline"].initial = (now + USUAL_TIME).replace(minute=0, second=0, microsecond=0)


class OpenForm(DeadlineForm):
    quadrant = forms.ChoiceField(
        label="About",
        choices=DebateRound.Quadrant.choices,
        widget=forms.RadioSelect,
        initial="adoption_accountability",
    )
    functions = forms.MultipleChoiceField(
        label="Invited",
        choices=[(function, name_of(function)) for function in FUNCTIONS],
        widget=forms.CheckboxSelectMultiple,
        initial=list(FUNCTIONS),
    )
    quorum = forms.IntegerField(
        label="Needed to reveal",
        min_value=2,
        max_value=6,
        initial=4,
        help_text="How many functions must have voted.",
    )

    field_order = ("quadrant", "functions", "quorum", "deadline")


class PlaceForm(forms.Form):
    """One function's placement. functions: those that the person has and that are invited."""

    function = forms.ChoiceField(label="You speak for")
    x = scale("x")
    y = scale("y")
    confidence = forms.TypedChoiceField(
        label="How sure are you?", choices=Placement.Confidence.choices, coerce=int, widget=forms.RadioSelect
    )
    reason = forms.CharField(label="Why, in a line", max_length=200)

    def __init__(self, *args: Any, functions: list[str], quadrant: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        axes = axes_of(quadrant)
        self.fields["x"].label, self.fields["y"].label = axes.x, axes.y
        chosen: forms.ChoiceField = self.fields["function"]  # type: ignore[assignment]
        chosen.choices = [(function, name_of(function)) for function in functions]
        if len(functions) == 1:
            chosen.widget = forms.HiddenInput()
            chosen.initial = functions[0]

    def place(self) -> Place:
        return Place(**{name: self.cleaned_data[name] for name in ("x", "y", "confidence", "reason")})


class DecideForm(forms.Form):
    """How a debate ends."""

    is_agreed = forms.TypedChoiceField(
        label="How does it end?",
        choices=[("yes", "Agreed"), ("no", "Contested")],
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
    )
    chosen = forms.ChoiceField(label="If agreed: on", required=False)
    why = long_text("Why")
    owner = forms.ModelChoiceField(queryset=User.objects.none(), label="If contested: owner", required=False)
    review_on = day("Looked at again on", required=False)
    would_move = long_text("What evidence would move us", required=False, most=1000)

    def __init__(self, *args: Any, round_: DebateRound, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cells = axes_of(round_.quadrant).cells.values()
        chosen: forms.ChoiceField = self.fields["chosen"]  # type: ignore[assignment]
        chosen.choices = [("", "Choose a cell"), *((cell.code, cell.name) for cell in cells)]
        owners: forms.ModelChoiceField[User] = self.fields["owner"]  # type: ignore[assignment]
        owners.queryset = people_of(Feature.objects.filter(pk=round_.feature_id), person)

    def outcome(self) -> Outcome:
        return Outcome(**self.cleaned_data)
