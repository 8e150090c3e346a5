"""The shapes of what services send, and what must hold within one item of each."""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct

from feedback.models import FeedbackItem, UsageEvent
from feedback.models.events import ABOUT_AN_ANSWER

MOST_PROPS_BYTES = 2048
SUM_SLACK = 0.01 + 1e-9  # the last digit of a sum of floats is nobody's fault

Text1To200 = Annotated[str, Meta(min_length=1, max_length=200)]
Id = Text1To200
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Text100 = Annotated[str, Meta(max_length=100)]
Text200 = Annotated[str, Meta(max_length=200)]
Words = Annotated[str, Meta(max_length=10_000)]
Chance = Annotated[float, Meta(ge=0, le=1)]
Amount = Annotated[float, Meta(ge=0, le=1e15)]  # of ms, 30,000 years; a percentile of more is nobody's
Rank = Annotated[int, Meta(ge=1, le=1_000_000)]
Instant = Annotated[datetime, Meta(tz=True)]
SegmentName = Annotated[str, Meta(min_length=1, max_length=60)]
Scalar = str | int | float | bool | None

E_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
# Plain digits are how many products number their users; a plus or separators make a telephone number.
PHONE = re.compile(
    r"\+[0-9][0-9 ()./-]{6,}|\(?[0-9]{2,5}\)?[ ./-]\(?[0-9]{2,4}\)?[ ./-]?[0-9]{3,}(?:[ ./-][0-9]+)*"
)
KINDS = frozenset(UsageEvent.Kind.values)
CHANNELS = frozenset(FeedbackItem.Channel.values)
SEVERITIES = frozenset(FeedbackItem.Severity.values)
# Told in the schema; refused in our words, in `check`.
Kind = Annotated[str, Meta(min_length=1, max_length=100, extra_json_schema={"enum": UsageEvent.Kind.values})]
Channel = Annotated[
    str, Meta(min_length=1, max_length=100, extra_json_schema={"enum": FeedbackItem.Channel.values})
]
Severity = Annotated[
    str, Meta(min_length=1, max_length=100, extra_json_schema={"enum": FeedbackItem.Severity.values})
]
MORE_THAN_ONE = "A prediction has exactly one answer: label, value or output."
NOT_ONE = "The probabilities must add up to 1, give or take 0.01."
NO_SUCH_KIND = "There is no such kind of event."
DERIVED = "ignored is not sent: it follows from what was exposed and got no answer."
EITHER = "Name the prediction, or the set and the rank in it: one of the two."


class Wrong(Exception):
    """An item that must be refused. code: one of api.md's; field: empty when it is the whole item."""

    def __init__(self, code: str, field: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.field = code, field


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one item was not stored: its place in the batch, the sender's id, and what Wrong says."""

    index: int
    id: str
    code: str
    field: str
    detail: str


class Sent(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, gc=False):
    """What every item has. id_field names it when it is refused, at_field holds its instant; free_fields take
    any JSON, so that whole numbers of any length can hide in them. gc: JSON makes no circles to be collected."""

    id_field: ClassVar[str] = "id"
    at_field: ClassVar[str] = "occurred_at"
    free_fields: ClassVar[tuple[str, ...]] = ()

    feature: Name

    def check(self) -> None:
        """Raise Wrong where the fields, each right by itself, do not fit each other."""


class SentOnce(Sent, kw_only=True, gc=False):
    """An item that its sender's id identifies within its feature."""

    id: Id
    occurred_at: Instant | None = None


class Stage(Struct, forbid_unknown_fields=True):
    """One step of a prediction: where its milliseconds went."""

    name: Name
    ms: Amount


class PredictionItem(SentOnce, kw_only=True, gc=False):
    free_fields: ClassVar[tuple[str, ...]] = ("output", "inputs")

    version: Name
    label: Text1To200 | None = None
    value: float | None = None
    output: Any = None
    score: Chance | None = None
    probabilities: dict[Text200, Chance] | None = None
    inputs: dict[str, Any] | None = None
    segments: dict[SegmentName, Text200] | None = None
    actor: Text200 | None = None
    account: Text200 | None = None
    latency_ms: Amount | None = None
    cpu_ms: Amount | None = None
    rss_mb: Amount | None = None
    trace: list[Stage] | None = None

    @property
    def answer(self) -> str:
        """Which of the answer fields was sent, once it is checked that there is exactly one."""
        return "label" if self.label is not None else "value" if self.value is not None else "output"

    def check(self) -> None:
        if (self.label is not None) + (self.value is not None) + (self.output is not None) != 1:
            raise Wrong("invalid", "label", MORE_THAN_ONE)
        if self.probabilities is not None and abs(math.fsum(self.probabilities.values()) - 1) > SUM_SLACK:
            raise Wrong("invalid", "probabilities", NOT_ONE)
        check_actor(self.actor)


class OutcomeItem(Sent, kw_only=True, gc=False):
    id_field: ClassVar[str] = "prediction"
    at_field: ClassVar[str] = "observed_at"

    prediction: Id
    truth: Text1To200 | float
    observed_at: Instant | None = None


class EventItem(SentOnce, kw_only=True, gc=False):
    free_fields: ClassVar[tuple[str, ...]] = ("props",)

    kind: Kind
    prediction: Id | None = None
    set: Id | None = None
    rank: Rank | None = None
    actor: Id
    account: Text200 | None = None
    surface: Text100 | None = None
    is_internal: bool = False
    props: dict[SegmentName, Scalar] | None = None

    def check(self) -> None:
        if self.kind not in KINDS:
            raise Wrong("invalid", "kind", DERIVED if self.kind == "ignored" else NO_SUCH_KIND)
        if (self.set is None) != (self.rank is None):
            raise Wrong("invalid", "rank", "A set and the rank in it go together.")
        if self.prediction is not None and self.set is not None:
            raise Wrong("invalid", "set", EITHER)
        if self.kind in ABOUT_AN_ANSWER and self.prediction is None and self.set is None:
            raise Wrong("invalid", "prediction", f"{self.kind} is about an answer. {EITHER}")
        check_actor(self.actor)
        if self.props:
            _check_props(self.props)


class CustomerItem(SentOnce, kw_only=True, gc=False):
    """Feedback of a customer."""

    channel: Channel
    rating: float | None = None
    text: Words | None = None
    severity: Severity | None = None
    actor: Text200 | None = None
    account: Text200 | None = None
    prediction: Id | None = None

    def check(self) -> None:
        if self.channel not in CHANNELS:
            raise Wrong("invalid", "channel", f"The channels are {', '.join(FeedbackItem.Channel.values)}.")
        if self.severity is not None and self.severity not in SEVERITIES:
            raise Wrong("invalid", "severity", f"severity is {', '.join(FeedbackItem.Severity.values)}.")
        if self.channel == FeedbackItem.Channel.THUMB:
            if self.rating not in (-1, 1):
                raise Wrong("invalid", "rating", "The rating of a thumb is -1 or 1.")
        elif self.rating is None:
            if not (self.text and self.text.strip()):
                raise Wrong("invalid", "rating", "Feedback has a rating, a text, or both.")
        elif not 0 <= self.rating <= 10:
            raise Wrong("invalid", "rating", "A rating lies between 0 and 10.")
        check_actor(self.actor)


def check_actor(actor: str | None) -> None:
    """Raise Wrong where a pseudonym is none: it looks like an e-mail address or a telephone number."""
    if actor and (("@" in actor and E_MAIL.search(actor)) or PHONE.fullmatch(actor.strip())):
        raise Wrong("looks_personal", "actor", "This looks like an address or a phone number: send a pseudonym.")


def _check_props(props: dict[str, Scalar]) -> None:
    if len(msgspec.json.encode(props)) > MOST_PROPS_BYTES:
        raise Wrong("too_large", "props", "props may have 2 kB.")
    share = props.get("edit_fraction")
    if share is not None and (isinstance(share, str | bool) or not 0 <= share <= 1):
        raise Wrong("invalid", "props", "edit_fraction is a number between 0 and 1.")
