"""Counts per (label, score bin, truth), kept as columns: a day of them is added up in a millisecond."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FINE_BINS = 1000
BINS = 20
NO_SCORE = -1  # the bin of predictions without a score, in columns and in JSON
DENSE = 8  # up to so many places a row, a table of all places is faster than sorting
LEAST_CHANCE = 1e-15  # what a score of 0 or 1 is taken for in the log loss

# (label, fine score bin or None without a score, truth or None while it has not arrived)
JointKey = tuple[str, int | None, str | None]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Cell(NamedTuple):
    """n predictions; the sums of their scores, of the squared scores, and of -ln(chance given to what happened).

    Without a score all three are 0.0; losses are 0.0 until truth arrives.
    """

    n: int
    scores: float
    squares: float = 0.0
    losses: float = 0.0


class Joint(Mapping[JointKey, Cell]):
    """A mapping JointKey -> Cell; its columns lie in order of label, truth and bin, and are never changed.

    words: the labels and truths, sorted; label, truth: (cells,) places in words, truth -1 while unknown;
    bin: NO_SCORE or 0 to 999; n; sums: (3, cells) scores, squares, losses.
    """

    __slots__ = ("__dict__", "bin", "label", "n", "sums", "truth", "words")

    def __init__(self, words: list[str], label: Ints, truth: Ints, bin_: Ints, n: Ints, sums: Floats) -> None:
        self.words, self.label, self.truth, self.bin, self.n, self.sums = words, label, truth, bin_, n, sums

    @classmethod
    def of(cls, cells: Mapping[JointKey, tuple[Any, ...]]) -> "Joint":
        """From any mapping; a Joint is returned as it is."""
        if isinstance(cells, Joint):
            return cells
        words = sorted({word for label, _, truth in cells for word in (label, truth) if word is not None})
        place = {word: at for at, word in enumerate(words)}
        keys = [
            (place[label], -1 if truth is None else place[truth], NO_SCORE if fine is None else fine)
            for label, fine, truth in cells
        ]
        label, truth, bin_ = np.array(keys, dtype=np.int64).reshape(-1, 3).T
        held = [Cell(*cell) for cell in cells.values()]
        n = np.array([cell.n for cell in held], dtype=np.int64)
        sums = np.array([cell[1:] for cell in held], dtype=np.float64).reshape(-1, 3).T
        return _in_order(words, label, truth, bin_, n, sums)

    @classmethod
    def total(cls, parts: Iterable["Joint"]) -> "Joint":
        """The cells of all parts added up, in their order."""
        some = [part for part in parts if len(part.n)]
        if len(some) == 1:
            return some[0]
        words = sorted(set().union(*(part.words for part in some)))
        place = {word: at for at, word in enumerate(words)}
        # The place of -1, the last one, stays -1.
        moved = [np.array([*(place[word] for word in part.words), -1], dtype=np.int64) for part in some]
        return _in_order(
            words,
            _joined([move[part.label] for move, part in zip(moved, some, strict=True)]),
            _joined([move[part.truth] for move, part in zip(moved, some, strict=True)]),
            _joined([part.bin for part in some]),
            _joined([part.n for part in some]),
            np.concatenate([part.sums for part in some], axis=1) if some else np.zeros((3, 0)),
        )

    @cached_property
    def _cells(self) -> dict[JointKey, Cell]:
        return {
            (self.words[label], None if bin_ < 0 else bin_, None if truth < 0 else self.words[truth]): Cell(*cell)
            for label, truth, bin_, *cell in zip(
                self.label.tolist(), self.truth.tolist(), self.bin.tolist(), self.n.tolist(), *self.sums.tolist(),
                strict=True,
            )
        }  # fmt: skip

    def __getitem__(self, key: JointKey) -> Cell:
        return self._cells[key]

    def __iter__(self) -> Iterator[JointKey]:
        return iter(self._cells)

    def __len__(self) -> int:
        return len(self.n)

    def __repr__(self) -> str:
        return f"Joint({self._cells!r})"

    def to_json(self) -> list[list[Any]]:
        """[label, truth or null, bins, n, scores, squares, losses], one a label and truth.

        Of a cell with one prediction the square and the loss follow from its score, and are not written.
        """
        pair = self.label * (len(self.words) + 1) + self.truth
        starts = np.flatnonzero(np.diff(pair, prepend=-2)).tolist()
        return [self._block(start, end) for start, end in pairwise([*starts, len(self.n)])]

    def _block(self, start: int, end: int) -> list[Any]:
        part, truth = slice(start, end), int(self.truth[start])
        is_many = self.n[part] > 1
        scores, squares, losses = self.sums[:, part]
        return [
            self.words[self.label[start]],
            None if truth < 0 else self.words[truth],
            self.bin[part].tolist(),
            self.n[part].tolist(),
            scores.tolist(),
            squares[is_many].tolist(),
            losses[is_many].tolist() if truth >= 0 else [],
        ]

    @classmethod
    def from_json(cls, stored: Iterable[list[Any]]) -> "Joint":
        blocks = list(stored)
        words = sorted({word for block in blocks for word in block[:2] if word is not None})
        place: dict[str | None, int] = {None: -1, **{word: at for at, word in enumerate(words)}}
        sizes = [len(block[2]) for block in blocks]
        # Blocks lie in order of label and truth already: null first, as -1.
        return cls(
            words,
            np.repeat(np.array([place[block[0]] for block in blocks], dtype=np.int64), sizes),
            np.repeat(np.array([place[block[1]] for block in blocks], dtype=np.int64), sizes),
            _joined([np.array(block[2], dtype=np.int64) for block in blocks]),
            _joined([np.array(block[3], dtype=np.int64) for block in blocks]),
            np.concatenate([_sums(*block) for block in blocks], axis=1) if blocks else np.zeros((3, 0)),
        )


def losses(scores: Floats, is_right: npt.NDArray[np.bool_] | bool) -> Floats:
    """-ln of the chance that a score gave to what happened: the score if right, the rest of it if wrong."""
    chance = np.where(is_right, scores, 1.0 - scores)
    return np.asarray(-np.log(np.clip(chance, LEAST_CHANCE, 1.0 - LEAST_CHANCE)))


def coarse(fine: int | None) -> int | None:
    """The bin of 20 that holds a bin of 1,000; None (no score) stays None."""
    return None if fine is None else fine * BINS // FINE_BINS


def _sums(
    label: str, truth: str | None, bins: list[int], n: list[int], scores: list[float], *many: list[float]
) -> Floats:
    """(3, cells) of a block as it is stored."""
    is_many, sums = np.array(n) > 1, np.zeros((3, len(n)))
    sums[0] = scores
    sums[1] = sums[0] ** 2
    sums[1, is_many] = many[0]
    if truth is not None:
        sums[2] = np.where(np.array(bins) < 0, 0.0, losses(sums[0], label == truth))
        sums[2, is_many] = many[1]
    return sums


def _joined(columns: list[Ints]) -> Ints:
    return np.concatenate(columns) if columns else np.zeros(0, np.int64)


def added_up(place: Ints, *weights: Floats) -> tuple[Ints, Ints, Floats]:
    """The places in use, sorted; how many rows have each; per weight its sum there, added in order of rows."""
    inverse: Ints
    if len(place) and place.max() <= DENSE * len(place):
        table, inverse = np.bincount(place), place
        found = np.flatnonzero(table)
        n, used = table[found], found
    else:
        found, inverse, n = np.unique(place, return_inverse=True, return_counts=True)
        used = np.arange(len(found))
    sums = np.zeros((len(weights), len(found)))
    for row, weight in zip(sums, weights, strict=True):
        row[:] = np.bincount(inverse, weights=weight, minlength=len(used))[used]
    return found.astype(np.int64), n.astype(np.int64), sums


def _in_order(words: list[str], label: Ints, truth: Ints, bin_: Ints, n: Ints, sums: Floats) -> Joint:
    """Cells sorted by key, those of one key added up in the order in which they were given."""
    n_truths, n_bins = len(words) + 1, FINE_BINS + 1
    key = (label * n_truths + truth + 1) * n_bins + bin_ + 1
    found, _, (counts, *added) = added_up(key, n.astype(np.float64), *sums)
    pair = found // n_bins
    return Joint(
        words, pair // n_truths, pair % n_truths - 1, found % n_bins - 1, counts.astype(np.int64), np.array(added)
    )
