import math
import subprocess
import sys
from datetime import timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from reviews import draw
from tests.stats.brute_force import (
    Judged,
    calibration_by_hand,
    cohort_by_hand,
    informativeness_by_hand,
    luck_by_hand,
    recall_by_hand,
)

SALT = b"0123456789abcdef"
chances = st.floats(0, 1)
weights = st.floats(0.1, 50)
traffics = st.lists(st.tuples(weights, st.floats(0, 1e6)), min_size=1, max_size=30)


@given(slug=st.text(max_size=20), external_id=st.text(max_size=40), salt=st.binary(min_size=1, max_size=64))
def test_luck_is_the_first_eight_bytes_of_the_keyed_hash(slug, external_id, salt):
    exact = luck_by_hand(slug, external_id, salt)
    assert abs(Fraction(draw.luck(slug=slug, external_id=external_id, salt=salt)) - exact) <= Fraction(1, 2**53)


@pytest.mark.parametrize(
    ("slug", "external_id", "salt", "x"),
    [
        ("late-flights", "AA-1", SALT, 0x1F865320FB6628F2),
        ("zürich", "✈", b"s", 0x4449C5C3D06BED2A),
    ],
)
def test_luck_agrees_with_openssl_and_never_changes(slug, external_id, salt, x):
    """printf 'late-flights\\0AA-1' | openssl mac -macopt hexkey:... -macopt size:64 BLAKE2BMAC"""
    assert draw.luck(slug=slug, external_id=external_id, salt=salt) == (x + 0.5) / 2**64


@pytest.mark.parametrize("byte", [b"\xff", b"\x00"])
def test_luck_of_the_extreme_hashes_stays_inside_the_unit_interval(monkeypatch, byte):
    class Extreme:
        def __init__(self, text: bytes, *, key: bytes) -> None: ...

        def digest(self) -> bytes:
            return byte * 64

    monkeypatch.setattr(draw, "blake2b", Extreme)
    u = draw.luck(slug="a", external_id="b", salt=SALT)
    assert 0 < u < 1
    assert 0 < draw.queue_key(u, 50) < math.inf


def test_luck_is_uniform():
    # Kolmogorov-Smirnov: sqrt(n) D has standard deviation about 0.26; 1.95 is exceeded once in 1,000 samples
    n = 20_000
    u = [draw.luck(slug="f", external_id=f"p{i}", salt=SALT) for i in range(n)]
    assert math.sqrt(n) * stats.kstest(u, "uniform").statistic < 1.95


def test_luck_depends_on_slug_id_and_salt():
    base = {"slug": "f", "external_id": "1", "salt": SALT}
    others = [{**base, "slug": "g"}, {**base, "external_id": "2"}, {**base, "salt": b"other"}]
    assert len({draw.luck(**kwargs) for kwargs in [base, *others]}) == 4
    # NUL separates: "ab" + "c" is not "a" + "bc"
    assert draw.luck(slug="ab", external_id="c", salt=SALT) != draw.luck(slug="a", external_id="bc", salt=SALT)


def test_a_salt_over_64_bytes_is_refused():
    with pytest.raises(ValueError, match="64"):
        draw.luck(slug="f", external_id="1", salt=b"x" * 65)


@given(chances)
def test_informativeness_is_the_standard_deviation_of_being_right(c):
    assert draw.expected_informativeness("uncertainty", c) == pytest.approx(stats.bernoulli.std(c), abs=1e-12)
    assert draw.expected_informativeness("uniform", c) == draw.expected_informativeness("all", c) == 1


def test_unknown_designs_and_impossible_chances_are_refused():
    for design in ("focused", "balanced", ""):
        with pytest.raises(ValueError, match="no design"):
            draw.expected_informativeness(design, 0.5)
    with pytest.raises(ValueError, match="no design"):
        draw.informativeness("clever", label="a", chance_right=0.5, traffic=draw.Traffic())
    for chance in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            draw.expected_informativeness("uncertainty", chance)


DESIGNS = ("uniform", "all", "uncertainty", "balanced", "focused")
labels = st.sampled_from(["late", "on_time", "diverted", None])
days_of_traffic = st.lists(st.tuples(labels, chances), min_size=1, max_size=30)


def known(traffic, positive, recall):
    return draw.Traffic(
        label_shares=draw.shares_of_labels((label, 1) for label, _ in traffic),
        positive_label=positive,
        positive_share=draw.expected_positive_share(((*pair, 1) for pair in traffic), positive) if positive else 0,
        recall=recall,
    )


def every_g(design, traffic, positive, recall):
    seen = known(traffic, positive, recall)
    return [
        draw.informativeness(design, label=label, chance_right=chance, traffic=seen) for label, chance in traffic
    ]


@given(st.sampled_from(DESIGNS), days_of_traffic, st.sampled_from(["late", "never predicted", ""]), chances)
def test_every_design_is_that_of_brute_force(design, traffic, positive, recall):
    by_hand = informativeness_by_hand(design, traffic, positive, recall)
    assert every_g(design, traffic, positive, recall) == pytest.approx(by_hand, rel=1e-9, abs=1e-9)


@given(st.sampled_from(DESIGNS), days_of_traffic, labels, chances, chances, st.sampled_from(["late", ""]))
def test_whatever_comes_after_the_day_was_fixed_has_a_weight(design, traffic, label, chance, recall, positive):
    gbar = draw.mean_informativeness([(g, 1) for g in every_g(design, traffic, positive, recall)])
    for seen in (known(traffic, positive, recall), draw.Traffic(positive_label=positive, recall=recall)):
        g = draw.informativeness(design, label=label, chance_right=chance, traffic=seen)
        assert 0.1 <= draw.weight(g, gbar) <= 50


@given(st.sampled_from(DESIGNS), st.permutations(range(12)), chances)
def test_no_design_looks_at_the_order_of_the_traffic(design, order, recall):
    traffic = [("late" if i % 4 == 0 else "on_time", 0.5 + i / 24) for i in range(12)]
    straight = every_g(design, traffic, "late", recall)
    shuffled = every_g(design, [traffic[i] for i in order], "late", recall)
    assert shuffled == pytest.approx([straight[i] for i in order], rel=1e-12)


def test_balanced_gives_each_label_the_same_weight_in_all():
    traffic = [("late", 0.9)] * 3 + [("on_time", 0.6)] * 97
    g = every_g("balanced", traffic, "late", 0.5)
    assert sum(g[:3]) == pytest.approx(sum(g[3:]))
    assert draw.mean_informativeness([(each, 1) for each in g]) == pytest.approx(2)
    assert draw.weight(draw.balanced_informativeness(0.0), 2.0) == 50  # a label that nobody has seen


def test_focused_looks_where_the_positive_label_is_said_and_where_it_may_be_missed():
    traffic = [("late", 0.7)] * 3 + [("on_time", 0.99)] * 90 + [("on_time", 0.7)] * 7
    seen = known(traffic, "late", 0.75)
    assert seen.positive_share == pytest.approx((3 * 0.7 + 90 * 0.01 + 7 * 0.3) / 100)
    said, sure, unsure = (g for g in [every_g("focused", traffic, "late", 0.75)[i] for i in (0, 3, 93)])
    assert said > unsure > sure
    assert unsure / sure == pytest.approx((0.21 / 0.0099) ** 0.5)
    only_negative = every_g("focused", traffic[3:], "late", 0.5)  # the positive label is never predicted
    assert all(0 < g < math.inf for g in only_negative)
    never_seen = {"is_positive": True, "predicted_share": 0, "positive_share": 0, "recall": 1}
    assert draw.focused_informativeness(0.5, **never_seen) == 5e5
    for wrong in ({"predicted_share": 1.1}, {"positive_share": -0.1}, {"recall": math.nan}):
        with pytest.raises(ValueError, match="between 0 and 1"):
            draw.focused_informativeness(0.5, **{**never_seen, **wrong})


def test_focused_is_uncertainty_where_nothing_is_looked_for():
    for label, seen in [("a", draw.Traffic()), (None, draw.Traffic(positive_label="a"))]:
        assert draw.informativeness("focused", label=label, chance_right=0.8, traffic=seen) == pytest.approx(0.4)


judged = st.builds(
    Judged,
    labels,
    st.sampled_from(["right", "wrong", "partly", "cannot_judge"]),
    st.sampled_from(["late", "on_time", "diverted", None]),
    st.floats(0.001, 1),
)


@given(st.lists(judged, max_size=20), st.sampled_from([("late", "on_time"), ("late", "on_time", "diverted")]))
def test_present_recall_is_that_of_brute_force(items, declared):
    decided = [item for item in items if item.label is not None and item.verdict != "cannot_judge"]
    said = [
        (
            *draw.found_and_missed(
                label=item.label,
                z=draw.RIGHT_VALUE[item.verdict],
                truth=item.truth or "",
                positive_label="late",
                is_binary=len(declared) == 2,
            ),
            item.p,
        )
        for item in decided
        if len(declared) > 2 or item.label != "diverted"  # of two labels, the other is known only of those two
    ]
    asked = [item for item in items if len(declared) > 2 or item.label != "diverted"]
    assert draw.present_recall(said) == pytest.approx(recall_by_hand(asked, declared, "late"))


def test_recall_starts_at_one_half_and_never_gives_up_the_search():
    assert draw.present_recall([]) == draw.present_recall([(0.0, 0.0, 0.1)]) == 0.5
    assert draw.present_recall([(1.0, 0.0, 0.2)] * 95) == pytest.approx(97.5 / 100)
    with pytest.raises(ValueError, match="probabilities"):
        draw.present_recall([(1.0, 0.0, 0.0)])


def test_no_traffic_has_no_shares():
    assert draw.shares_of_labels([]) == draw.shares_of_labels([("a", 0)]) == {}
    assert draw.expected_positive_share([], "a") == draw.expected_positive_share([(None, 0.5, 3)], "a") == 0
    with pytest.raises(ValueError, match="share"):
        draw.balanced_informativeness(1.5)


@given(g=st.floats(0, 0.5), gbar=st.floats(0, 0.5))
def test_weights_stay_between_a_tenth_and_fifty(g, gbar):
    assert 0.1 <= draw.weight(g, gbar) <= 50


def test_weight_follows_its_formula_and_is_one_where_all_traffic_is_certain():
    assert draw.weight(0.3, 0.3) == pytest.approx(1)
    assert draw.weight(0.0, 0.3) == pytest.approx(0.1)
    assert draw.weight(0.5, 0.25) == pytest.approx(1.9)
    assert draw.weight(0.5, 1e-9) == draw.weight(0.5, 5e-324) == 50
    assert draw.weight(0.0, 0.0) == draw.weight(0.5, 0.0) == 1
    for g, gbar in [(-1, 1), (1, -1), (math.nan, 1), (1, math.inf)]:
        with pytest.raises(ValueError, match="finite"):
            draw.weight(g, gbar)


@pytest.mark.parametrize(("u", "w"), [(0, 1), (1, 1), (0.5, 0), (0.5, -1), (math.nan, 1)])
def test_a_key_needs_luck_inside_the_unit_interval_and_a_weight(u, w):
    with pytest.raises(ValueError, match="luck"):
        draw.queue_key(u, w)


@given(u=st.floats(1e-19, 1 - 1e-12), w=weights, threshold=st.floats(1e-9, 10))
def test_p_is_the_chance_of_a_key_below_the_threshold(u, w, threshold):
    p = draw.inclusion_probability(threshold, w)
    largest_luck_outside = math.exp(-threshold * w)
    assert 0 < p <= 1
    assert p == pytest.approx(1 - largest_luck_outside, abs=1e-15)
    if not math.isclose(u, largest_luck_outside, rel_tol=1e-9):
        assert draw.is_counted(draw.queue_key(u, w), threshold) == (u > largest_luck_outside)


def test_p_without_a_threshold_is_one_and_never_cancels():
    assert draw.inclusion_probability(None, 0.1) == 1
    assert draw.inclusion_probability(0.0, 3) == 0
    assert draw.inclusion_probability(1e-20, 2) == pytest.approx(2e-20)
    for threshold, w in [(-1, 1), (1, 0)]:
        with pytest.raises(ValueError, match="negative"):
            draw.inclusion_probability(threshold, w)


@given(traffic=traffics, share=st.floats(1e-9, 1 - 1e-9))
def test_the_cap_solves_its_equation(traffic, share):
    total = math.fsum(count for _, count in traffic)
    wanted = share * total
    cap = draw.rate_cap(traffic, wanted)
    if total == 0 or wanted >= total:
        assert cap is None or wanted <= 0
        return
    assert cap is not None
    expected = math.fsum(count * draw.inclusion_probability(cap, w) for w, count in traffic)
    assert expected == pytest.approx(wanted, rel=1e-12, abs=1e-300)


def test_the_cap_has_a_closed_form_where_all_weights_are_alike():
    assert draw.rate_cap([(1, 1000)], 100) == pytest.approx(-math.log(0.9), rel=1e-14)
    assert draw.rate_cap([(2, 400), (2, 600)], 100) == pytest.approx(-math.log(0.9) / 2, rel=1e-14)


def test_the_cap_is_infinite_when_everything_is_wanted_and_zero_when_nothing_is():
    assert draw.rate_cap([(1, 60), (50, 40)], 100) is None
    assert draw.rate_cap([], 5) is None
    assert draw.rate_cap([(1, 0)], 5) is None
    assert draw.rate_cap([(1, 60)], 0) == 0
    for traffic in ([(0, 5)], [(1, -5)]):
        with pytest.raises(ValueError, match="weights"):
            draw.rate_cap(traffic, 1)


@given(traffic=traffics, low=st.floats(0.01, 0.5), more=st.floats(1, 1.9))
def test_raising_the_rate_keeps_every_item(traffic, low, more):
    total = math.fsum(count for _, count in traffic)
    caps = [draw.rate_cap(traffic, low * total), draw.rate_cap(traffic, low * more * total)]
    w = traffic[0][0]
    keys = [draw.queue_key(draw.luck(slug="f", external_id=str(i), salt=SALT), w) for i in range(20)]
    before, after = ({k for k in keys if draw.is_counted(k, cap)} for cap in caps)
    assert before <= after


def test_the_expected_number_of_items_is_drawn():
    rng = np.random.default_rng(7)
    w = [draw.weight(g, 0.3) for g in rng.uniform(0, 0.5, 5_000)]
    cap = draw.rate_cap([(x, 1) for x in w], 400)
    p = np.array([draw.inclusion_probability(cap, x) for x in w])
    keys = [draw.queue_key(draw.luck(slug="f", external_id=f"d{i}", salt=SALT), x) for i, x in enumerate(w)]
    drawn = sum(draw.is_counted(k, cap) for k in keys)
    assert abs(drawn - 400) < 4 * math.sqrt((p * (1 - p)).sum())  # 4 standard errors


def test_mean_informativeness_weighs_by_traffic():
    assert draw.mean_informativeness([(0.5, 30), (0.1, 10)]) == pytest.approx(0.4)
    assert draw.mean_informativeness([(0.0, 5)]) == 0
    assert draw.mean_informativeness([]) == draw.mean_informativeness([(0.3, 0)]) == 1


def test_a_running_day_is_scaled_from_15_minutes_on_and_never_shrinks():
    assert draw.scale_running_day(10, timedelta(hours=6)) == 40
    assert draw.scale_running_day(10, timedelta(minutes=1)) == 960
    assert draw.scale_running_day(10, timedelta(minutes=-5)) == 960
    assert draw.scale_running_day(10, timedelta(hours=24)) == draw.scale_running_day(10, timedelta(days=3)) == 10


def test_score_bins_are_equal_and_hold_their_lower_end():
    assert [draw.score_bin(i / 20) for i in range(21)] == [*range(20), 19]
    assert [draw.score_bin(i / 1000, 1000) for i in range(1001)] == [*range(1000), 999]
    assert draw.score_bin(None) is None
    assert draw.score_bin(0.0499) == 0
    for score in (-0.01, 1.01, math.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            draw.score_bin(score)
    with pytest.raises(ValueError, match="folded"):
        draw.score_bin(0.5, 30)


@given(chances)
@example(math.nextafter(0.45, 0))
@example(math.nextafter(0.9, 0))
def test_twenty_bins_are_folded_from_a_thousand(score):
    assert draw.score_bin(score) == draw.score_bin(score, 1_000) // 50


def test_calibration_starts_from_the_mean_score_and_moves_with_the_judgments():
    items = [("late", 18, 1.0, 0.5)] * 4 + [("late", 18, 0.0, 0.5)]
    chances = draw.calibrate(items, {("late", 18): 0.92, ("late", 3): 0.17, ("on_time", None): None})
    assert chances == pytest.approx({("late", 18): (4 + 5 * 0.92) / 10, ("late", 3): 0.17, ("on_time", None): 0.5})


def test_calibration_scales_weights_to_mean_one_over_all_items():
    items = [("a", 1, 1.0, 0.1), ("b", 2, 0.0, 0.5)]  # 1/p: 10 and 2, mean 6
    chances = draw.calibrate(items, {("a", 1): 0.5, ("b", 2): 0.5})
    assert chances["a", 1] == pytest.approx((10 / 6 + 2.5) / (10 / 6 + 5))
    assert chances["b", 2] == pytest.approx(2.5 / (2 / 6 + 5))
    with pytest.raises(ValueError, match="probabilities"):
        draw.calibrate([("a", 1, 1.0, 0.0)], {})


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from([None, 0, 7]), st.sampled_from([0.0, 0.5, 1.0]), weights),
        max_size=30,
    ),
    st.floats(0, 1),
)
def test_calibrated_chances_are_chances(items, score):
    judged = [(label, bin_, z, 1 / (1 + w)) for label, bin_, z, w in items]
    cells = {(label, bin_): score for label in "ab" for bin_ in (None, 0, 7)}
    assert all(0 <= chance <= 1 for chance in draw.calibrate(judged, cells).values())


fitted = st.lists(
    st.tuples(
        st.sampled_from("ab"), st.sampled_from([None, 0.0, 0.3, 0.7, 0.99, 1.0]), st.sampled_from([0.0, 0.5, 1.0])
    ),
    max_size=40,
)


@given(fitted)
def test_the_calibration_of_the_draw_is_that_of_brute_force(items):
    found = draw.fit_calibration(items)
    intercepts, slope = calibration_by_hand(items)
    assert found.slope == pytest.approx(slope, abs=1e-6)
    assert found.intercepts == pytest.approx(intercepts, abs=1e-6)


@given(fitted, st.randoms(use_true_random=False))
def test_the_calibration_of_the_draw_does_not_look_at_the_order(items, rng):
    assert draw.fit_calibration(rng.sample(items, len(items))) == draw.fit_calibration(items)


def test_no_judgment_leaves_the_sent_score():
    nothing = draw.fit_calibration([])
    assert nothing == draw.Calibration()
    assert [nothing.chance("a", score) for score in (0.2, 0.9, None)] == pytest.approx([0.2, 0.9, 0.5])
    assert nothing.chance("a", 1.0) == pytest.approx(0.999)


def test_a_score_that_tells_nothing_ends_as_one_chance_for_all():
    rng = np.random.default_rng(8)
    items = [
        ("a", float(score), float(z)) for score, z in zip(rng.random(4_000), rng.random(4_000) < 0.8, strict=True)
    ]
    calibration = draw.fit_calibration(items)
    assert abs(calibration.slope) < 4 * 0.022  # 4 standard errors: 1 / sqrt(n c (1 - c) var(x))
    assert calibration.chance("a", 0.99) == pytest.approx(0.8, abs=0.06)


def test_a_few_judgments_are_enough_to_stop_believing_a_score_that_tells_nothing():
    """By 120 a plain fit still has a slope of 0.23 on average, either way."""
    slopes = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        score, right = rng.beta(5, 1.5, 120), rng.random(120) < 0.85
        items = zip(["a"] * 120, score.tolist(), right.astype(float).tolist(), strict=True)
        slopes.append(abs(draw.fit_calibration(items).slope))
    assert np.mean(slopes) < 0.1


def test_judgments_of_one_score_say_nothing_of_the_slope():
    """Half of what was sent is believed, and the chance at that score is what was judged."""
    calibration = draw.fit_calibration([("a", 0.9, 1.0)] * 900 + [("a", 0.9, 0.0)] * 100)
    assert calibration.slope == pytest.approx(0.5)
    assert calibration.chance("a", 0.9) == pytest.approx(0.9, abs=1e-6)


def test_over_confidence_is_seen():
    rng = np.random.default_rng(9)
    score = rng.uniform(0.5, 1, 3_000)
    right = rng.random(3_000) < 1 / (1 + np.exp(-0.5 * np.log(score / (1 - score))))
    found = draw.fit_calibration(zip(["a"] * 3_000, score.tolist(), right.astype(float).tolist(), strict=True))
    assert found.slope == pytest.approx(0.5, abs=0.1)
    assert found.chance("a", 0.9) == pytest.approx(0.75, abs=0.03)


@given(
    st.lists(st.tuples(st.floats(0.001, 2), weights, st.booleans()), max_size=20),
    st.floats(2, 3),
)
def test_counted_items_end_at_the_first_gap(items, k_cap):
    t, counted = cohort_by_hand(items, k_cap)
    assert draw.threshold((k for k, _, is_final in items if not is_final), k_cap) == t
    assert counted == [
        (k, pytest.approx(draw.inclusion_probability(t, w)))
        for k, w, is_final in items
        if is_final and draw.is_counted(k, t)
    ]


def test_the_threshold_of_a_cohort_without_cap_is_its_first_open_key_or_none():
    assert draw.threshold([], None) is None
    assert draw.threshold([0.4, 0.2], None) == 0.2
    assert draw.threshold([], 0.3) == 0.3
    assert draw.is_counted(7.0, None)
    assert not draw.is_counted(0.2, 0.2)


def test_drawing_loads_neither_numpy_nor_django():
    loaded = "import sys, reviews.draw; print([m for m in ('numpy', 'django') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
