"""Good messages for each of the four sending endpoints, and what each of them leaves in the database."""

from feedback.models import FeedbackItem, Outcome, Prediction, UsageEvent

FEATURE, VERSION = "delay-alert", "v1"
AT = "2026-03-02T12:00:00Z"
MODELS = {"predictions": Prediction, "outcomes": Outcome, "events": UsageEvent, "feedback": FeedbackItem}


def message(endpoint, number, **fields):
    return {"feature": FEATURE, **OF[endpoint](f"m{number}"), **fields}


def of_prediction(id):
    return {"id": id, "version": VERSION, "label": "late", "score": 0.8, "occurred_at": AT}


def of_outcome(id):
    return {"prediction": id, "truth": "late", "observed_at": AT}


def of_event(id):
    return {"id": id, "kind": "accepted", "prediction": id, "actor": "u1", "occurred_at": AT}


def of_feedback(id):
    return {"id": id, "channel": "ticket", "text": "It came too late.", "prediction": id, "occurred_at": AT}


OF = {"predictions": of_prediction, "outcomes": of_outcome, "events": of_event, "feedback": of_feedback}
