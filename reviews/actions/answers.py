"""What a reviewer may answer: by the rubric's version and the labels of the model's. Nothing is stored here."""

import math
from typing import Any, TypedDict

from reviews.errors import Refused
from reviews.models import Assignment, ReviewItem, Rubric

Verdict = ReviewItem.Verdict
Lane = Assignment.Lane
LONGEST_COMMENT, LONGEST_ANSWER, LONGEST_TEXT = 5000, 200, 2000


class Answer(TypedDict, total=False):
    """What a reviewer entered. Only the verdict must be there.

    answers: question code -> answer. rubric: number of the version that the form showed; left out: the newest.
    """

    verdict: str
    corrected: str
    reasons: list[str]
    answers: dict[str, Any]
    comment: str
    is_flagged: bool
    rubric: int | None


def checked(answer: Answer, assignment: Assignment, rubric: Rubric | None) -> dict[str, Any]:
    """The answer as it is stored. Raises Refused: field -> messages, of everything that is not right."""
    _check_rubric(answer, rubric)
    verdict, item = answer.get("verdict", ""), assignment.item
    offered = (rubric.verdicts if rubric else []) or Verdict.values
    if verdict not in offered:
        raise Refused({"verdict": ["Choose a verdict."]})
    is_fault = verdict in {Verdict.WRONG, Verdict.PARTLY}
    reasons = list(dict.fromkeys(answer.get("reasons", []))) if verdict != Verdict.RIGHT else []
    known = {str(reason["code"]) for reason in (rubric.reasons if rubric else [])}
    if not known.issuperset(reasons):
        raise Refused({"reasons": ["Choose from the reasons of the guideline."]})
    comment = answer.get("comment", "").strip()
    if len(comment) > LONGEST_COMMENT:
        raise Refused({"comment": ["A comment has 5,000 characters at most."]})
    if assignment.lane in {Lane.ADJUDICATION, Lane.AUDIT} and not comment:
        raise Refused({"comment": ["Say why: the reviewers will read it."]})
    return {
        "verdict": verdict,
        "corrected": _corrected(answer.get("corrected", "").strip(), item) if is_fault else "",
        "own_answer": assignment.own_answer,
        "reasons": reasons,
        "answers": _answers(answer.get("answers", {}), rubric),
        "comment": comment,
        "is_flagged": answer.get("is_flagged", False),
    }


def _check_rubric(answer: Answer, rubric: Rubric | None) -> None:
    shown = answer.get("rubric")
    if shown is not None and shown != (rubric.number if rubric else 0):
        raise Refused({"": ["The guideline was changed while you were judging. Look at it again, then submit."]})


def _corrected(entered: str, item: ReviewItem) -> str:
    """The right answer. Of a label it is another of the version's; where only one is left, that one."""
    predicted = item.prediction.label
    if len(entered) > LONGEST_ANSWER:
        raise Refused({"corrected": ["An answer has 200 characters at most."]})
    if predicted is None:
        return entered
    others = [label for label in item.version.labels if label != predicted]
    if len(others) == 1 and not entered:
        return str(others[0])
    if not entered:
        raise Refused({"corrected": ["Choose the right answer."]})
    if entered == predicted:
        raise Refused({"corrected": ["This is what the model answered. Choose another answer."]})
    if others and entered not in others:
        raise Refused({"corrected": ["Choose one of the labels."]})
    return entered


def checked_own_answer(entered: str, item: ReviewItem) -> str:
    """Blind mode: what the reviewer would answer. Raises Refused unless it is one of the version's labels."""
    entered = entered.strip()
    labels = item.version.labels if item.prediction.label is not None else []
    if not entered or len(entered) > LONGEST_ANSWER:
        raise Refused({"own_answer": ["Give your answer, in 200 characters at most."]})
    if labels and entered not in labels:
        raise Refused({"own_answer": ["Choose one of the labels."]})
    return entered


def _answers(entered: dict[str, Any], rubric: Rubric | None) -> dict[str, Any]:
    questions = rubric.questions if rubric else []
    codes = {str(question["code"]) for question in questions}
    if not codes.issuperset(entered):
        raise Refused({"answers": ["This was not asked."]})
    found, errors = {}, {}
    for question in questions:
        code = str(question["code"])
        try:
            answer = _one_answer(str(entered.get(code, "")).strip(), question)
        except ValueError as wrong:
            errors[f"answers.{code}"] = [str(wrong)]
        else:
            if answer is not None:
                found[code] = answer
    if errors:
        raise Refused(errors)
    return found


def _one_answer(text: str, question: dict[str, Any]) -> str | float | None:
    """None: not answered, and need not be. Raises ValueError in the reviewer's words."""
    if not text:
        if question.get("is_required"):
            raise ValueError("An answer is needed.")
        return None
    if question["kind"] == Rubric.QuestionKind.CHOICE and text not in question["options"]:
        raise ValueError("Choose one of the answers.")
    if question["kind"] == Rubric.QuestionKind.NUMBER:
        return _number(text)
    if len(text) > LONGEST_TEXT:
        raise ValueError("2,000 characters at most.")
    return text


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError("Give a number.") from None
    if not math.isfinite(number):
        raise ValueError("Give a number.")
    return number


def truth_of(verdict: str, corrected: str, item: ReviewItem) -> str:
    """The true label that a judgment says; empty: it says none."""
    return (item.prediction.label or "") if verdict == Verdict.RIGHT else corrected
