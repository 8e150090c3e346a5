"""The counts of an hour again, from arrays, by nothing but numpy: what bench_metrics measures against."""

import numpy as np

LOG_GAMMA = np.log(1.02 / 0.98)


def floor(arrays, references):
    """All that metrics.stats.counting counts, of every hour and segment; no object is made of it."""
    hour = (arrays["at"] - arrays["at"].min()) // 3_600_000_000
    _, label = np.unique(arrays["label"], return_inverse=True)
    _, truth = np.unique(arrays["truth"], return_inverse=True)
    segments, segment = np.unique(arrays["segment"], return_inverse=True)
    fine = np.minimum((arrays["score"] * 1000).astype(np.int64), 999)
    made = []
    for group, bin_ in ((hour, fine), (hour * len(segments) + segment, fine // 50)):
        made.append(np.bincount(group))
        made.append(np.bincount(group[arrays["actor"]]))
        made.append(joint(((group * 8 + label) * 8 + truth) * 1000 + bin_, arrays, label, truth))
        for values in arrays["measures"].values():
            known = ~np.isnan(values)
            made.append(np.unique(group[known] * 2000 + log_bins(values[known]), return_counts=True))
    for name, values in arrays["fields"].items():
        made.append(np.unique(hour * 100 + field_bins(values, references[name]), return_counts=True))
    return made


def joint(key, arrays, label, truth):
    cells, place, n = np.unique(key, return_inverse=True, return_counts=True)
    score = arrays["score"]
    chance = np.clip(np.where(label == truth, score, 1 - score), 1e-15, 1 - 1e-15)
    return cells, n, [np.bincount(place, weights=each) for each in (score, score**2, -np.log(chance))]


def log_bins(values):
    return np.ceil(np.log(values) / LOG_GAMMA).astype(np.int64) + 1000


def field_bins(values, reference):
    """As metrics.stats.fields has them, with 40 and up for what is in no bin."""
    if reference["kind"] == "category":
        listed, place = np.unique(values, return_inverse=True)
        known = {text: at for at, text in enumerate(reference["values"])}
        return np.array([known.get(text, 40) for text in listed.tolist()])[place]
    bins = np.searchsorted(reference["edges"], values, side="right")
    bins[(values < reference["low"]) | (values > reference["high"])] = 40
    bins[np.isnan(values)] = 41
    return bins


def card(joint):
    """What a page says of a binary model, from the counts alone: "late" is positive."""
    known = [(label, fine, truth, cell) for (label, fine, truth), cell in joint.items() if truth is not None]
    n = sum(cell.n for *_, cell in known)
    right = sum(cell.n for label, _, truth, cell in known if label == truth)
    hits = sum(cell.n for label, _, truth, cell in known if label == truth == "late")
    predicted = sum(cell.n for label, *_, cell in known if label == "late")
    positive = sum(cell.n for _, _, truth, cell in known if truth == "late")
    squares = sum(
        cell.squares if label != truth else cell.n - 2 * cell.scores + cell.squares
        for label, _, truth, cell in known
    )
    return {
        "accuracy": right / n,
        "precision": hits / predicted,
        "recall": hits / positive,
        "auc": area(known),
        "brier": squares / n,
        "log_loss": sum(cell.losses for *_, cell in known) / n,
    }


def area(known):
    """AUC of the chance of "late", ties half, from bins of 1,000."""
    of = {"late": np.zeros(1000), "on_time": np.zeros(1000)}
    for label, fine, truth, cell in known:
        of[truth][fine if label == "late" else 999 - fine] += cell.n
    below = np.cumsum(of["on_time"]) - of["on_time"]
    pairs = of["late"].sum() * of["on_time"].sum()
    return float((of["late"] * (below + of["on_time"] / 2)).sum() / pairs)
