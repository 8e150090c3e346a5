"""How far a feature's reviewers can be relied on, from their judgments (statistics.md §5).

Needs numpy and scipy: web code imports it inside functions.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from typing import NamedTuple, TypeAlias

import numpy as np
from django.db.models import Q

from feedback.models import Feature, ModelVersion, User
from reviews.agreement import (
    Ints,
    Opinions,
    cohen_kappa,
    gold_accuracy,
    krippendorff_alpha,
    raw_agreement,
)
from reviews.draw import RIGHT_VALUE, inclusion_probability, is_counted, threshold
from reviews.figures import OneLookFigure
from reviews.latent_truth import accuracy_without_reviewer_error, fit, still_needed
from reviews.models import Assignment, DrawDay, GoldReference, Judgment, ReviewItem

VERDICTS = tuple(RIGHT_VALUE)
Lane = Assignment.Lane
# A verdict, and the corrected answer that goes with it: two opinions agree when both are the same.
Said: TypeAlias = tuple[str, str]
Confusion: TypeAlias = dict[str, dict[str, float]]


class Given(NamedTuple):
    """One opinion as its latest revision stands, of something that could be judged."""

    item: int
    version: int
    reviewer: int
    said: Said

    @property
    def verdict(self) -> str:
        return self.said[0]


@dataclass(frozen=True, slots=True)
class ReviewerFigures:
    """n_judged: items judged; n_shared: of these, judged by somebody else too; gold: how often right on gold.

    confusion: verdict that is probably true -> verdict given -> share; None where the reading says why.
    """

    reviewer_id: int
    name: str
    n_judged: int
    n_shared: int
    gold: OneLookFigure
    confusion: Confusion | None


@dataclass(frozen=True, slots=True)
class PairFigures:
    """Two reviewers on the items that both judged."""

    first_id: int
    second_id: int
    raw: OneLookFigure
    kappa: OneLookFigure


@dataclass(frozen=True, slots=True)
class ReliabilityReading:
    """n_items: judged by anybody; n_shared: by two. overlap: rows and columns as reviewers, items both judged.

    pairs: those with an item in common. confusion_reason: why no reviewer has a confusion yet; else empty.
    """

    n_items: int
    n_shared: int
    raw: OneLookFigure
    alpha: OneLookFigure
    reviewers: list[ReviewerFigures]
    overlap: list[list[int]]
    pairs: list[PairFigures]
    confusion_reason: str


def reliability_of(feature: Feature, *, rng: np.random.Generator) -> ReliabilityReading:
    """How far the reviewers of a feature agree, with each other and with gold, and how each of them errs.

    From opinions on items drawn by chance, of people who still have an account, as the latest revision stands:
    neither adjudications and audits, which come of the opinions, nor targeted items, nor what nobody could judge.
    Confusions are of verdicts, and gold teaches them. No judgments -> empty lists, figures with their reasons.
    Three queries for any number of rows. rng draws the intervals, two more for each pair of reviewers.
    """
    given, gold = _given(feature), _gold_of(feature)
    reviewers = sorted({one.reviewer for one in given})
    opinions = [one for one in given if one.item not in gold]
    said = [one.said for one in opinions]
    table = _numbered(opinions, reviewers, said, sorted(set(said)))
    judged = np.zeros((table.n_items, len(reviewers)), dtype=np.int64)
    judged[table.item, table.reviewer] = 1
    is_shared = judged.sum(axis=1) >= 2
    overlap = judged.T @ judged
    confusions, confusion_reason = _confusions(given, reviewers, gold)
    names = {person.pk: str(person) for person in User.objects.filter(pk__in=reviewers)}
    return ReliabilityReading(
        n_items=table.n_items,
        n_shared=int(is_shared.sum()),
        raw=raw_agreement(table.counts(), rng=rng),
        alpha=krippendorff_alpha(table.counts(), rng=rng),
        reviewers=[
            ReviewerFigures(
                reviewer_id=reviewer,
                name=names[reviewer],
                n_judged=int(judged[:, at].sum()),
                n_shared=int(judged[is_shared, at].sum()),
                gold=_gold_figure((one for one in given if one.reviewer == reviewer), gold),
                confusion=confusions.get(reviewer),
            )
            for at, reviewer in enumerate(reviewers)
        ],
        overlap=overlap.tolist(),
        pairs=[
            _pair(table.pair_table(first, second), reviewers[first], reviewers[second], rng)
            for first, second in combinations(range(len(reviewers)), 2)
            if overlap[first, second]
        ],
        confusion_reason=confusion_reason,
    )


def accuracy_without_error_of(version: ModelVersion, *, rng: np.random.Generator) -> OneLookFigure:
    """A version's accuracy with its reviewers' error taken out: a line of its own beside the estimate.

    From its counted items (statistics.md §1) that somebody could judge, each weighing 1 / inclusion probability;
    partly right is half. Its other opinions, and the feature's gold items, only teach how reviewers err. None with
    a reason until enough is shared. For workers: the model is fitted 200 times. Wider than the estimate of §2, and
    not equal to it where nobody errs: that one also uses the scores of what was not reviewed.
    """
    gold, weights = _gold_of(version.feature), _weights(version)
    given = [one for one in _given(version.feature) if one.item in gold or one.version == version.pk]
    items, verdicts = sorted({one.item for one in given}), _verdicts(given, gold)
    return accuracy_without_reviewer_error(
        _numbered(given, sorted({one.reviewer for one in given}), [one.verdict for one in given], verdicts),
        worth=np.array([RIGHT_VALUE[verdict] for verdict in verdicts]),
        weights=np.array([weights.get(item, 0.0) for item in items]),
        gold=_known(items, verdicts, gold),
        rng=rng,
    )


def _given(feature: Feature) -> list[Given]:
    standing = Judgment.objects.latest_revisions().filter(
        Q(assignment__lane=Lane.OPINION, assignment__item__arm=ReviewItem.Arm.PROBABILITY)
        | Q(assignment__lane=Lane.GOLD, assignment__item__gold__verdict__in=VERDICTS),
        feature=feature,
        assignment__state=Assignment.State.SUBMITTED,
        verdict__in=VERDICTS,
    )
    columns = ("assignment__item", "assignment__item__version", "reviewer", "verdict", "corrected")
    return [
        Given(item, version, reviewer, (verdict, corrected))
        for item, version, reviewer, verdict, corrected in standing.values_list(*columns)
        if reviewer is not None
    ]


def _gold_of(feature: Feature) -> dict[int, Said]:
    """What is to be said of each gold item."""
    known = GoldReference.objects.filter(item__feature=feature, verdict__in=VERDICTS)
    return {
        item: (verdict, "" if verdict == ReviewItem.Verdict.RIGHT else truth)
        for item, verdict, truth in known.values_list("item", "verdict", "truth")
    }


def _weights(version: ModelVersion) -> dict[int, float]:
    """1 / inclusion probability of each counted item."""
    cohorts: dict[date, list[tuple[int, float, float, str]]] = defaultdict(list)
    items = ReviewItem.objects.in_probability_sample().filter(version=version)
    for day, pk, k, w, state in items.values_list("cohort_on", "pk", "queue_key", "weight", "state"):
        cohorts[day].append((pk, k, w, state))
    caps = dict(DrawDay.objects.filter(version=version).values_list("day", "k_cap"))
    return {
        pk: 1 / inclusion_probability(t, w)
        for day, cohort in cohorts.items()
        if day in caps  # without it nothing tells how far the day was drawn
        for t in [threshold((k for _, k, _, state in cohort if state != ReviewItem.State.FINAL), caps[day])]
        for pk, k, w, state in cohort
        if state == ReviewItem.State.FINAL and is_counted(k, t)
    }


def _numbered(
    given: Sequence[Given], reviewers: Sequence[int], said: Sequence[Hashable], answers: Sequence[Hashable]
) -> Opinions:
    """The opinions, numbered: items by id, reviewers and what was said by their places in these lists."""
    items, people, kinds = (
        {each: at for at, each in enumerate(places)}
        for places in (sorted({one.item for one in given}), reviewers, answers)
    )
    rows = [(items[one.item], people[one.reviewer], kinds[each]) for one, each in zip(given, said, strict=True)]
    item, reviewer, answer = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return Opinions(item, reviewer, answer, len(items), len(people), len(kinds))


def _verdicts(given: Iterable[Given], gold: Mapping[int, Said]) -> list[str]:
    """Those that occur; one that nobody gives needs no row in a confusion."""
    there = {one.verdict for one in given} | {verdict for verdict, _ in gold.values()}
    return [verdict for verdict in VERDICTS if verdict in there]


def _known(items: Sequence[int], verdicts: Sequence[str], gold: Mapping[int, Said]) -> Ints:
    return np.array([verdicts.index(gold[item][0]) if item in gold else -1 for item in items], dtype=np.int64)


def _confusions(
    given: Sequence[Given], reviewers: Sequence[int], gold: Mapping[int, Said]
) -> tuple[dict[int, Confusion], str]:
    """Reviewer -> confusion; or none, and why."""
    verdicts = _verdicts(given, gold)
    table = _numbered(given, reviewers, [one.verdict for one in given], verdicts)
    if reason := still_needed(table):
        return {}, reason
    found = fit(table, gold=_known(sorted({one.item for one in given}), verdicts, gold)).confusion.tolist()
    return {
        reviewer: {true: dict(zip(verdicts, row, strict=True)) for true, row in zip(verdicts, rows, strict=True)}
        for reviewer, rows in zip(reviewers, found, strict=True)
    }, ""


def _gold_figure(given: Iterable[Given], gold: Mapping[int, Said]) -> OneLookFigure:
    judged = [one for one in given if one.item in gold]
    return gold_accuracy(sum(one.said == gold[one.item] for one in judged), len(judged))


def _pair(table: Ints, first: int, second: int, rng: np.random.Generator) -> PairFigures:
    one, other = np.nonzero(table)
    said = np.eye(len(table), dtype=np.int64)
    counts = np.repeat(said[one] + said[other], table[one, other], axis=0)
    return PairFigures(first, second, raw_agreement(counts, rng=rng), cohen_kappa(table, rng=rng))
