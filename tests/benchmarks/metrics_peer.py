"""The same work by NannyML, in an environment of its own: figures, missing values and distances for every day.

Called by bench_metrics as `PYTHON metrics_peer.py ROWS.csv`; knows nothing of us. Prints seconds and megabytes.
"""

import json
import resource
import sys
import time
import warnings

import nannyml
import pandas as pd

FIELDS = ["carrier", "origin", "dest", "km", "hour", "wind", "rain"]
REFERENCE_DAYS, DISTANCE = 3, "jensen_shannon"


def main(path):
    warnings.simplefilter("ignore")
    rows = pd.read_csv(path)
    rows["at"] = pd.to_datetime(rows["at"], unit="us")
    is_early = rows["at"] < rows["at"].min() + pd.Timedelta(days=REFERENCE_DAYS)
    reference, rest = rows[is_early].reset_index(drop=True), rows[~is_early].reset_index(drop=True)
    daily = {"timestamp_column_name": "at", "chunk_period": "D"}
    begun = time.process_time()
    calculators = [
        nannyml.PerformanceCalculator(
            y_pred_proba="chance", y_pred="label", y_true="truth", problem_type="classification_binary",
            metrics=["accuracy", "precision", "recall", "f1", "roc_auc"], **daily,
        ),
        nannyml.UnivariateDriftCalculator(
            column_names=FIELDS, continuous_methods=[DISTANCE], categorical_methods=[DISTANCE], **daily
        ),
        nannyml.MissingValuesCalculator(column_names=FIELDS, **daily),
    ]  # fmt: skip
    for calculator in calculators:
        calculator.fit(reference)
        calculator.calculate(rest)
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu_s": time.process_time() - begun, "rss_mb": rss_mb, "version": nannyml.__version__}))


if __name__ == "__main__":
    main(sys.argv[1])
