"""What the review desk shows, as frozen dataclasses: built once, rendered by pages and REST alike."""

from dataclasses import dataclass, field
from datetime import datetime

OPENS_PAST = 2_000  # characters
COUNTED_TO = 200  # "about 40 left": past this the count costs more than it tells
TITLES = {
    "done": "All done",
    "leased_by_others": "The rest is in other hands",
    "no_queue": "You are in no queue",
}
SPECIAL = {"link", "image", "image_elsewhere", "code", "json"}


@dataclass(frozen=True, slots=True)
class CaseField:
    """One input of the case.

    hint: text, long_text, number, money, date, link, image, image_elsewhere (on a site whose images are not
    shown), code or json. link and image are addresses that were checked: they may be clicked and loaded.
    """

    name: str
    label: str
    hint: str
    value: str

    @property
    def look(self) -> str:
        """The template that shows it (templates/reviews/looks/); a long one begins and opens in full."""
        if not self.value:
            return "nothing"
        if len(self.value) > OPENS_PAST:
            return "long"
        return {"json": "code"}.get(self.hint, self.hint) if self.hint in SPECIAL else "text"


@dataclass(frozen=True, slots=True)
class Choice:
    """A verdict or a reason: its value in the form, its words, and the key that picks it."""

    value: str
    label: str
    key: str


@dataclass(frozen=True, slots=True)
class Question:
    """What the rubric asks besides the verdict. kind: choice (of options), number or text."""

    code: str
    label: str
    kind: str
    options: list[str]
    is_required: bool


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one of two raters said, to somebody who decides between them. rater: A or B, never a name."""

    rater: str
    verdict: str
    corrected: str
    reasons: list[str]
    comment: str


def counted(n: int) -> str:
    """A number of cases that wait, in words: nobody counts past COUNTED_TO."""
    return f"over {COUNTED_TO}" if n > COUNTED_TO else str(n)


@dataclass(frozen=True, slots=True)
class Progress:
    """n_today: mine since midnight UTC; n_left: items that I could still take; minutes_left: at my pace.

    n_left is one more than COUNTED_TO where there are more.
    """

    n_today: int
    n_left: int
    minutes_left: int | None

    @property
    def left(self) -> str:
        return counted(self.n_left) if self.n_left > COUNTED_TO else f"about {self.n_left}"

    @property
    def place(self) -> str:
        """Which case of how many one is at."""
        item = f"Item {self.n_today + 1:,}"
        more = self.n_left > COUNTED_TO
        return f"{item}, {self.left} left." if more else f"{item} of about {self.n_today + self.n_left:,}"


@dataclass(frozen=True, slots=True)
class Case:
    """One assignment as its reviewer sees it: never a score, weight, arm, lane or another's judgment.

    step: own_answer (blind mode: the model's answer is still hidden: answer, label and answer_label are
    empty) or verdict. opinions: only of who decides between two.
    """

    assignment_id: int
    token: str
    leased_until: datetime
    seconds_left: int
    feature_slug: str
    feature_name: str
    version: str
    external_id: str
    occurred_at: datetime
    step: str
    own_answer: str
    own_answer_label: str
    answer: str
    label: str | None
    answer_label: str
    fields: list[CaseField]
    verdicts: list[Choice]
    labels: list[Choice]
    reasons: list[Choice]
    questions: list[Question]
    opinions: list[Opinion]
    guideline_html: str
    rubric_number: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class Kept:
    """What the reviewer had entered, given back after an error so that nothing is typed twice."""

    verdict: str = ""
    corrected: str = ""
    own_answer: str = ""
    reasons: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    comment: str = ""
    is_flagged: bool = False

    @property
    def is_something(self) -> bool:
        texts = (self.verdict, self.corrected, self.own_answer, self.comment, *self.answers.values())
        return any(texts) or bool(self.reasons)


@dataclass(frozen=True, slots=True)
class LostAnswer:
    """An answer that was not counted, because somebody else had the case: kept until its writer throws it away."""

    draft_id: int
    feature_name: str
    external_id: str
    saved_at: datetime
    kept: Kept


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A line of the desk's first page: one feature that I review. n_to_decide: of an adjudicator alone.

    n_open is one more than COUNTED_TO where there are more.
    """

    slug: str
    name: str
    n_open: int
    n_mine_today: int
    n_final: int
    target_count: int
    n_to_decide: int = 0

    @property
    def waiting(self) -> str:
        return counted(self.n_open)


@dataclass(frozen=True, slots=True)
class EmptyDesk:
    """Why there is nothing to do. reason: done, leased_by_others or no_queue; text says it in words."""

    reason: str
    text: str
    next_free_at: datetime | None = None

    @property
    def title(self) -> str:
        return TITLES[self.reason]
