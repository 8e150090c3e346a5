"""What the guideline's page shows: its versions with how far reviewers agreed, what is edited, and the preview."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from django.db.models import Count

from feedback.models import Feature, ModelVersion, Prediction, User
from reviews import reports
from reviews.actions.guidelines import Asked, asked_of, declared, stand_of
from reviews.actions.policies import policy_of, rubric_of
from reviews.desk import Case, Kept
from reviews.guideline_forms import MOST_FIELDS, Editor, opened
from reviews.models import Assignment, Judgment, ReviewItem, Rubric, RubricAgreement

LOOKED_AT = 100  # newest predictions, for an example and for the names of inputs
SETTLED = timedelta(minutes=3)  # the draw has looked at what came before
NOT_JUDGED = "nobody has judged under it yet"
NOT_COMPUTED = "the worker has not compared its judgments yet; it does within five minutes"
SAMPLES: Mapping[str, Any] = MappingProxyType(
    {
        "number": 12.5,
        "money": 1200,
        "date": "2026-01-31",
        "link": "https://example.org/case",
        "image": "https://example.org/case.png",
        "code": "if total > 0:\n    pay(total)",
        "json": {"lines": [{"sku": "A-1", "n": 2}]},
        "long_text": "A longer text, as a customer may write it. " * 8,
    }
)


@dataclass(frozen=True, slots=True)
class AgreementFigure:
    """value, low, high: None where reason says why. n: items with two opinions."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str


@dataclass(frozen=True, slots=True)
class RubricVersion:
    """n_judgments: made under it, each revision one. raw: how often two agree; alpha: Krippendorff's."""

    number: int
    created_at: datetime
    created_by: str
    n_judgments: int
    raw: AgreementFigure
    alpha: AgreementFigure
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class Preview:
    """The desk's case as the edited guideline would show it. first: blind mode's step before; None: not blind."""

    case: Case
    first: Case | None
    kept: Kept
    is_made_up: bool


# --- versions


def versions_of(feature: Feature) -> list[RubricVersion]:
    """Newest first; three queries for any number."""
    rubrics = Rubric.objects.filter(feature=feature).select_related("created_by").order_by("-number")
    stored = {row.rubric_id: row for row in RubricAgreement.objects.filter(rubric__feature=feature)}
    counted = Judgment.objects.filter(feature=feature).order_by().values_list("rubric").annotate(n=Count("pk"))
    n_judgments = Counter(dict(counted))
    return [_version(rubric, n_judgments[rubric.pk], stored.get(rubric.pk)) for rubric in rubrics]


def _version(rubric: Rubric, n: int, stored: RubricAgreement | None) -> RubricVersion:
    missing = AgreementFigure(None, None, None, 0, NOT_COMPUTED if n else NOT_JUDGED)
    raw = alpha = missing
    if stored is not None:
        raw = AgreementFigure(stored.raw, stored.raw_low, stored.raw_high, stored.n_shared, stored.raw_reason)
        alpha = AgreementFigure(
            stored.alpha, stored.alpha_low, stored.alpha_high, stored.n_shared, stored.alpha_reason
        )
    return RubricVersion(
        number=rubric.number,
        created_at=rubric.created_at,
        created_by=str(rubric.created_by or ""),
        n_judgments=n,
        raw=raw,
        alpha=alpha,
        as_of=stored.as_of if stored else None,
    )


# --- the editor


def editor_of(feature: Feature, rubric: Rubric | None) -> Editor:
    """An editor that begins with what holds."""
    policy = policy_of(feature)
    main = {
        "stand": stand_of(feature),
        "guideline": rubric.guideline if rubric else "",
        "verdicts": (rubric.verdicts if rubric else []) or ReviewItem.Verdict.values,
        "is_blind": bool(policy and policy.is_blind),
    }
    asked = asked_of(rubric)
    questions = [{**row, "options": "\n".join(row["options"])} for row in asked["questions"]]
    return opened(main, {"fields": field_rows(feature), "reasons": asked["reasons"], "questions": questions})


def field_rows(feature: Feature) -> list[dict[str, Any]]:
    """The declared inputs in their order, then what else was sent lately: as the desk shows them."""
    rows = [{"label": "", "hint": "", "is_hidden": False, **each} for each in feature.input_fields]
    known = {each.get("name") for each in rows}
    inputs = [row.inputs for row in _newest(feature) if isinstance(row.inputs, dict)]
    names = dict.fromkeys(name for each in inputs for name in each if name not in known and len(name) <= 100)
    more = list(names)[: max(0, MOST_FIELDS - len(rows))]
    return [*rows, *({"name": name, "label": "", "hint": "", "is_hidden": False} for name in more)]


def declared_of(rows: Iterable[Mapping[str, Any]], feature: Feature) -> list[dict[str, Any]]:
    """Rows of the form as the feature stores them: without what says nothing.

    Rows at the end that only name an input which was not declared stay undeclared: the desk shows them there.
    """
    found = declared(row for row in rows if row.get("name"))
    known = {each.get("name") for each in feature.input_fields}
    while found and found[-1].keys() == {"name"} and found[-1]["name"] not in known:
        found.pop()
    return found


def asked_by(editor: Editor) -> Asked:
    """What a valid editor asks; of one that is not, as much as is right: for the preview."""
    main: Mapping[str, Any] = getattr(editor.main, "cleaned_data", {})
    usable = {name: [row for row in rows.entered() if row.get("code")] for name, rows in editor.lists.items()}
    return {
        "guideline": main.get("guideline", ""),
        "verdicts": main.get("verdicts", []),
        "reasons": [{"code": row["code"], "label": row.get("label") or row["code"]} for row in usable["reasons"]],
        "questions": [
            {
                "code": row["code"],
                "label": row.get("label") or row["code"],
                "kind": row.get("kind", Rubric.QuestionKind.TEXT),
                "options": row.get("options", []),
                "is_required": row.get("is_required", False),
            }
            for row in usable["questions"]
        ],
    }


# --- the preview


def preview_of(feature: Feature, editor: Editor, *, person: User, now: datetime) -> Preview:
    """The desk's own case for what is entered, saved nowhere; errors in it leave out what they spoil."""
    editor.is_valid()
    last = rubric_of(feature)
    asked = asked_by(editor)
    rubric = Rubric(feature=feature, number=last.number + 1 if last else 1, created_at=now, **asked)
    return _preview(
        feature,
        rubric,
        declared_of(editor.lists["fields"].entered(), feature),
        is_blind=bool(editor.main.cleaned_data.get("is_blind")),
        person=person,
        now=now,
    )


def preview_of_stored(feature: Feature, rubric: Rubric | None, *, person: User, now: datetime) -> Preview:
    """The newest guideline as reviewers see it."""
    policy = policy_of(feature)
    shown = rubric or Rubric(feature=feature, number=0, created_at=now)
    is_blind = bool(policy and policy.is_blind)
    return _preview(feature, shown, feature.input_fields, is_blind=is_blind, person=person, now=now)


def _preview(
    feature: Feature,
    rubric: Rubric,
    input_fields: list[dict[str, Any]],
    *,
    is_blind: bool,
    person: User,
    now: datetime,
) -> Preview:
    feature.input_fields = input_fields  # of this object alone
    prediction, is_made_up = _example(feature, now)
    item = ReviewItem(feature=feature, version=prediction.version, prediction=prediction, cohort_on=now.date())

    def case(**fields: Any) -> Case:
        shown = Assignment(feature=feature, item=item, **fields)
        return reports.case_of(shown, reviewer=person, now=now, rubric=rubric)

    answer = reports.answer_text(prediction)[:200]
    return Preview(
        case=case(is_blind=True, own_answer=answer) if is_blind else case(),
        first=case(is_blind=True) if is_blind else None,
        kept=Kept(verdict=ReviewItem.Verdict.WRONG),
        is_made_up=is_made_up,
    )


def _newest(feature: Feature) -> list[Prediction]:
    version = ModelVersion.objects.of(feature).by_deployment().last()
    if version is None:
        return []
    newest = Prediction.objects.filter(version=version).select_related("feature", "version")
    return list(newest.order_by("-occurred_at")[:LOOKED_AT])


def _example(feature: Feature, now: datetime) -> tuple[Prediction, bool]:
    """A recent prediction that nobody is still to judge: not drawn, or final. Else one that is made up."""
    newest = [row for row in _newest(feature) if row.received_at < now - SETTLED]
    drawn = ReviewItem.objects.filter(prediction__in=[row.pk for row in newest])
    waiting = set(drawn.exclude(state=ReviewItem.State.FINAL).values_list("prediction", flat=True))
    found = next((row for row in newest if row.pk not in waiting), None)
    return (found, False) if found else (_made_up(feature, now), True)


def _made_up(feature: Feature, now: datetime) -> Prediction:
    version = ModelVersion.objects.of(feature).by_deployment().last() or ModelVersion(feature=feature, name="1")
    labels = version.labels or ["yes", "no"]
    version.labels = labels
    inputs = {
        each["name"]: SAMPLES.get(each.get("hint", ""), "as it is sent")
        for each in feature.input_fields or [{"name": "input"}]
    }
    answer: dict[str, dict[str, Any]] = {
        "label": {"label": labels[0]},
        "number": {"value": 42.0},
        "output": {"output": "An answer in words."},
    }
    return Prediction(
        feature=feature,
        version=version,
        external_id="made-up",
        occurred_at=now,
        received_at=now,
        inputs=inputs,
        **answer[feature.answer_kind],
    )
