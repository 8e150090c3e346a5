"""How far reviewers agree with each other, and with gold (statistics.md §5). No Django.

Needs numpy: web code imports it inside functions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from reviews.figures import OneLookFigure
from reviews.intervals import wilson

MIN_ITEMS = 10
RESAMPLES = 2_000
CHUNK = 100  # resamples at once: memory stays small when every item has its own pattern
TAIL = 0.025

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
# (resamples, patterns) how often each pattern of opinions was drawn -> (resamples,) how much disagreement there
# is, and how much there would be by chance, in the same unit. The figure is 1 - one / other.
Disagreement: TypeAlias = Callable[[Floats], tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True)
class Opinions:
    """Who said what of which item: row i is one opinion.

    item, reviewer, answer: (opinions,) numbers from 0, under n_items, n_reviewers, n_answers. An item that a
    reviewer could not judge has no row.
    """

    item: Ints
    reviewer: Ints
    answer: Ints
    n_items: int
    n_reviewers: int
    n_answers: int

    def counts(self) -> Ints:
        """(items, answers): how many opinions of each item gave each answer."""
        cells = np.bincount(self.item * self.n_answers + self.answer, minlength=self.n_items * self.n_answers)
        return cells.reshape(self.n_items, self.n_answers)

    def pair_table(self, first: int, second: int) -> Ints:
        """(answers, answers): items that both judged, by the first one's answer (rows) and the second one's.

        Not for reviewers who judged an item more than once: their last opinion counts.
        """
        said = np.full((2, self.n_items), -1)
        for place, reviewer in enumerate((first, second)):
            own = self.reviewer == reviewer
            said[place, self.item[own]] = self.answer[own]
        one, other = said[:, (said >= 0).all(axis=0)]
        cells = np.bincount(one * self.n_answers + other, minlength=self.n_answers**2)
        return cells.reshape(self.n_answers, self.n_answers)


def cohen_kappa(table: Ints, *, rng: np.random.Generator) -> OneLookFigure:
    """How far two reviewers agree beyond chance, each with their own habits; 1 always, 0 as chance would.

    table: (answers, answers) counts of the items that both judged, rows the first reviewer, columns the
    second; n is their sum. Interval: percentile bootstrap over items, 2,000 resamples drawn with rng.
    Under 10 items -> None. Everything the same answer of both -> None: chance alone agrees always.
    Raises ValueError for a table that is not square or has a negative count. In [-1, 1]. Not for ordered
    answers (all disagreements weigh the same), nor for comparing pairs whose answers are differently rare.
    Source: Cohen 1960, Educational and Psychological Measurement 20(1), p. 40.
    """
    if table.ndim != 2 or table.shape[0] != table.shape[1] or (table < 0).any():
        raise ValueError("a table of a pair is square and has no negative count")
    first, second = np.nonzero(table)
    n, answers = int(table.sum()), np.arange(len(table))

    def disagreement(times: Floats) -> tuple[Floats, Floats]:
        of_first, of_second = (times @ (said[:, None] == answers).astype(float) for said in (first, second))
        return times @ (first != second) / n, 1 - (of_first * of_second).sum(axis=1) / n**2

    return _bootstrapped(disagreement, table[first, second], rng)


def fleiss_kappa(counts: Ints, *, rng: np.random.Generator) -> OneLookFigure:
    """How far any two opinions on an item agree beyond chance, when every item has equally many.

    counts: (items, answers) opinions that gave each answer; each row sums to the same m >= 2, whoever gave
    them. Interval and None as in cohen_kappa. Raises ValueError for other rows, or a negative count.
    In [-1 / (m - 1), 1]. Not for items with different numbers of opinions: use krippendorff_alpha, which
    also corrects for few items. Source: Fleiss 1971, Psychological Bulletin 76(5), p. 379.
    """
    m = int(counts[0].sum()) if len(counts) else 2
    if (counts < 0).any() or (counts.sum(axis=1) != m).any() or m < 2:
        raise ValueError("every item needs the same number of opinions, two at least")
    patterns, times = _patterns(counts)
    n, agreed = len(counts), _agreeing_pairs(patterns) / (m * (m - 1))

    def disagreement(times: Floats) -> tuple[Floats, Floats]:
        return 1 - times @ agreed / n, 1 - ((times @ patterns) ** 2).sum(axis=1) / (n * m) ** 2

    return _bootstrapped(disagreement, times, rng)


def krippendorff_alpha(counts: Ints, *, rng: np.random.Generator) -> OneLookFigure:
    """How far opinions agree beyond chance, whoever gave them and however many an item has (nominal alpha).

    counts: (items, answers) opinions that gave each answer. Items with fewer than two are left out, and are
    not in n. Interval and None as in cohen_kappa. Raises ValueError for a negative count. At most 1; under 0
    when opinions disagree more than chance. Not for ordered answers, nor for a sample whose share of rare
    answers was raised on purpose: chance agreement follows that share.
    Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, section C.
    """
    patterns, times = _patterns(_with_two(counts))
    n_opinions = patterns.sum(axis=1)
    agreed = _agreeing_pairs(patterns) / (n_opinions - 1)

    def disagreement(times: Floats) -> tuple[Floats, Floats]:
        n, of_answer = times @ n_opinions, times @ patterns
        return 1 - times @ agreed / n, 1 - (of_answer * (of_answer - 1)).sum(axis=1) / (n * (n - 1))

    return _bootstrapped(disagreement, times, rng)


def raw_agreement(counts: Ints, *, rng: np.random.Generator) -> OneLookFigure:
    """How often two opinions on the same item agree: the mean over items of the share of agreeing pairs.

    counts: as in krippendorff_alpha; interval too. Under 10 items with two opinions -> None. In [0, 1]. Not
    corrected for chance: where one answer is frequent, it is high for reviewers who do not look.
    Raises ValueError for a negative count.
    """
    patterns, times = _patterns(_with_two(counts))
    n_opinions = patterns.sum(axis=1)
    agreed = _agreeing_pairs(patterns) / (n_opinions * (n_opinions - 1))
    n = int(times.sum())
    return _bootstrapped(lambda times: (1 - times @ agreed / n, np.ones(len(times))), times, rng)


def gold_accuracy(n_right: int, n: int) -> OneLookFigure:
    """How often a reviewer gave the answer that is known to be true, with Wilson's interval.

    n: gold items that they judged, n_right: those with the true answer, 0 <= n_right <= n; else ValueError.
    n == 0 -> None. From few items too: the interval says how few. Not for items that the reviewer knew to be
    gold. Source: Wilson 1927.
    """
    low, high = wilson(n_right, n)
    if n == 0:
        return OneLookFigure(None, 0, None, None, "no gold item judged yet")
    return OneLookFigure(n_right / n, n, low, high)


def _with_two(counts: Ints) -> Ints:
    if (counts < 0).any():
        raise ValueError("no answer can be given less than 0 times")
    has_two: npt.NDArray[np.bool] = counts.sum(axis=1) >= 2
    return counts[has_two]


def _patterns(counts: Ints) -> tuple[Ints, Ints]:
    """The different rows, and how often each occurs: items alike are drawn together."""
    patterns, times = np.unique(counts, axis=0, return_counts=True)
    return patterns, times


def _agreeing_pairs(patterns: Ints) -> Floats:
    """Of each pattern, ordered pairs of opinions that gave the same answer."""
    pairs: Floats = (patterns * (patterns - 1)).sum(axis=1, dtype=np.float64)
    return pairs


def _bootstrapped(disagreement: Disagreement, times: Ints, rng: np.random.Generator) -> OneLookFigure:
    """1 - disagreement / by chance, with its interval over resampled items.

    A resample in which it is undefined could be anything: -1 for the low end, 1 for the high one. Where no item
    was disagreed on, resampling can only repeat that; the low end is then Wilson's for the share of such items.
    """
    n = int(times.sum())
    if n < MIN_ITEMS:
        missing = MIN_ITEMS - n
        return OneLookFigure(
            None, n, None, None, f"needs {missing} more item{'' if missing == 1 else 's'} with two opinions"
        )
    [seen], [by_chance] = disagreement(times[None, :].astype(float))
    if by_chance == 0:
        return OneLookFigure(None, n, None, None, "everything got the same answer, so agreeing says nothing")
    if seen == 0:
        return OneLookFigure(1.0, n, float(max(-1.0, 1 - (1 - wilson(n, n)[0]) / by_chance)), 1.0)
    parts = [
        disagreement(rng.multinomial(n, times / n, size=CHUNK).astype(float)) for _ in range(RESAMPLES // CHUNK)
    ]
    seen_again, by_chance_again = (np.concatenate(each) for each in zip(*parts, strict=True))
    is_defined = by_chance_again > 0
    figures = 1 - seen_again[is_defined] / by_chance_again[is_defined]
    undefined = np.ones(RESAMPLES - len(figures))
    low = np.quantile(np.append(figures, -undefined), TAIL)
    high = np.quantile(np.append(figures, undefined), 1 - TAIL)
    return OneLookFigure(float(1 - seen / by_chance), n, float(low), float(high))
