"""On what two reviewers of a case disagree, by label and by reason. No numpy: plain counts."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from django.db.models import QuerySet

from feedback.models import Feature, User
from reviews.draw import RIGHT_VALUE
from reviews.models import Assignment, Judgment, ReviewItem

MOST_CASES = 20


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one of two said of an item, and what became of it. final: empty while it waits for a decision."""

    item: int
    reviewer: int
    verdict: str
    corrected: str
    reasons: list[str]
    predicted: str
    external_id: str
    final: str

    @property
    def said(self) -> tuple[str, str]:
        return self.verdict, self.corrected

    @property
    def words(self) -> str:
        """What is right in their eyes: "right", or "wrong: lost"."""
        return f"{self.verdict}: {self.corrected}" if self.corrected else self.verdict


@dataclass(frozen=True, slots=True)
class Case:
    """A decided case that two saw differently. said: their two answers, in no order that names them."""

    item: int
    external_id: str
    said: list[str]
    final: str


@dataclass(frozen=True, slots=True)
class LabelCount:
    """label: what the model answered. n_two: cases that two judged; n: of these, seen differently."""

    label: str
    n_two: int
    n: int
    n_waiting: int
    cases: list[Case] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """code: a reason of the rubric. n_two: cases in which one or both gave it; n: in which only one did."""

    code: str
    n_two: int
    n: int


@dataclass(frozen=True, slots=True)
class Shared:
    """Of one reviewer: cases that somebody else judged too, and of these agreed on."""

    n: int
    n_agreed: int


@dataclass(frozen=True, slots=True)
class Disagreements:
    """labels, reasons: most disagreements first. shared: reviewer -> how far they agree with the others."""

    labels: list[LabelCount]
    reasons: list[ReasonCount]
    shared: dict[int, Shared]


def disagreements_of(feature: Feature) -> Disagreements:
    """What two reviewers make of the same case, over all cases drawn by chance that two have judged.

    They disagree as an adjudicator is asked for: verdict or corrected answer differ. Of each label the newest 20
    decided cases are named; those that wait for a decision are only counted, so that nobody who may still decide
    one reads of it here. shared leaves out what either could not judge. No such case -> empty. One query.
    """
    pairs = _pairs(feature)
    return Disagreements(labels=_labels(pairs), reasons=_reasons(pairs), shared=_shared(pairs))


def still_to_judge(feature: Feature, person: User) -> QuerySet[Assignment, int | None]:
    """The predictions that this person may yet be served to judge: drawn, picked or gold. None unless they review.

    What others said of them would sway that answer. A case that somebody else has may come back to the queue.
    """
    is_waiting = [Assignment.State.OPEN, Assignment.State.LEASED]
    lanes = [Assignment.Lane.OPINION, Assignment.Lane.TARGETED, Assignment.Lane.GOLD]
    to_come = Assignment.objects.filter(feature=feature, lane__in=lanes, state__in=is_waiting)
    own = to_come.filter(feature__in=Feature.objects.reviewed_by(person)).of_unseen_predictions(person)
    return own.values_list("item__prediction", flat=True)


def shown_to(labels: Sequence[LabelCount], *, feature: Feature, person: User) -> list[LabelCount]:
    """The counts as they are, without the cases of which this person may still judge the prediction. One query."""
    named = [case.item for label in labels for case in label.cases]
    to_come = ReviewItem.objects.filter(pk__in=named, prediction__in=still_to_judge(feature, person))
    hidden = set(to_come.values_list("pk", flat=True))
    return [replace(each, cases=[case for case in each.cases if case.item not in hidden]) for each in labels]


def _pairs(feature: Feature) -> list[tuple[Opinion, Opinion]]:
    """The two opinions of each case that has both, the newest case first."""
    standing = Judgment.objects.latest_revisions().filter(
        feature=feature,
        reviewer__isnull=False,
        assignment__lane=Assignment.Lane.OPINION,
        assignment__state=Assignment.State.SUBMITTED,
        assignment__item__arm=ReviewItem.Arm.PROBABILITY,
        assignment__item__n_opinions=2,
    )
    of_item = "assignment__item"
    columns: tuple[str, ...] = ("verdict", "corrected", "reasons", f"{of_item}__prediction__label")
    columns = (of_item, "reviewer", *columns, f"{of_item}__prediction__external_id")
    rows = standing.values_list(*columns, f"{of_item}__verdict", f"{of_item}__truth").order_by(f"-{of_item}", "pk")
    by_item: dict[int, list[Opinion]] = defaultdict(list)
    for item, reviewer, verdict, corrected, reasons, predicted, external_id, final, truth in rows.iterator():
        said = f"{final}: {truth}" if final in {"wrong", "partly"} and truth else final
        by_item[item].append(
            Opinion(item, reviewer, verdict, corrected, reasons, predicted or "", external_id, said)
        )
    return [(two[0], two[1]) for two in by_item.values() if len(two) == 2]


def _labels(pairs: Sequence[tuple[Opinion, Opinion]]) -> list[LabelCount]:
    n_two = Counter(one.predicted for one, _ in pairs)
    apart: dict[str, list[tuple[Opinion, Opinion]]] = defaultdict(list)
    for one, other in pairs:
        if one.said != other.said:
            apart[one.predicted].append((one, other))
    counts = [_label(label, n, apart[label]) for label, n in n_two.items()]
    return sorted(counts, key=lambda count: (-count.n, count.label))


def _label(label: str, n_two: int, apart: Sequence[tuple[Opinion, Opinion]]) -> LabelCount:
    decided = [two for two in apart if two[0].final]
    return LabelCount(
        label=label,
        n_two=n_two,
        n=len(apart),
        n_waiting=len(apart) - len(decided),
        cases=[
            Case(one.item, one.external_id, sorted([one.words, other.words]), one.final)
            for one, other in decided[:MOST_CASES]
        ],
    )


def _reasons(pairs: Iterable[tuple[Opinion, Opinion]]) -> list[ReasonCount]:
    n_two: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    for one, other in pairs:
        n_two.update({*one.reasons, *other.reasons})
        alone.update(set(one.reasons) ^ set(other.reasons))
    counts = [ReasonCount(code, n, alone[code]) for code, n in n_two.items()]
    return sorted(counts, key=lambda count: (-count.n, count.code))


def _shared(pairs: Iterable[tuple[Opinion, Opinion]]) -> dict[int, Shared]:
    n: Counter[int] = Counter()
    agreed: Counter[int] = Counter()
    for one, other in pairs:
        if one.verdict not in RIGHT_VALUE or other.verdict not in RIGHT_VALUE:
            continue
        n.update([one.reviewer, other.reviewer])
        if one.said == other.said:
            agreed.update([one.reviewer, other.reviewer])
    return {reviewer: Shared(times, agreed[reviewer]) for reviewer, times in n.items()}
