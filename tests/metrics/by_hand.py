"""A second reading of statistics.md §1, from rows of predictions and judgments alone, loop by loop.

What is drawn, with which weight and key, how far each cohort is reviewed without a gap and what follows from
it is computed here again, from ids, scores and what people said; of the draw's own tables only the instant of a
day's first draw is read. Shares no code with what it checks; the estimator is that of tests/stats/brute_force.
"""

import hashlib
import math
from collections import defaultdict
from datetime import UTC, timedelta
from typing import NamedTuple

from feedback.models import Prediction
from reviews.models import DrawDay, Judgment, SamplingPolicy
from tests.stats.brute_force import Item, calibration_by_hand, log_odds_by_hand, reviewed_by_hand, rightness

NEVER_ENDING = math.inf


class Said(NamedTuple):
    at: object
    revision: int
    verdict: str
    corrected: str


class DayByHand(NamedTuple):
    """What a day is drawn with. calibration: ({label: intercept}, slope), None where the score is the chance."""

    k_cap: float
    gbar: float
    calibration: tuple | None


class DrawnByHand(NamedTuple):
    prediction: Prediction
    luck: float
    weight: float
    key: float


class ByHand:
    """A feature's reviews at one instant, or at any earlier one."""

    def __init__(self, feature, now):
        self.feature, self.now = feature, now
        self.predictions = list(Prediction.objects.filter(feature=feature).select_related("version"))
        self.policies = list(SamplingPolicy.objects.filter(feature=feature).order_by("number"))
        first_drawn = DrawDay.objects.filter(version__feature=feature)
        self.drawn_at = {(d.version_id, d.day): d.created_at for d in first_drawn}
        self.said = defaultdict(list)
        for j in Judgment.objects.filter(feature=feature).select_related("assignment__item__prediction"):
            external_id = j.assignment.item.prediction.external_id
            self.said[external_id].append(Said(j.created_at, j.revision, j.verdict, j.corrected))
        self.days = {}

    def of_day(self, version, day):
        mine = [p for p in self.predictions if p.version_id == version]
        return [p for p in mine if p.occurred_at.astimezone(UTC).date() == day]

    def verdict(self, prediction, at):
        """(verdict, corrected) as it stood at an instant; ("", "") when it was not final."""
        heard = [said for said in self.said[prediction.external_id] if said.at <= at]
        last = max(heard, key=lambda said: said.revision, default=None)
        return (last.verdict, last.corrected) if last else ("", "")

    # --- what a day is drawn with

    def day(self, version, day):
        if (version, day) not in self.days:
            self.days[version, day] = self._day(version, day)
        return self.days[version, day]

    def _day(self, version, day):
        at = self.drawn_at[version, day]
        policy = [policy for policy in self.policies if policy.created_at <= at][-1]
        traffic, share = self._traffic(version, day)
        calibration = self._calibration(version, at)
        informative = [self.informativeness(policy.design, p, calibration) for p in traffic]
        gbar = sum(informative) / len(informative)
        weights = [self.weight(g, gbar) for g in informative]
        return DayByHand(self._cap(policy, weights, share), gbar, calibration)

    def _traffic(self, version, day):
        """The predictions that tell what the day will bring, and what each of them stands for."""
        history = []
        for back in range(1, 100):
            before = self.of_day(version, day - timedelta(days=back))
            if before and len(history) < 7:
                history.append(before)
        if not history:
            return self.of_day(version, day), 1.0
        return [p for before in history for p in before], 1 / len(history)

    def _calibration(self, version, at):
        days = [day for v, day in self.drawn_at if v == version and self.drawn_at[v, day] < at]
        counted = [pair for day in days for pair in self.counted(version, day, at)]
        if len(counted) < 50:
            return None
        decided = [
            (p.label, p.score, rightness(verdict)) for p, _, verdict, _ in counted if verdict != "cannot_judge"
        ]
        return calibration_by_hand(decided)

    def informativeness(self, design, prediction, calibration):
        if design in ("uniform", "all"):
            return 1.0
        chance = 0.5 if prediction.score is None else prediction.score
        if calibration is not None:
            intercepts, slope = calibration
            odds = intercepts.get(prediction.label, 0.0) + slope * log_odds_by_hand(prediction.score)
            chance = 1 / (1 + math.exp(-odds))
        return math.sqrt(chance * (1 - chance))

    def weight(self, g, gbar):
        return min(50, 0.9 * g / gbar + 0.1) if gbar else 1.0

    def _cap(self, policy, weights, share):
        """By halving: where share * sum(1 - exp(-k w)) crosses the reviews a day."""
        if policy.design == "all" or policy.reviews_per_day >= share * len(weights):
            return NEVER_ENDING
        low, high = 0.0, 1e6
        for _ in range(200):
            middle = (low + high) / 2
            if share * sum(1 - math.exp(-middle * w) for w in weights) < policy.reviews_per_day:
                low = middle
            else:
                high = middle
        return low

    # --- who is drawn, and who counts

    def drawn(self, version, day):
        drawn = []
        at = self.drawn_at[version, day]
        design = [policy for policy in self.policies if policy.created_at <= at][-1].design
        k_cap, gbar, calibration = self.day(version, day)
        for p in self.of_day(version, day):
            text = self.feature.slug.encode() + b"\x00" + p.external_id.encode()
            hashed = hashlib.blake2b(text, key=self.feature.sampling_salt.encode()).digest()
            u = (int.from_bytes(hashed[0:8], "big") + 0.5) / 2**64
            w = self.weight(self.informativeness(design, p, calibration), gbar)
            if -math.log(u) / w < k_cap:
                drawn.append(DrawnByHand(p, u, w, -math.log(u) / w))
        return drawn

    def counted(self, version, day, at):
        """(prediction, p, verdict, corrected) of a cohort's items with none open before them."""
        drawn = self.drawn(version, day)
        t = self.day(version, day).k_cap
        for one in drawn:
            if not self.verdict(one.prediction, at)[0]:
                t = min(t, one.key)
        return [
            (one.prediction, 1 - math.exp(-t * one.weight), *self.verdict(one.prediction, at))
            for one in drawn
            if one.key < t
        ]

    # --- what follows

    def reviewed(self, *, version, start, end, labels, n_star):
        """The figures of a window [start, end) of days, of one version or of all (None); and its days."""
        chosen = sorted(
            {
                (p.version_id, p.occurred_at.astimezone(UTC).date())
                for p in self.predictions
                if version is None or p.version_id == version
            }
        )
        days = [(v, day) for v, day in chosen if start <= day < end]
        covered = [key for key in days if key in self.drawn_at and self.counted(*key, self.now)]
        population = [p for key in covered for p in self.of_day(*key)]
        items = [
            Item(p.label, p.score, pi, verdict, corrected or None, p.actor)
            for key in covered
            for p, pi, verdict, corrected in self.counted(*key, self.now)
        ]
        with_actor = sum(p.actor != "" for p in population)
        figures = reviewed_by_hand(
            [(p.label, p.score) for p in population],
            items,
            labels=labels,
            n_star=n_star,
            share_with_actor=with_actor / len(population) if population else 0.0,
        )
        return {**figures, "days": len({d for _, d in days}), "covered_days": len({d for _, d in covered})}
