"""The shape of what the forms of plans send; what may be done, the actions know."""

from typing import Any

from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet

from feedback.models import Decision, Exploration, ExplorationNeed, Feature, Membership, User


def people_of(features: QuerySet[Feature], person: User) -> QuerySet[User]:
    """Whoever is a member of these features, and the person itself."""
    are_members = Exists(Membership.objects.filter(user=OuterRef("pk"), feature__in=features))
    return User.objects.filter(Q(pk=person.pk) | are_members, is_active=True).order_by("email")


def long_text(label: str, *, help_text: str = "", required: bool = True, most: int = 5000) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": 3})
    return forms.CharField(label=label, max_length=most, widget=widget, help_text=help_text, required=required)


def day(label: str, *, required: bool = True, help_text: str = "") -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, widget=widget, required=required, help_text=help_text)


class ExplorationForm(forms.Form):
    question = forms.CharField(max_length=300, label="Question")
    feature = forms.ModelChoiceField(
        queryset=Feature.objects.none(),
        to_field_name="slug",
        required=False,
        empty_label="None yet: a question ahead of any feature",
        help_text="Without a feature only its owner, you and staff see it.",
    )
    decides = forms.CharField(max_length=1000, label="Who would decide what on the answer")
    baseline = forms.CharField(
        max_length=500, label="Baseline to beat", help_text="What is done today, in numbers."
    )
    from_on = day("From")
    until_on = day("Until", help_text="The last day of its time box.")
    owner = forms.ModelChoiceField(queryset=User.objects.none(), label="Owner")
    need_what = forms.CharField(
        max_length=300,
        required=False,
        label="Data to start collecting today",
        help_text="More can be added on its page.",
    )
    need_due_on = day("Collected from, at the latest", required=False)

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.features = Feature.objects.visible_to(person)
        self.person = person
        self.fields["feature"].queryset = self.features  # type: ignore[attr-defined]
        self.fields["owner"].queryset = people_of(self.features, person)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        told = self.cleaned_data
        feature, owner = told.get("feature"), told.get("owner")
        if feature and owner and not Feature.objects.visible_to(owner).filter(pk=feature.pk).exists():
            self.add_error("owner", "The owner is a member of the feature, so that they see it.")
        if bool(told.get("need_what")) != bool(told.get("need_due_on")):
            self.add_error("need_due_on", "Say both: which data, and from when at the latest.")
        return told


class NeedForm(forms.Form):
    what = forms.CharField(max_length=300, label="Data to start collecting")
    owner = forms.ModelChoiceField(queryset=User.objects.none(), label="Owner")
    due_on = day("Collected from, at the latest")

    def __init__(self, *args: Any, people: QuerySet[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].queryset = people  # type: ignore[attr-defined]


class CollectedForm(forms.Form):
    need = forms.ModelChoiceField(queryset=ExplorationNeed.objects.none())

    def __init__(self, *args: Any, needs: QuerySet[ExplorationNeed], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["need"].queryset = needs  # type: ignore[attr-defined]


class ResultForm(forms.Form):
    result = forms.ChoiceField(choices=[("", "Choose"), *Exploration.Result.choices], label="Result")
    answer = long_text("What was found")
    effort_days = forms.FloatField(
        min_value=0, max_value=10_000, required=False, label="Effort, person-days", help_text="So far, as told."
    )


class UseForm(forms.Form):
    became = forms.ChoiceField(choices=[("", "Choose"), *Exploration.Became.choices], label="What became of it")
    why = long_text("Why", most=2000)


class InformForm(forms.Form):
    decision = forms.ModelChoiceField(queryset=Decision.objects.none(), label="Decision")

    def __init__(self, *args: Any, decisions: QuerySet[Decision], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["decision"].queryset = decisions  # type: ignore[attr-defined]


class AttachForm(forms.Form):
    feature = forms.ModelChoiceField(queryset=Feature.objects.none(), to_field_name="slug", label="Feature")

    def __init__(self, *args: Any, features: QuerySet[Feature], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["feature"].queryset = features  # type: ignore[attr-defined]


class DecisionForm(forms.Form):
    title = forms.CharField(max_length=200, label="Title")
    context = long_text("Context", required=False, help_text="What made a decision necessary.")
    options = long_text("Options", help_text="One a line.", required=False)
    chosen = forms.CharField(max_length=500, label="Chosen")
    why = long_text("Why")
    owner = forms.ModelChoiceField(queryset=User.objects.none(), required=False, empty_label="Nobody")
    review_on = day("Review on", required=False, help_text="The day to look at what became of it.")

    def __init__(self, *args: Any, people: QuerySet[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner"].queryset = people  # type: ignore[attr-defined]

    def clean_options(self) -> list[str]:
        options = [line.strip() for line in self.cleaned_data["options"].splitlines() if line.strip()]
        if any(len(option) > 500 for option in options):
            raise forms.ValidationError("An option has at most 500 characters.")
        return options


class OutcomeForm(forms.Form):
    outcome = long_text("What became of it")


class CommentForm(forms.Form):
    text = long_text("Comment")
    prediction = forms.CharField(max_length=200, required=False, label="About a prediction", help_text="Its id.")
    item = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    decision = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)


class EditForm(forms.Form):
    text = long_text("Comment")
