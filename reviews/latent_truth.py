"""What is true when reviewers err: Dawid & Skene's model by EM (statistics.md §5). No Django.

Needs numpy and scipy: web code imports it inside functions.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from reviews.agreement import MIN_ITEMS, TAIL, Floats, Ints, Opinions
from reviews.figures import OneLookFigure
from reviews.intervals import wilson

PRIOR_RIGHT = 2.0  # opinions added to the counts: docs/statistics.md says why not one fewer
PRIOR_WRONG = 1.0
MIN_REVIEWERS = 3
MIN_SHARED_ITEMS = 30
MOST_STEPS = 2_000
STEADY = 1e-6  # no posterior moves by more: far below what a page shows
REFITS = 200
STEADY_REFIT = 1e-3


@dataclass(frozen=True, slots=True)
class LatentTruth:
    """What the opinions say of the items and of the reviewers. Answers are numbered as in the opinions.

    posteriors: (items, answers), how likely each is the true one; rows sum to 1; gold: 1 at the known one.
    confusion: (reviewers, true answer, answer given), how often; last axis sums to 1. shares: (answers,) of the
    items that are not gold. trace: log-likelihood plus log prior of each step's confusion and shares, up to a
    constant, never falling. is_steady: False when the steps ran out before the posteriors stood still.
    """

    posteriors: Floats
    confusion: Floats
    shares: Floats
    trace: tuple[float, ...]
    is_steady: bool


def still_needed(opinions: Opinions) -> str:
    """Why reviewers' errors cannot be told apart yet, in plain words; empty when they can.

    30 items are needed that 3 reviewers judged, gold or not. Two opinions an item are never enough by themselves,
    however many items: many errors and few wrong items then look like few errors and many wrong ones.
    """
    pairs = np.unique(opinions.item * opinions.n_reviewers + opinions.reviewer)
    n_judges = np.bincount(pairs // max(1, opinions.n_reviewers), minlength=opinions.n_items)
    n_shared = int((n_judges >= MIN_REVIEWERS).sum())
    if n_shared >= MIN_SHARED_ITEMS:
        return ""
    return (
        f"needs {MIN_SHARED_ITEMS} items, gold or not, that {MIN_REVIEWERS} reviewers judged; "
        f"{n_shared or 'none'} so far"
    )


def fit(
    opinions: Opinions,
    *,
    gold: Ints | None = None,
    prior_right: float = PRIOR_RIGHT,
    prior_wrong: float = PRIOR_WRONG,
) -> LatentTruth:
    """The most likely reviewers' errors and shares of the answers, and what they make of each item.

    gold: (items,) the true answer where it is known, -1 elsewhere; it stays fixed, teaches how reviewers err,
    and is left out of the shares, because gold items were picked. prior_right, prior_wrong: the Dirichlet prior
    of each reviewer's confusion, as opinions added on and off its diagonal; 0 and 0: none, as in the paper;
    a negative one raises ValueError. Starts from each item's own opinions. Opinions of one reviewer on an item
    add up. An item without any: the shares. n_answers must be at least 1; no items -> empty posteriors.
    Not valid where reviewers err together (they talked, or the same items are hard for all), nor for so many
    answers that a reviewer gave most of them never; see still_needed. EM finds a peak, not always the highest.
    Source: Dawid & Skene 1979, Applied Statistics 28(1), eqs 2.3 to 2.5 and 3.1; with a prior: Dempster, Laird
    & Rubin 1977, JRSS B 39(1), p. 6.
    """
    if not (prior_right >= 0 and prior_wrong >= 0):
        raise ValueError(f"the prior cannot be negative, not {prior_right} and {prior_wrong}")
    model = _model(opinions, gold, prior_right, prior_wrong)
    return model.climb(model.start(), steady=STEADY)


def accuracy_without_reviewer_error(
    opinions: Opinions, *, worth: Floats, weights: Floats, rng: np.random.Generator, gold: Ints | None = None
) -> OneLookFigure:
    """How good the judged thing is, from what is probably true of each item instead of what was said of it.

    worth: (answers,) or (items, answers) in [0, 1], what each true answer is worth: right 1, partly 0.5, wrong 0.
    weights: (items,) how much each item counts: 1 / inclusion probability, or 0 for one that only teaches how
    reviewers err (gold). n: items that count. None with a reason before still_needed is empty, and under 10 that
    count. Interval: percentile Bayesian bootstrap over items, the model fitted again 200 times from where it
    stands (10,000 items: ten seconds and more, so not inside a request); never narrower than Wilson's, at Kish's
    effective number, for items judged without error. Gold as in fit.
    Raises ValueError for a negative weight. Not valid where fit is not; reviewers and gold are taken as they are.
    Source: Rubin 1981, Annals of Statistics 9(1), p. 130, for the bootstrap.
    """
    if (weights < 0).any():
        raise ValueError("weights must not be negative")
    n = int((weights > 0).sum())
    if reason := still_needed(opinions) or _still_to_count(n):
        return OneLookFigure(None, n, None, None, reason)
    model = _model(opinions, gold, PRIOR_RIGHT, PRIOR_WRONG)
    found = model.climb(model.start(), steady=STEADY)

    def accuracy(posteriors: Floats, times: Floats) -> float:
        counted = weights * times
        return float(counted @ (posteriors * worth).sum(axis=1) / counted.sum())

    again = []
    for _ in range(REFITS):
        times = rng.exponential(size=opinions.n_items)
        refitted = replace(model, times=times).climb(found.posteriors, steady=STEADY_REFIT)
        again.append(accuracy(refitted.posteriors, times))
    value = accuracy(found.posteriors, model.times)
    n_effective = float(weights.sum() ** 2 / (weights**2).sum())
    ends = [*np.quantile(again, (TAIL, 1 - TAIL)).tolist(), *wilson(min(value, 1.0) * n_effective, n_effective)]
    return OneLookFigure(value, n, min(ends), max(ends))


def _still_to_count(n: int) -> str:
    missing = MIN_ITEMS - n
    return f"needs {missing} more counted item{'' if missing == 1 else 's'}" if missing > 0 else ""


def _model(opinions: Opinions, gold: Ints | None, prior_right: float, prior_wrong: float) -> "_Model":
    truth = np.full(opinions.n_items, -1) if gold is None else gold
    added = np.full((opinions.n_answers, opinions.n_answers), prior_wrong)
    np.fill_diagonal(added, prior_right)
    return _Model(_cells(opinions), truth, added, np.ones(opinions.n_items))


def _cells(opinions: Opinions) -> csr_array:
    """(items, reviewers x answers) how often each reviewer gave each answer of each item."""
    columns = opinions.reviewer * opinions.n_answers + opinions.answer
    shape = opinions.n_items, opinions.n_reviewers * opinions.n_answers
    return csr_array((np.ones(len(columns)), (opinions.item, columns)), shape=shape)


@dataclass(frozen=True, slots=True)
class _Model:
    """The opinions as EM walks over them.

    cells: as _cells gives them. truth: gold, or -1. added: (true, given) what the prior adds to the counts.
    times: (items,) the weight of each in a resample.
    """

    cells: csr_array
    truth: Ints
    added: Floats
    times: Floats

    def start(self) -> Floats:
        """Posteriors before the first step: the share of an item's opinions that gave each answer."""
        n = len(self.added)
        counts = self.cells @ np.tile(np.eye(n), (self.cells.shape[1] // n, 1))
        counts[counts.sum(axis=1) == 0] = 1.0
        return self._with_gold(counts / counts.sum(axis=1, keepdims=True))

    def climb(self, posteriors: Floats, *, steady: float) -> LatentTruth:
        """EM from these posteriors, until none moves by more than `steady`."""
        trace: list[float] = []
        is_steady = False
        while not is_steady and len(trace) < MOST_STEPS:
            shares, confusion = self._maximise(posteriors)
            before, (posteriors, height) = posteriors, self._expect(shares, confusion)
            trace.append(height)
            is_steady = bool(np.abs(posteriors - before).max(initial=0.0) <= steady)
        return LatentTruth(posteriors, confusion, shares, tuple(trace), is_steady)

    def _maximise(self, posteriors: Floats) -> tuple[Floats, Floats]:
        """The most likely shares and confusion, were the posteriors true."""
        n = len(self.added)
        weighted = posteriors * self.times[:, None]
        totals = weighted[self.truth < 0].sum(axis=0)
        shares = totals / totals.sum() if totals.sum() > 0 else np.full(n, 1 / n)
        given = (self.cells.T @ weighted).reshape(-1, n, n).transpose(0, 2, 1) + self.added
        whole = given.sum(axis=2, keepdims=True)
        return shares, np.divide(given, whole, out=np.full_like(given, 1 / n), where=whole > 0)

    def _expect(self, shares: Floats, confusion: Floats) -> tuple[Floats, float]:
        """The posteriors under these, and how likely the opinions are then, with the prior."""
        with np.errstate(divide="ignore"):  # what never happens has the logarithm -inf
            log_shares, log_confusion = np.log(shares), np.log(confusion)
        joint = self.cells @ log_confusion.transpose(0, 2, 1).reshape(-1, len(shares))
        joint[self.truth < 0] += log_shares
        joint[self._with_gold(np.ones_like(joint)) == 0] = -np.inf
        top = joint.max(axis=1, keepdims=True, initial=-np.inf)
        parts = np.exp(joint - top)
        whole = parts.sum(axis=1, keepdims=True)
        log_prior = (self.added * np.where(self.added > 0, log_confusion, 0.0)).sum()
        return parts / whole, float(self.times @ (top + np.log(whole))[:, 0] + log_prior)

    def _with_gold(self, posteriors: Floats) -> Floats:
        is_gold = self.truth >= 0
        posteriors[is_gold] = np.eye(len(self.added))[self.truth[is_gold]]
        return posteriors
