"""Published examples of agreement and of reviewers who err, as the papers print them."""

import numpy as np

from reviews.agreement import Opinions

# Fleiss 1971, Psychological Bulletin 76(5), table 1: how many of 6 psychiatrists gave a patient each diagnosis:
# depression, personality disorder, schizophrenia, neurosis, other.
FLEISS_ROWS = """
    00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031
    00501 30012 51000 02040 10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006
"""
FLEISS_1971 = np.array([[int(n) for n in row] for row in FLEISS_ROWS.split()])

# Krippendorff 2011, Computing Krippendorff's Alpha-Reliability: a text an observer, "." a unit not judged.
TWO_OBSERVERS_BINARY = ("0100000010", "1110010000")  # section A
TWO_OBSERVERS_NOMINAL = ("aabbdcccedda", "babbbccceddd")  # section B
FOUR_OBSERVERS = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")  # section C

# Cohen 1960, Educational and Psychological Measurement 20(1), p. 45, table 2b.
COHEN_1960 = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]])

# Dawid & Skene 1979, Applied Statistics 28(1), table 1: 45 patients, 5 anaesthetists; the first saw each
# patient three times (the first three digits), the other four once.
PATIENTS = """
    1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 1111111
    2223212 1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111
    2322222 1111111 1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432
    1111111 1111111 1212111 2322222 1211111 2222222
"""


def opinions_of(observers, *, missing="."):
    """Opinions from one text an observer, one character an item."""
    answers = sorted({said for row in observers for said in row} - {missing})
    found = [
        (item, reviewer, answers.index(said))
        for reviewer, row in enumerate(observers)
        for item, said in enumerate(row)
        if said != missing
    ]
    return made_of(found, len(observers[0]), len(observers), len(answers))


def made_of(rows, n_items, n_reviewers, n_answers):
    """Opinions from (item, reviewer, answer) rows."""
    item, reviewer, answer = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return Opinions(item, reviewer, answer, n_items, n_reviewers, n_answers)


def anaesthetists():
    """Dawid & Skene's table as opinions: reviewer 0 three times on each item."""
    rows = [
        (item, max(0, place - 2), int(said) - 1)
        for item, patient in enumerate(PATIENTS.split())
        for place, said in enumerate(patient)
    ]
    return made_of(rows, 45, 5, 4)
