"""What follows: additive summaries of hours, and the estimates, percentiles and series made of them."""

from metrics.models.estimates import Conclusion, Estimate, EstimateSet, RuntimePercentiles
from metrics.models.summaries import HourlySummary

__all__ = ["Conclusion", "Estimate", "EstimateSet", "HourlySummary", "RuntimePercentiles"]
