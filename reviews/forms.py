"""The shape of what the desk's forms send; what may be said of a case, its action knows."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from django import forms

from reviews.desk import Kept


class Codes(forms.MultipleChoiceField):
    """Any number of short codes."""

    def valid_value(self, value: Any) -> bool:
        return len(str(value)) <= 64 and "\0" not in str(value)


class ClaimForm(forms.Form):
    """work: cases to judge (empty) or decisions between two raters."""

    feature = forms.SlugField(max_length=60, required=False)
    work = forms.ChoiceField(choices=[("judge", ""), ("decide", "")], required=False)


class TokenForm(forms.Form):
    token = forms.CharField(max_length=64)


class SkipForm(TokenForm):
    reason = forms.CharField(max_length=40, required=False, empty_value="skipped")


class OwnAnswerForm(TokenForm):
    own_answer = forms.CharField(max_length=200, error_messages={"required": "Give your answer."})


class JudgmentForm(TokenForm):
    verdict = forms.CharField(max_length=12, error_messages={"required": "Choose a verdict."})
    corrected = forms.CharField(max_length=200, required=False)
    reasons = Codes(required=False)
    comment = forms.CharField(max_length=5000, required=False)
    is_flagged = forms.BooleanField(required=False)
    idempotency_key = forms.CharField(max_length=64, required=False)
    rubric = forms.IntegerField(required=False)

    def clean(self) -> dict[str, Any]:
        """Without a key of its own a form counts once per lease. What is answered is named answers.<code>."""
        cleaned = self.cleaned_data
        cleaned["idempotency_key"] = cleaned.get("idempotency_key") or self._key()
        text, answers = forms.CharField(max_length=2000, required=False), {}
        for code, entered in self._answered().items():
            try:
                answers[code] = text.clean(entered)
            except forms.ValidationError as wrong:
                self.add_error(None, wrong)
        return {**cleaned, "answers": answers}

    def _key(self) -> str:
        """The same form sent twice has the same; another answer to the same case, from another window, has not."""
        entered = json.dumps([self.data.get("token", ""), asdict(self.kept())], sort_keys=True)
        return hashlib.sha256(entered.encode(errors="surrogatepass")).hexdigest()

    def _answered(self) -> dict[str, str]:
        named = [name for name in self.data if name.startswith("answers.")]
        return {name.removeprefix("answers."): str(self.data[name]) for name in named[:50]}

    def kept(self) -> Kept:
        """What was entered, right or wrong, to be shown again."""
        entered = self.data
        return Kept(
            verdict=entered.get("verdict", ""),
            corrected=entered.get("corrected", ""),
            own_answer=entered.get("own_answer", ""),
            reasons=entered.getlist("reasons"),  # type: ignore[attr-defined]  # a QueryDict, as request.POST is
            answers=self._answered(),
            comment=entered.get("comment", ""),
            is_flagged=bool(entered.get("is_flagged")),
        )


class RevisionForm(JudgmentForm):
    """Another answer to a case that is leased no more: its own key says that it counts once."""

    token = None  # type: ignore[assignment]
    idempotency_key = forms.CharField(max_length=64)


class TargetForm(forms.Form):
    item = forms.IntegerField(min_value=1, max_value=2**63 - 1)
