"""The filters of the quadrants: those of the features, and the cell."""

import django_filters
from django.db.models import QuerySet

from feedback.models import Feature
from metrics.filters import FeatureFilter
from metrics.score_reports import QuadrantRow
from metrics.stats.quadrants import CELLS


class QuadrantFilter(FeatureFilter):
    state = None
    cell = django_filters.ChoiceFilter(
        method="leave",
        choices=[*((cell.code, cell.name) for cell in CELLS.values()), ("none", "Not placed yet")],
        empty_label="Any cell",
        label="Cell",
    )

    def leave(self, features: QuerySet[Feature], name: str, value: str) -> QuerySet[Feature]:
        """A cell follows from the scores, which the database cannot compare: see `chosen`."""
        return features

    def chosen(self, rows: list[QuadrantRow]) -> list[QuadrantRow]:
        """Those that may stand in the chosen cell, by their interval."""
        wanted = self.form.cleaned_data.get("cell") if self.form.is_valid() else ""
        if not wanted:
            return rows
        if wanted == "none":
            return [row for row in rows if row.placement is None]
        return [row for row in rows if row.placement and wanted in {cell.code for cell in row.placement.cells}]
