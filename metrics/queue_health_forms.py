"""The shape of what the lead's page sends; what may be done, its actions know."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from feedback.models import Feature, Membership, User
from reviews.models import Export

BIGGEST = 2**63 - 1
MOST_TAGS = 100


def reviewers_of(feature: Feature) -> QuerySet[User]:
    roles = [Membership.Role.REVIEWER, Membership.Role.ADJUDICATOR]
    members = Membership.objects.with_role(*roles).filter(feature=feature).values("user")
    return User.objects.filter(pk__in=members, is_active=True).order_by("email")


class GiveForm(forms.Form):
    """assignment: whose case it is. to: who gets it; empty: the queue."""

    assignment = forms.IntegerField(min_value=1, max_value=BIGGEST)
    to = forms.ModelChoiceField(queryset=User.objects.none(), required=False, empty_label="The queue")

    def __init__(self, *args: Any, feature: Feature, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].queryset = reviewers_of(feature)  # type: ignore[attr-defined]


class VoidForm(forms.Form):
    assignment = forms.IntegerField(min_value=1, max_value=BIGGEST)
    reason = forms.CharField(max_length=200, error_messages={"required": "Say why."})


class UnblockForm(forms.Form):
    item = forms.IntegerField(min_value=1, max_value=BIGGEST)


class SkillsForm(forms.Form):
    """tags: separated by commas."""

    reviewer = forms.ModelChoiceField(queryset=User.objects.none())
    tags = forms.CharField(max_length=5000, required=False)

    def __init__(self, *args: Any, feature: Feature, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reviewer"].queryset = reviewers_of(feature)  # type: ignore[attr-defined]

    def clean_tags(self) -> list[str]:
        tags = [tag.strip() for tag in self.cleaned_data["tags"].split(",") if tag.strip()]
        if len(tags) > MOST_TAGS:
            raise forms.ValidationError(f"{MOST_TAGS} skills at most.")
        return tags


class ExportForm(forms.Form):
    format = forms.ChoiceField(choices=Export.Format.choices)


class CancelForm(forms.Form):
    export = forms.IntegerField(min_value=1, max_value=BIGGEST)
