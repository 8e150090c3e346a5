"""Recording what services post: good items are stored, the others named with the reason."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from django.db import OperationalError, models
from django.db.models import QuerySet
from msgspec.json import Decoder

from feedback.ingest.checking import EVENT, FEEDBACK, OUTCOME, PREDICTION, Checked, Item, check_items
from feedback.ingest.decode import RawItem
from feedback.ingest.items import OutcomeItem, PredictionItem, Refusal, SentOnce, Wrong
from feedback.ingest.rows import (
    EVENT_COLUMNS,
    FEEDBACK_COLUMNS,
    OUTCOME_COLUMNS,
    PREDICTION_COLUMNS,
    event_row,
    feedback_row,
    outcome_row,
    prediction_row,
)
from feedback.ingest.store import Row, in_one_transaction, insert_once
from feedback.models import Feature, FeedbackItem, ModelVersion, Outcome, Prediction, UsageEvent

CHUNK = 5000
# Reviews and metrics look back two minutes from what they have seen: what commits must have been received within.
LONGEST_S = 60
ASKED = ("slug", "name", "answer_kind", "auto_register_versions")  # of a feature: the rest is long
WITH_FEATURE = tuple(f"feature__{name}" for name in ASKED)
ASKED_OF_VERSION = ("id", "name", "labels", "is_auto_registered", "deployed_at")
ANSWER_FIELDS = {"label": "label", "number": "value", "output": "output"}

Key = tuple[int, str]
Why = tuple[str, str, str]  # code, field, detail
Once = TypeVar("Once", bound=SentOnce)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch: received = created + duplicates + refused."""

    received: int
    created: int
    duplicates: int
    refused: list[Refusal]


@dataclass(slots=True)
class Batch(Generic[Item]):
    """Items on their way to the database: one after the other goes over from the good to the refused."""

    started: float
    now: datetime
    received: int
    features: dict[str, Feature]
    good: list[Checked[Item]]
    refused: list[Refusal]

    def feature_of(self, one: Checked[Item]) -> Feature:
        return self.features[one.item.feature]

    def keep(self, wrong: Callable[[Item], Why | None]) -> None:
        """Refuse the items that have something wrong, and keep the others."""
        kept = []
        for one in self.good:
            why = wrong(one.item)
            if why is None:
                kept.append(one)
            else:
                self.refuse(one, why)
        self.good = kept

    def refuse(self, one: Checked[Item], why: Why) -> None:
        self.refused.append(Refusal(one.place, getattr(one.item, one.item.id_field), *why))

    def check_time(self) -> None:
        """statement_timeout limits each statement, this the sum of them."""
        if time.monotonic() - self.started > LONGEST_S:
            raise OperationalError("Storing this batch took over a minute.")

    def receipt(self, *, created: int, duplicates: int) -> Receipt:
        refused = sorted(self.refused, key=lambda refusal: refusal.index)
        return Receipt(self.received, created, duplicates, refused)


def record_predictions(*, items: Sequence[RawItem], features: QuerySet[Feature], now: datetime) -> Receipt:
    """Store predictions, each a JSON object in bytes, of the features that the sender may see.

    Good items are stored even when others are refused. What is there already with the same content is a
    duplicate, with other content a `conflict`. Replay and race: the unique key (feature, id) decides; sending a
    batch again, or two at once, stores each item once and counts it as created once. Raises OperationalError
    when it takes over a minute: then it is to be sent again.
    """
    versions: dict[Key, ModelVersion] = {}
    batch = _open(items, PREDICTION, features, now, lambda good: _features_with_versions(good, features, versions))
    wanted = {slug: ANSWER_FIELDS[feature.answer_kind] for slug, feature in batch.features.items()}
    if any(one.item.answer != wanted[one.item.feature] for one in batch.good):
        batch.keep(lambda item: _wrong_answer(item, batch.features[item.feature]))
    _register_versions(batch, versions)

    def row_of(one: Checked[PredictionItem], feature: Feature) -> Row:
        version = versions.get((feature.id, one.item.version))
        return prediction_row(one, _fitting(one.item, feature, version), now)

    return _record_once(batch, Prediction, PREDICTION_COLUMNS, row_of)


def record_outcomes(*, items: Sequence[RawItem], features: QuerySet[Feature], now: datetime) -> Receipt:
    """Store truths, also of predictions not seen yet. The same truth sent again is a duplicate.

    A correction is a row of its own; the newest observed_at holds. Replay and race: the unique key (feature,
    id, content) decides. Raises OperationalError when it takes over a minute: then it is to be sent again.
    """
    batch = _open(items, OUTCOME, features, now)
    batch.keep(lambda item: _wrong_truth(item, batch.features[item.feature]))
    rows: dict[tuple[int, str, int], Row] = {}
    for one in batch.good:
        feature = batch.feature_of(one)
        rows.setdefault((feature.id, one.item.prediction, one.fingerprint), outcome_row(one, feature, now))

    def store() -> int:
        key = ("feature_id", "external_id", "fingerprint")
        inserted = insert_once(Outcome, columns=OUTCOME_COLUMNS, key=key, rows=list(rows.values()))
        batch.check_time()
        return len(inserted)

    created = in_one_transaction(store, n_rows=len(rows))
    return batch.receipt(created=created, duplicates=len(batch.good) - created)


def record_events(*, items: Sequence[RawItem], features: QuerySet[Feature], now: datetime) -> Receipt:
    """Store usage events, also of predictions not seen yet. Replay, race and time as in record_predictions."""
    batch = _open(items, EVENT, features, now)
    return _record_once(batch, UsageEvent, EVENT_COLUMNS, lambda one, feature: event_row(one, feature, now))


def record_feedback(*, items: Sequence[RawItem], features: QuerySet[Feature], now: datetime) -> Receipt:
    """Store what customers said, also of predictions not seen yet. Replay, race, time as in record_predictions."""
    batch = _open(items, FEEDBACK, features, now)
    return _record_once(
        batch, FeedbackItem, FEEDBACK_COLUMNS, lambda one, feature: feedback_row(one, feature, now)
    )


def _open(
    items: Sequence[RawItem],
    decoder: Decoder[Item],
    features: QuerySet[Feature],
    now: datetime,
    find: Callable[[Sequence[Checked[Item]]], dict[str, Feature]] = lambda good: {},
) -> Batch[Item]:
    """The items that are right by themselves and of a feature that the sender may see.

    find: features that come with something else, and so need no query of their own.
    """
    started = time.monotonic()
    good, refused = check_items(items, decoder, now=now)
    slugs = {one.item.feature for one in good}
    found = find(good)
    if missing := slugs - found.keys():
        asked = features.filter(slug__in=missing).only(*ASKED).order_by()
        found |= {feature.slug: feature for feature in asked}
    batch = Batch(started, now, len(items), found, good, refused)
    if len(found) < len(slugs):
        batch.keep(lambda item: None if item.feature in found else _unknown(item.feature))
    return batch


def _record_once(
    batch: Batch[Once],
    model: type[models.Model],
    columns: Sequence[str],
    row_of: Callable[[Checked[Once], Feature], Row],
) -> Receipt:
    """Store items that their id identifies within their feature: once each, whatever is sent again."""
    fresh, duplicates = _distinct(batch, row_of)

    def store() -> set[tuple[int, str]]:
        rows = [row for _, row in fresh.values()]
        inserted = insert_once(model, columns=columns, key=("feature_id", "external_id"), rows=rows)
        batch.check_time()
        return inserted

    inserted = in_one_transaction(store, n_rows=len(fresh))
    left = [key for key in fresh if key not in inserted] if len(inserted) < len(fresh) else []
    stored = _stored_fingerprints(model, left)
    for key in left:
        one = fresh[key][0]
        if stored.get(key) == one.fingerprint:
            duplicates += 1
        else:
            batch.refuse(one, _conflict("The same id is stored with other content."))
    return batch.receipt(created=len(inserted), duplicates=duplicates)


def _distinct(
    batch: Batch[Once], row_of: Callable[[Checked[Once], Feature], Row]
) -> tuple[dict[Key, tuple[Checked[Once], Row]], int]:
    """The first of each id in the batch with its row, and how many repeat one with the same content.

    row_of raises Wrong for an item that does not fit its feature after all.
    """
    fresh: dict[Key, tuple[Checked[Once], Row]] = {}
    duplicates = 0
    for one in batch.good:
        feature = batch.features[one.item.feature]
        try:
            made = one, row_of(one, feature)
        except Wrong as wrong:
            batch.refuse(one, (wrong.code, wrong.field, str(wrong)))
            continue
        twin = fresh.setdefault((feature.id, one.item.id), made)
        if twin is made:
            continue
        if twin[0].fingerprint == one.fingerprint:
            duplicates += 1
        else:
            batch.refuse(one, _conflict("The same id with other content stands earlier in this batch."))
    return fresh, duplicates


def _unknown(slug: str) -> Why:
    return "unknown_feature", "feature", f"There is no feature {slug}, or this key may not see it."


def _conflict(detail: str) -> Why:
    return "conflict", "id", detail


def _wrong_answer(item: PredictionItem, feature: Feature) -> Why | None:
    wanted = ANSWER_FIELDS[feature.answer_kind]
    if item.answer != wanted:
        return "invalid", item.answer, f"{feature.name} answers with {wanted}, not with {item.answer}."
    return None


def _fitting(item: PredictionItem, feature: Feature, version: ModelVersion | None) -> ModelVersion:
    """The version that gave this answer. Raises Wrong where there is none, or where it declares other labels."""
    if version is None:
        raise Wrong("unknown_version", "version", f"{feature.name} has no version {item.version}.")
    if version.labels:
        if item.label is not None and item.label not in version.labels:
            raise Wrong("invalid", "label", f"Version {version.name} does not declare this label.")
        if item.probabilities and not item.probabilities.keys() <= set(version.labels):
            raise Wrong("invalid", "probabilities", f"Version {version.name} lacks one of these labels.")
    return version


def _wrong_truth(item: OutcomeItem, feature: Feature) -> Why | None:
    is_label = isinstance(item.truth, str)
    if feature.answer_kind == Feature.AnswerKind.LABEL and not is_label:
        return "invalid", "truth", f"The truth of {feature.name} is a label."
    if feature.answer_kind == Feature.AnswerKind.NUMBER and is_label:
        return "invalid", "truth", f"The truth of {feature.name} is a number."
    return None


def _features_with_versions(
    good: Sequence[Checked[PredictionItem]], features: QuerySet[Feature], versions: dict[Key, ModelVersion]
) -> dict[str, Feature]:
    """The features of the named versions that are there; these are added to versions.

    One query for both, of plain values: to make models of a join takes as long as a second query.
    """
    found: dict[str, Feature] = {}
    slugs, names = {one.item.feature for one in good}, sorted({one.item.version for one in good})
    known = ModelVersion.objects.filter(feature__slug__in=slugs)
    if features.query.has_filters():
        known = known.filter(feature__in=features)
    for start in range(0, len(names), CHUNK):
        some = known.filter(name__in=names[start : start + CHUNK]).order_by()
        for pk, *row in some.values_list("feature", *WITH_FEATURE, *ASKED_OF_VERSION):
            feature = Feature(pk, **dict(zip(ASKED, row, strict=False)))
            of_version = dict(zip(ASKED_OF_VERSION, row[len(ASKED) :], strict=True))
            version = ModelVersion(feature=found.setdefault(feature.slug, feature), **of_version)
            versions[pk, version.name] = version
    return found


def _register_versions(batch: Batch[PredictionItem], versions: dict[Key, ModelVersion]) -> None:
    """Make those of a feature that allows it on first sight, and add them to versions."""
    may_register = {feature.pk for feature in batch.features.values() if feature.auto_register_versions}
    if not may_register and not any(version.is_auto_registered for version in versions.values()):
        return
    first_seen: dict[Key, datetime] = {}
    for one in batch.good:
        key, seen_at = (batch.feature_of(one).id, one.item.version), one.item.occurred_at or batch.now
        first_seen[key] = min(first_seen.get(key, seen_at), seen_at)
    missing = sorted(key for key in first_seen if key not in versions and key[0] in may_register)
    if missing:
        # Another batch may register the same one now; whichever comes second finds it. Sorted: no deadlock.
        ModelVersion.objects.bulk_create(
            [
                ModelVersion(
                    feature_id=pk,
                    name=name,
                    created_at=batch.now,
                    deployed_at=first_seen[pk, name],
                    is_auto_registered=True,
                )
                for pk, name in missing
            ],
            ignore_conflicts=True,
        )
        _features_with_versions(batch.good, Feature.objects.all(), versions)
    for key in first_seen.keys() & versions.keys():
        _deployed_by(versions[key], first_seen[key])


def _deployed_by(version: ModelVersion, seen_at: datetime) -> None:
    """A version made on first sight is deployed since it first answered, in whatever order that is told."""
    if version.is_auto_registered and version.deployed_at is not None and seen_at < version.deployed_at:
        # The condition again: another batch may tell of an earlier answer at this moment.
        ModelVersion.objects.filter(pk=version.pk, deployed_at__gt=seen_at).update(deployed_at=seen_at)


def _stored_fingerprints(model: type[models.Model], keys: Sequence[Key]) -> dict[Key, int]:
    by_feature: dict[int, list[str]] = {}
    for pk, external_id in keys:
        by_feature.setdefault(pk, []).append(external_id)
    return {
        (pk, external_id): held
        for pk, ids in by_feature.items()
        for start in range(0, len(ids), CHUNK)
        for external_id, held in model._default_manager.filter(
            feature=pk, external_id__in=ids[start : start + CHUNK]
        ).values_list("external_id", "fingerprint")
    }
