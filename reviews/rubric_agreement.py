"""How far opinions agree under each version of a guideline. Needs numpy: for workers."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
from django.db import transaction
from django.db.models import Count

from feedback.models import Feature
from reviews.agreement import Ints, krippendorff_alpha, raw_agreement
from reviews.draw import RIGHT_VALUE
from reviews.models import Assignment, Judgment, ReviewItem, RubricAgreement

Opinion = tuple[int, tuple[str, str]]  # item, what was said of it: verdict and corrected answer


def due_features() -> list[int]:
    """Features with other numbers of judgments, or of voided ones, than the figures of their rubrics are from."""
    rows = Judgment.objects.exclude(rubric=None).order_by().values_list("feature").annotate(n=Count("pk"))
    voided = Assignment.objects.filter(state=Assignment.State.VOID).order_by().values_list("feature")
    n_void = dict(voided.annotate(n=Count("pk")))
    marks = RubricAgreement.objects.order_by("n_judgments").values_list("rubric__feature", "n_judgments", "n_void")
    stored = {feature: mark for feature, *mark in marks}
    return sorted(pk for pk, n in rows if stored.get(pk) != [n, n_void.get(pk, 0)])


def prepare_agreements(*, feature: Feature, now: datetime) -> Callable[[], int]:
    """The figures of each rubric that somebody judged by; the answer stores them and says how many.

    From opinions on items drawn by chance, as the latest revision stands and under the rubric that this names:
    neither decisions between two, nor gold, nor what nobody could judge. Replay: the same figures, replaced.
    Race: whoever is last stands, and a judgment added in between makes the feature due again.
    """
    n_judgments = Judgment.objects.filter(feature=feature).exclude(rubric=None).count()
    n_void = Assignment.objects.filter(feature=feature, state=Assignment.State.VOID).count()
    found = [_figures(rubric, opinions) for rubric, opinions in _by_rubric(feature).items()]
    for row in found:
        row.as_of, row.n_judgments, row.n_void = now, n_judgments, n_void
    names = [field.name for field in RubricAgreement._meta.concrete_fields if field.name not in {"id", "rubric"}]

    @transaction.atomic
    def store() -> int:
        before = RubricAgreement.objects.filter(rubric__feature=feature)
        before.exclude(rubric__in=[row.rubric_id for row in found]).delete()
        RubricAgreement.objects.bulk_create(
            found, update_conflicts=True, unique_fields=["rubric"], update_fields=names
        )
        return len(found)

    return store


def _by_rubric(feature: Feature) -> dict[int, list[Opinion]]:
    """Every rubric that a judgment names, those without a usable opinion too: their figures say why."""
    named = Judgment.objects.filter(feature=feature).exclude(rubric=None).order_by("rubric")
    by_rubric: dict[int, list[Opinion]] = {pk: [] for pk in named.values_list("rubric", flat=True).distinct()}
    standing = Judgment.objects.latest_revisions().filter(
        feature=feature,
        assignment__lane=Assignment.Lane.OPINION,
        assignment__state=Assignment.State.SUBMITTED,
        assignment__item__arm=ReviewItem.Arm.PROBABILITY,
        verdict__in=list(RIGHT_VALUE),
        rubric__isnull=False,
        reviewer__isnull=False,
    )
    columns = ("rubric", "assignment__item", "verdict", "corrected")
    for rubric, item, verdict, corrected in standing.values_list(*columns):
        by_rubric[rubric].append((item, (verdict, corrected)))
    return by_rubric


def _figures(rubric: int, opinions: Sequence[Opinion]) -> RubricAgreement:
    """The intervals are drawn with the rubric's own number: the same judgments give the same figures."""
    counts, rng = counts_of(opinions), np.random.default_rng(rubric)
    raw, alpha = raw_agreement(counts, rng=rng), krippendorff_alpha(counts, rng=rng)
    return RubricAgreement(
        rubric_id=rubric,
        n_shared=raw.n,
        raw=raw.value,
        raw_low=raw.low,
        raw_high=raw.high,
        raw_reason=raw.reason,
        alpha=alpha.value,
        alpha_low=alpha.low,
        alpha_high=alpha.high,
        alpha_reason=alpha.reason,
    )


def counts_of(opinions: Sequence[Opinion]) -> Ints:
    """(items, answers): how many opinions of each item gave each answer."""
    answers = {said: at for at, said in enumerate(sorted({said for _, said in opinions}))}
    rows: dict[int, list[int]] = defaultdict(lambda: [0] * len(answers))
    for item, said in opinions:
        rows[item][answers[said]] += 1
    return np.array(list(rows.values()), dtype=np.int64).reshape(len(rows), len(answers))
