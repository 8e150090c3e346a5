"""Rows for tests, made plainly: honest defaults, anything overridden by keyword."""

import itertools
from datetime import UTC, datetime, timedelta

from feedback.actions.people import create_key
from feedback.models import Feature, Membership, ModelVersion, Outcome, Prediction, User

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PASSWORD = "a long enough password"
numbers = itertools.count(1)


def make_user(email=None, *, password=None, is_staff=False, **fields):
    """A person. Without a password, none can be used; staff are superusers, as create_person makes them."""
    email = email or f"person{next(numbers)}@example.org"
    return User.objects.create_user(email, password, is_staff=is_staff, **{"is_superuser": is_staff, **fields})


def make_feature(slug=None, **fields):
    slug = slug or f"feature-{next(numbers)}"
    return Feature.objects.create(
        slug=slug,
        **{
            "name": slug.replace("-", " ").capitalize(),
            "stage": "pilot",
            "created_at": NOON,
            "sampling_salt": "0" * 64,  # with the slug, and ids that a test gives: the same draw at every run
            **fields,
        },
    )


def make_version(feature=None, name=None, **fields):
    """A version with the labels on_time and late, or none where the feature answers otherwise."""
    feature = feature or make_feature()
    if feature.answer_kind == Feature.AnswerKind.LABEL:
        fields = {"labels": ["on_time", "late"], "positive_label": "late", **fields}
    return ModelVersion.objects.create(
        feature=feature, name=name or f"v{next(numbers)}", **{"deployed_at": NOON, "created_at": NOON, **fields}
    )


def make_membership(user=None, feature=None, role="reviewer"):
    return Membership.objects.create(user=user or make_user(), feature=feature or make_feature(), role=role)


def make_key(*, scopes=("ingest",), features=None, person=None, now=NOON, **fields):
    """(key, what its holder presents). features None: all of them. person: a key that acts as that person."""
    scopes = () if person else scopes
    return create_key(name="test", scopes=scopes, features=features, person=person, now=now, **fields)


def make_prediction(version=None, external_id=None, **fields):
    """A prediction as a fitting answer of the version: a label, a value or an output."""
    version = version or make_version()
    number = next(numbers)
    answer = {
        "label": {"label": (version.labels or ["late"])[-1], "score": 0.8},
        "number": {"value": 42.0},
        "output": {"output": {"text": "hello"}},
    }[version.feature.answer_kind]
    if {"label", "value", "output"} & set(fields):
        answer = {"score": answer.get("score")}
    received_at = fields.get("received_at", fields.get("occurred_at", NOON))
    return Prediction.objects.create(
        feature=version.feature,
        version=version,
        external_id=external_id or f"p{number}",
        **{"occurred_at": received_at, "received_at": received_at, "fingerprint": number, **answer, **fields},
    )


def make_outcome(prediction=None, *, truth=None, **fields):
    """The truth of a prediction, an hour after it; by default the prediction was right."""
    prediction = prediction or make_prediction()
    if truth is None:
        truth = prediction.label if prediction.label is not None else prediction.value
    observed_at = fields.get("observed_at", prediction.occurred_at + timedelta(hours=1))
    told = {"truth_label": truth} if isinstance(truth, str) else {"truth_value": truth}
    return Outcome.objects.create(
        feature=prediction.feature,
        external_id=prediction.external_id,
        **{
            "observed_at": observed_at,
            "received_at": observed_at,
            "fingerprint": next(numbers),
            **told,
            **fields,
        },
    )
