"""What the codes of a refusal mean, and what to do about each, for those who mend the sender."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    """title: what is wrong. next_step: what to do. counted: what n counts."""

    title: str
    next_step: str
    counted: str = "items"


ADVICE = {
    "invalid": Advice(
        "A field is not right",
        "Compare what was sent with the field's type and limits in the REST API's description, mend the sender, "
        "then send the items again: what is stored already is not doubled.",
    ),
    "unknown_feature": Advice(
        "No such feature for this key",
        "Check the slug for a spelling mistake. If it is right, the key may not see this feature: "
        "make a key for it, or make the feature first. Then send the items again.",
    ),
    "unknown_version": Advice(
        "The version is not registered",
        "Register it (POST /api/v1/features/SLUG/versions/), or let the feature register versions on first "
        "sight. Then send the items again.",
    ),
    "conflict": Advice(
        "The same id came with other content",
        "What came first is kept. If the second one is another prediction, give it an id of its own; "
        "if it is a correction of what became true, send an outcome.",
    ),
    "in_future": Advice(
        "The time lies ahead",
        "Check the sender's clock and the offset in its times: more than 10 minutes ahead is refused.",
    ),
    "too_large": Advice(
        "An item is too large",
        "An item may have 64 kB and 32 levels. Send what a reviewer needs to judge, and a link to the rest.",
    ),
    "looks_personal": Advice(
        "It looks like a person's address or number",
        "Send a pseudonym as the actor, such as the product's own user number. Nothing of it was kept.",
    ),
    "forbidden": Advice(
        "The key may not do this",
        "Use a key with the right scope and features, or widen what this one may do.",
    ),
    "body_unreadable": Advice(
        "The body cannot be read",
        "It must be one JSON object, an array, or one object a line (application/x-ndjson), in UTF-8 and whole. "
        "Nothing of the request was stored; mend it and send it again.",
        "requests",
    ),
    "body_too_large": Advice(
        "The request is too large",
        "Send at most 10,000 items and 16 MiB, unpacked, at a time. Nothing of the request was stored.",
        "requests",
    ),
    "body_unsupported": Advice(
        "The format is not supported",
        "Send Content-Type application/json or application/x-ndjson in UTF-8, packed with gzip or not at all. "
        "Nothing of the request was stored.",
        "requests",
    ),
}


def advice_on(code: str) -> Advice:
    return ADVICE.get(code, Advice(code, "The detail of each example says what is wrong."))
