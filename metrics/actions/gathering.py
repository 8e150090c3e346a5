"""What is known of a feature: its additive counts, its counted reviews, and its paired cases. For workers."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from feedback.models import Feature, ModelVersion
from metrics.models import PairedDay
from metrics.stats.comparing import Pairs
from metrics.stats.counts import Counts
from metrics.stats.reviewed import CountedItem
from metrics.summaries import counts_by_day, segment_name
from reviews.draw import inclusion_probability, is_counted, score_bin, threshold
from reviews.models import DrawDay, ReviewItem, SamplingPolicy

CohortKey = tuple[int, date]  # version id, UTC day
VersionPair = tuple[int, int]  # version ids: the newer one, the older one


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of a feature, or of one segment of it.

    counts: by cohort. reviewed: the counted items, by cohort. covered: the cohorts with a counted item of any
    segment. pairs: cases that two versions answered, by who was right.
    """

    feature: Feature
    versions: list[ModelVersion]
    counts: Mapping[CohortKey, Counts]
    reviewed: Mapping[CohortKey, list[CountedItem]]
    covered: frozenset[CohortKey]
    pairs: Mapping[VersionPair, Pairs]
    n_star: int
    segment: str = ""

    def labels(self, version: ModelVersion | None) -> list[str]:
        """Declared labels, in their order."""
        chosen = [version] if version else self.versions
        return list(dict.fromkeys(label for each in chosen for label in each.labels))

    def positive_label(self, version: ModelVersion | None) -> str | None:
        chosen = [version] if version else self.versions
        return next((each.positive_label for each in chosen if each.positive_label), None)

    def of_segment(self, name: str) -> "Evidence":
        """The same of one segment. Its days are covered where the whole's are: a cohort is reviewed as one."""
        chosen = {key: [item for item in items if name in item.segments] for key, items in self.reviewed.items()}
        counts = counts_by_day(self.feature, segment=name)
        return replace(self, counts=counts, reviewed=chosen, segment=name)


def gather(feature: Feature) -> Evidence:
    """Read a feature's counts and counted reviews. Never reads predictions that nobody judged."""
    policy = SamplingPolicy.objects.filter(feature=feature).order_by("-number").first()
    reviewed = counted_items(feature)
    return Evidence(
        feature=feature,
        versions=list(ModelVersion.objects.of(feature).by_deployment()),
        counts=counts_by_day(feature),
        reviewed=reviewed,
        covered=frozenset(reviewed),
        pairs=_pairs(feature),
        n_star=policy.target_count if policy else 500,
    )


def _pairs(feature: Feature) -> dict[VersionPair, Pairs]:
    pairs: dict[VersionPair, Pairs] = defaultdict(Pairs)
    columns = ("new", "old", "n_both_right", "n_only_new", "n_only_old", "n_neither")
    for new, old, *counts in PairedDay.objects.of(feature).values_list(*columns):
        pairs[new, old] = pairs[new, old].plus(Pairs(*counts))
    return {key: found for key, found in pairs.items() if found.n}


def counted_items(feature: Feature) -> dict[CohortKey, list[CountedItem]]:
    """The final items of each cohort whose place in the queue makes them count (statistics.md §1)."""
    items: dict[CohortKey, list[ReviewItem]] = defaultdict(list)
    drawn = ReviewItem.objects.of(feature).in_probability_sample().select_related("prediction")
    columns = ("prediction__label", "prediction__score", "prediction__actor", "prediction__segments")
    for item in drawn.only("version", "cohort_on", "queue_key", "weight", "state", "verdict", "truth", *columns):
        items[item.version_id, item.cohort_on].append(item)
    caps = {
        (version, day): k_cap
        for version, day, k_cap in DrawDay.objects.filter(version__feature=feature).values_list(
            "version", "day", "k_cap"
        )
    }
    counted = {key: _counted(feature, cohort, caps[key]) for key, cohort in items.items()}
    return {key: cohort for key, cohort in counted.items() if cohort}


def _counted(feature: Feature, cohort: Iterable[ReviewItem], k_cap: float | None) -> list[CountedItem]:
    cohort = sorted(cohort, key=lambda item: item.queue_key)
    t = threshold((item.queue_key for item in cohort if item.state != ReviewItem.State.FINAL), k_cap)
    has_labels = feature.answer_kind == Feature.AnswerKind.LABEL
    return [
        _item(item, p=inclusion_probability(t, item.weight), has_labels=has_labels)
        for item in cohort
        if item.state == ReviewItem.State.FINAL
        and (item.prediction.label is not None or not has_labels)
        and is_counted(item.queue_key, t)
    ]


def _item(item: ReviewItem, *, p: float, has_labels: bool) -> CountedItem:
    """Of numbers and free output only the verdict is known: all have the label "", no score and no truth."""
    found = CountedItem(
        label="",
        bin=None,
        p=p,
        verdict=item.verdict,
        actor=item.prediction.actor or None,
        segments=frozenset(segment_name(*pair) for pair in (item.prediction.segments or {}).items()),
    )
    if not has_labels:
        return found
    label, truth = item.prediction.label or "", item.truth or None
    return replace(found, label=label, bin=score_bin(item.prediction.score), truth=truth)
