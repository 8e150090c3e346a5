"""The shape of the guideline's editor: one form, and three lists whose rows come, go and move."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast

from django import forms
from django.forms.formsets import BaseFormSet, formset_factory
from django.http import QueryDict
from django.utils.text import slugify

from reviews.models import ReviewItem, Rubric

Row = dict[str, Any]
HINT_CHOICES = [
    ("", "As it comes"),
    ("text", "Text"),
    ("long_text", "Long text"),
    ("number", "Number"),
    ("money", "Money"),
    ("date", "Date"),
    ("link", "Link"),
    ("image", "Image"),
    ("code", "Code"),
    ("json", "JSON"),
]
MOST_FIELDS = 150  # with all else well under the 1,000 values that Django takes of a form
MOVE = re.compile(r"(fields|reasons|questions)\.(?:(add)|(\d{1,3})\.(remove|up|down))")


class GuidelineForm(forms.Form):
    """stand: what the edit was begun from (actions.guidelines.stand_of)."""

    stand = forms.CharField(max_length=60, widget=forms.HiddenInput)
    guideline = forms.CharField(
        max_length=20_000, required=False, strip=False, label="Guideline",
        widget=forms.Textarea(attrs={"rows": 10}),
        help_text="Markdown: headings, lists, **bold**, links. Raw HTML is shown as text.",
    )  # fmt: skip
    verdicts = forms.MultipleChoiceField(
        choices=ReviewItem.Verdict.choices, widget=forms.CheckboxSelectMultiple, label="Verdicts to choose from",
        error_messages={"required": "Right and wrong must be among the verdicts."},
    )  # fmt: skip
    is_blind = forms.BooleanField(
        required=False, label="Blind: reviewers answer before they see the model’s answer"
    )

    def clean_guideline(self) -> str:
        text: str = self.cleaned_data["guideline"].replace("\r\n", "\n").strip()
        return text

    def clean_verdicts(self) -> list[str]:
        """All of them is the empty list, as models.Rubric has it."""
        chosen: list[str] = self.cleaned_data["verdicts"]
        return [] if len(chosen) == len(ReviewItem.Verdict.values) else chosen


class CodeField(forms.RegexField):
    """Empty: made of the label."""

    def __init__(self) -> None:
        super().__init__(
            r"^[\w.-]+$", max_length=64, required=False, label="Code",
            error_messages={"invalid": "A code is made of letters, digits, dots, dashes and underscores."},
        )  # fmt: skip


class CodedForm(forms.Form):
    """Something with a label and a code that stays when the label is put better."""

    label = forms.CharField(max_length=200, label="Label")
    code = CodeField()

    def clean(self) -> dict[str, Any]:
        entered = self.cleaned_data
        if not entered.get("code") and "code" not in self.errors:
            entered["code"] = slugify(entered.get("label", ""), allow_unicode=True).replace("-", "_")[:64]
        if not entered.get("code") and entered.get("label") and "code" not in self.errors:
            self.add_error("code", "Give it a code: its label has no letter to make one of.")
        return entered


class ReasonForm(CodedForm):
    pass


class QuestionForm(CodedForm):
    kind = forms.ChoiceField(choices=Rubric.QuestionKind.choices, initial="choice", label="Answered by")
    options = forms.CharField(
        max_length=5000, required=False, label="Options, one a line", widget=forms.Textarea(attrs={"rows": 2})
    )
    is_required = forms.BooleanField(required=False, label="Must be answered")

    def clean(self) -> dict[str, Any]:
        entered = super().clean()
        lines = [line.strip()[:200] for line in entered.get("options", "").splitlines()]
        is_choice = entered.get("kind") == Rubric.QuestionKind.CHOICE
        entered["options"] = list(dict.fromkeys(filter(None, lines))) if is_choice else []
        if is_choice and len(entered["options"]) < 2:
            self.add_error("options", "A choice needs two options at least.")
        return entered


class FieldForm(forms.Form):
    """One input of a case."""

    name = forms.CharField(max_length=100, label="Name as it is sent")
    label = forms.CharField(max_length=200, required=False, label="Called")
    hint = forms.ChoiceField(choices=HINT_CHOICES, required=False, label="Shown as")
    is_hidden = forms.BooleanField(required=False, label="Hidden from reviewers")


class Rows(BaseFormSet):  # type: ignore[type-arg]
    """Rows of which the empty ones are no rows, so that a new one can be left as it is."""

    def initial_form_count(self) -> int:
        return 0 if self.is_bound else super().initial_form_count()

    def raw(self) -> list[Row]:
        """What stands in the rows, right or wrong, to be shown again."""
        rows = [{name: row[name].value() for name in row.fields} for row in self.forms]
        return [{name: value for name, value in row.items() if value is not None} for row in rows]

    def entered(self) -> list[Row]:
        """What is right of the rows that say something; after is_valid."""
        return [dict(row.cleaned_data) for row in self.forms if row.has_changed() and hasattr(row, "cleaned_data")]


KINDS: Mapping[str, type[Rows]] = MappingProxyType(
    {
        name: cast(
            type[Rows],
            formset_factory(form, formset=Rows, extra=0, max_num=most, absolute_max=most, validate_max=True),
        )
        for name, form, most in (
            ("fields", FieldForm, MOST_FIELDS), ("reasons", ReasonForm, 30), ("questions", QuestionForm, 30),
        )
    }
)  # fmt: skip


@dataclass(slots=True)
class Editor:
    """The whole of what is edited. wrong: list -> what the action refused of it as a whole."""

    main: GuidelineForm
    lists: dict[str, Rows]
    wrong: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in KINDS})

    def is_valid(self) -> bool:
        return all([self.main.is_valid(), *(rows.is_valid() for rows in self.lists.values())])

    def raw(self) -> Row:
        """What stands in the form itself, right or wrong."""
        return {name: self.main[name].value() for name in self.main.fields}


def opened(main: Row, lists: Mapping[str, Sequence[Row]]) -> Editor:
    """With what is stored, or entered and not to be judged yet."""
    return Editor(
        GuidelineForm(initial=main, auto_id="edit_%s"),
        {
            name: kind(initial=lists[name], prefix=name, auto_id="edit_%s")
            for name, kind in KINDS.items()
        },
    )  # fmt: skip


def sent(data: Any) -> Editor:
    return Editor(
        GuidelineForm(data, auto_id="edit_%s"),
        {name: kind(data, prefix=name, auto_id="edit_%s") for name, kind in KINDS.items()},
    )


def kept(editor: Editor, *, do: str = "", **main: Any) -> Editor:
    """The same text, not judged. do: what rearranged it; a row it added has the focus. main: what is another."""
    again = opened({**editor.raw(), **main}, {name: rows.raw() for name, rows in editor.lists.items()})
    if do.endswith(".add"):
        first = next(iter(again.lists[do.removesuffix(".add")].forms[-1].fields.values()))
        first.widget.attrs["autofocus"] = True
    return again


def rearranged(data: QueryDict, do: str) -> QueryDict | None:
    """What was sent with a row more, a row less, or two that changed places; None: `do` asks for none of it."""
    found = MOVE.fullmatch(do)
    if found is None:
        return None
    name, add, at, step = found.groups()
    rows = _rows(data, name)
    rows = [*rows, {}] if add else _moved(rows, int(at), step)
    again = data.copy()
    for key in [key for key in data if re.fullmatch(rf"{name}-\d+-\w+", key)]:
        del again[key]
    again[f"{name}-TOTAL_FORMS"] = str(len(rows))
    for place, row in enumerate(rows):
        for column, value in row.items():
            again[f"{name}-{place}-{column}"] = value
    return again


def _rows(data: QueryDict, name: str) -> list[Row]:
    told = data.get(f"{name}-TOTAL_FORMS", "")
    n = min(int(told), KINDS[name].absolute_max) if told.isdecimal() and len(told) < 5 else 0
    columns = KINDS[name].form.base_fields
    keys = [{column: f"{name}-{place}-{column}" for column in columns} for place in range(n)]
    return [{column: data[key] for column, key in row.items() if key in data} for row in keys]


def _moved(rows: list[Row], at: int, step: str) -> list[Row]:
    """A step past an end, or of a row that there is not, changes nothing."""
    if step == "remove":
        return rows[:at] + rows[at + 1 :]
    first = at - 1 if step == "up" else at
    if not 0 <= first < len(rows) - 1:
        return rows
    return [*rows[:first], rows[first + 1], rows[first], *rows[first + 2 :]]
