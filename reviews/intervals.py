"""The one-look interval of a proportion. Plain Python: web code may import it; metrics takes it from here."""

import math

Z95 = 1.96  # statistics.md §3 fixes 1.96, not 1.95996...; the same constant for Wilson, so that all bars agree


def wilson(successes: float, trials: float, *, z: float = Z95) -> tuple[float, float]:
    """Score interval for a proportion under simple random sampling.

    successes, trials: counts, 0 <= successes <= trials; fractions allowed (partly right, effective sample
    sizes). z: half-width in standard errors, 1.96 for 95 %. Both ends lie in [0, 1] and enclose successes /
    trials. trials == 0 -> (0, 1): nothing is known. Raises ValueError when successes lie outside [0, trials]
    or z < 0. Not for items drawn with unequal probabilities, unless trials is their effective number.
    Source: Wilson 1927, JASA 22(158), p. 209.
    """
    if not 0 <= successes <= trials or z < 0:
        raise ValueError(f"0 <= successes <= trials and z >= 0 must hold, not {successes}, {trials}, {z}")
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    shrink = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / shrink
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / shrink
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))
