import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

import metrics.models.summaries
import reviews.models.constraints


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("feedback", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.feature",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.modelversion",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("quality", "Less often right than before"),
                            ("expectation", "An expectation is broken"),
                        ],
                        max_length=12,
                    ),
                ),
                ("key", models.CharField(max_length=100)),
                ("title", models.CharField(max_length=200)),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("raised_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("close_due_at", models.DateTimeField()),
                ("answered_at", models.DateTimeField(blank=True, null=True)),
                ("snoozed_until", models.DateTimeField(blank=True, null=True)),
                ("cleared_at", models.DateTimeField(blank=True, null=True)),
                ("cleared_why", models.TextField(blank=True, max_length=2000)),
                ("is_cleared_by_person", models.BooleanField(default=False)),
                ("counted_to", models.JSONField(blank=True, default=dict)),
                ("evidence", models.JSONField(blank=True, default=dict)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("cleared_at", None)), fields=["feature", "due_at"], name="alert_raised"
                    ),
                    models.Index(fields=["feature", "raised_at"], name="alert_feature"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("cleared_at", None)),
                        fields=("feature", "key"),
                        name="metrics_alert_raised_once",
                        violation_error_message="This is raised already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["quality", "expectation"])),
                        name="metrics_alert_kind_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "quality"), _negated=True),
                            ("version__isnull", False),
                            _connector="OR",
                        ),
                        name="metrics_alert_quality_is_of_a_version",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("title", ""), _negated=True), models.Q(("key", ""), _negated=True)
                        ),
                        name="metrics_alert_says_what_it_is",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("close_due_at__gte", models.F("due_at")), ("due_at__gt", models.F("raised_at"))
                        ),
                        name="metrics_alert_is_due_later",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("cleared_at", None), ("cleared_why", ""), ("is_cleared_by_person", False)),
                            models.Q(
                                ("cleared_at__gte", models.F("raised_at")),
                                ("cleared_at__isnull", False),
                                models.Q(("cleared_why", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="metrics_alert_cleared_with_a_reason",
                        violation_error_message="Say why it is over.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("snoozed_until", None), ("snoozed_until__gt", models.F("raised_at")), _connector="OR"
                        ),
                        name="metrics_alert_snoozed_ahead",
                        violation_error_message="Choose a time ahead.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("answered_at", None), ("answered_at__gte", models.F("raised_at")), _connector="OR"
                        ),
                        name="metrics_alert_answered_after_it_was_raised",
                    ),
                    reviews.models.constraints.Unchanging(
                        fields=(
                            "feature",
                            "version",
                            "kind",
                            "key",
                            "raised_at",
                            "due_at",
                            "close_due_at",
                            "evidence",
                        ),
                        name="metrics_alert_what_was_raised_never_changes",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AlertStep",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "alert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="steps", to="metrics.alert"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("raised", "Raised"),
                            ("taken", "Taken over"),
                            ("handed_over", "Handed over"),
                            ("snoozed", "Snoozed"),
                            ("cleared", "Cleared"),
                        ],
                        max_length=11,
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "to",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("until", models.DateTimeField(blank=True, null=True)),
                ("words", models.TextField(blank=True, max_length=2000)),
                ("at", models.DateTimeField()),
            ],
            options={
                "ordering": ["at", "pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["raised", "taken", "handed_over", "snoozed", "cleared"])),
                        name="metrics_alertstep_kind_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind", "raised"), models.Q(("words", ""), _negated=True), _connector="OR"
                        ),
                        name="metrics_alertstep_answered_in_words",
                        violation_error_message="Say something to it.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "snoozed"), ("until__isnull", False)),
                            models.Q(models.Q(("kind", "snoozed"), _negated=True), ("until", None)),
                            _connector="OR",
                        ),
                        name="metrics_alertstep_only_a_snooze_has_an_end",
                    ),
                    reviews.models.constraints.Unchanging(
                        fields=("alert", "kind", "until", "words", "at"), name="metrics_alertstep_never_changes"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="QualityWatch",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="feedback.feature"
                    ),
                ),
                (
                    "version",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="feedback.modelversion"
                    ),
                ),
                ("as_of", models.DateTimeField()),
                ("n", models.PositiveIntegerField()),
                ("n_to_learn", models.PositiveIntegerField()),
                ("statistic", models.FloatField()),
                ("threshold", models.FloatField()),
                ("n_newest", models.PositiveIntegerField(default=0)),
                ("foretold", models.FloatField(null=True)),
                ("found", models.FloatField(null=True)),
                ("found_low", models.FloatField(null=True)),
                ("found_high", models.FloatField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("statistic__gte", 0), ("threshold__gt", 1)),
                        name="metrics_qualitywatch_statistic_is_a_sum",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("foretold", None), ("found", None), ("n_newest", 0)),
                            models.Q(
                                ("foretold__isnull", False),
                                ("found__isnull", False),
                                ("found_high__isnull", False),
                                ("found_low__isnull", False),
                                ("foretold__range", (0, 1)),
                                ("found_high__gte", models.F("found")),
                                ("found_low__lte", models.F("found")),
                            ),
                            _connector="OR",
                        ),
                        name="metrics_qualitywatch_interval_holds_its_value",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AlertLook",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="feedback.feature"
                    ),
                ),
                ("mark", models.CharField(max_length=300)),
                ("as_of", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="DebateRound",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.feature",
                    ),
                ),
                (
                    "quadrant",
                    models.CharField(
                        choices=[
                            ("adoption_accountability", "Adoption and accountability"),
                            ("behaviour_product", "Behaviour change and product change"),
                        ],
                        max_length=24,
                    ),
                ),
                ("evidence", models.JSONField(blank=True, default=dict)),
                ("functions", models.JSONField()),
                ("deadline", models.DateTimeField()),
                ("quorum", models.PositiveSmallIntegerField(default=4)),
                (
                    "facilitator",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("revealed", "Revealed"), ("decided", "Decided")],
                        default="open",
                        max_length=8,
                    ),
                ),
                ("opened_at", models.DateTimeField()),
                ("revealed_at", models.DateTimeField(blank=True, null=True)),
                ("number", models.PositiveSmallIntegerField(default=1)),
                (
                    "previous",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="following",
                        to="metrics.debateround",
                    ),
                ),
                (
                    "decision",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="+",
                        to="feedback.decision",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["feature", "opened_at"], name="debateround_feature")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("quadrant__in", ["adoption_accountability", "behaviour_product"])),
                        name="metrics_debateround_quadrant_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("decision", None), ("revealed_at", None), ("state", "open")),
                            models.Q(("decision", None), ("revealed_at__isnull", False), ("state", "revealed")),
                            models.Q(
                                ("decision__isnull", False), ("revealed_at__isnull", False), ("state", "decided")
                            ),
                            _connector="OR",
                        ),
                        name="metrics_debateround_state_goes_with_its_times",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("quorum__range", (2, 6))),
                        name="metrics_debateround_quorum_is_two_to_six",
                        violation_error_message="At least two functions must have their say, and there are six.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("deadline__gt", models.F("opened_at"))),
                        name="metrics_debateround_deadline_lies_ahead",
                        violation_error_message="The deadline must lie ahead.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("number", 1), ("previous", None)),
                            models.Q(("number", 2), ("previous__isnull", False)),
                            _connector="OR",
                        ),
                        name="metrics_debateround_two_rounds_at_most",
                        violation_error_message="Two rounds are held at most: decide now.",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "open")),
                        fields=("feature", "quadrant"),
                        name="metrics_debateround_one_open",
                        violation_error_message="A round over this quadrant is open already.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Placement",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "round",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="placements",
                        to="metrics.debateround",
                    ),
                ),
                (
                    "function",
                    models.CharField(
                        choices=[
                            ("reviewer", "Reviewer"),
                            ("adjudicator", "Adjudicator"),
                            ("product", "Product"),
                            ("data_science", "Data science"),
                            ("engineering", "Engineering"),
                            ("design", "Design"),
                            ("operations", "Operations"),
                            ("customer_success", "Customer success"),
                            ("owner", "Owner"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("x", models.PositiveSmallIntegerField()),
                ("y", models.PositiveSmallIntegerField()),
                (
                    "confidence",
                    models.PositiveSmallIntegerField(choices=[(1, "A guess"), (2, "Fairly sure"), (3, "Sure")]),
                ),
                ("reason", models.CharField(max_length=200)),
                ("placed_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("round", "function"),
                        name="metrics_placement_one_vote_per_function",
                        violation_error_message="This function has voted already.",
                    ),
                    models.UniqueConstraint(
                        fields=("round", "user"),
                        name="metrics_placement_one_function_per_person",
                        violation_error_message="You have spoken for another function in this round.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("confidence__range", (1, 3)), ("x__range", (1, 9)), ("y__range", (1, 9))
                        ),
                        name="metrics_placement_is_on_the_board",
                        violation_error_message="Both places lie between 1 and 9.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "function__in",
                                [
                                    "product",
                                    "data_science",
                                    "engineering",
                                    "design",
                                    "operations",
                                    "customer_success",
                                ],
                            )
                        ),
                        name="metrics_placement_function_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PlacementRevision",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "placement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="revisions",
                        to="metrics.placement",
                    ),
                ),
                ("x", models.PositiveSmallIntegerField()),
                ("y", models.PositiveSmallIntegerField()),
                (
                    "confidence",
                    models.PositiveSmallIntegerField(choices=[(1, "A guess"), (2, "Fairly sure"), (3, "Sure")]),
                ),
                ("reason", models.CharField(max_length=200)),
                ("placed_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["placed_at", "pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("confidence__range", (1, 3)), ("x__range", (1, 9)), ("y__range", (1, 9))
                        ),
                        name="metrics_placementrevision_is_on_the_board",
                        violation_error_message="Both places lie between 1 and 9.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DriftReading",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.feature",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.modelversion",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("field", "Input"), ("label", "Answers"), ("confidence", "Confidence")],
                        max_length=10,
                    ),
                ),
                (
                    "name",
                    models.CharField(blank=True, help_text="Of the input field; empty otherwise.", max_length=200),
                ),
                ("window_from", models.DateField()),
                ("window_to", models.DateField()),
                ("reference_from", models.DateField(null=True)),
                ("reference_to", models.DateField(null=True)),
                ("js_distance", models.FloatField(null=True)),
                ("psi", models.FloatField(null=True)),
                ("threshold", models.FloatField(null=True)),
                ("is_drifting", models.BooleanField(default=False)),
                ("last_drifted_on", models.DateField(null=True)),
                ("n", models.PositiveBigIntegerField()),
                ("n_reference", models.PositiveBigIntegerField()),
                ("value", models.FloatField(null=True)),
                ("low", models.FloatField(null=True)),
                ("high", models.FloatField(null=True)),
                ("reference_value", models.FloatField(null=True)),
                ("reference_low", models.FloatField(null=True)),
                ("reference_high", models.FloatField(null=True)),
                ("quality", models.JSONField(blank=True, default=dict)),
                ("source", models.CharField(blank=True, max_length=8)),
                ("weeks", models.JSONField(blank=True, default=list)),
                ("as_of", models.DateTimeField()),
                ("reason", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "indexes": [models.Index(fields=["feature", "kind"], name="driftreading_feature")],
                "constraints": [
                    models.UniqueConstraint(fields=("version", "kind", "name"), name="metrics_driftreading_once"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["field", "label", "confidence"])),
                        name="metrics_driftreading_kind_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("is_drifting", False),
                                ("js_distance", None),
                                ("threshold", None),
                                models.Q(("reason", ""), _negated=True),
                            ),
                            models.Q(
                                ("js_distance__isnull", False),
                                ("js_distance__range", (0, 1)),
                                ("threshold__isnull", False),
                                ("threshold__range", (0, 1)),
                            ),
                            _connector="OR",
                        ),
                        name="metrics_driftreading_distance_or_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("is_drifting", False),
                            models.Q(("js_distance__gt", models.F("threshold")), ("js_distance__isnull", False)),
                            _connector="OR",
                        ),
                        name="metrics_driftreading_drifts_over_its_threshold",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("window_to__gt", models.F("window_from"))),
                        name="metrics_driftreading_window_is_forward",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("high", None), ("low", None), ("value", None)),
                            models.Q(
                                ("high__isnull", False),
                                ("low__isnull", False),
                                ("value__isnull", False),
                                ("high__gte", models.F("value")),
                                ("low__lte", models.F("value")),
                                ("value__range", (0, 1)),
                            ),
                            _connector="OR",
                        ),
                        name="metrics_driftreading_interval_holds_its_value",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("reference_high", None), ("reference_low", None), ("reference_value", None)),
                            models.Q(
                                ("reference_high__isnull", False),
                                ("reference_low__isnull", False),
                                ("reference_value__isnull", False),
                                ("reference_high__gte", models.F("reference_value")),
                                ("reference_low__lte", models.F("reference_value")),
                            ),
                            _connector="OR",
                        ),
                        name="metrics_driftreading_reference_interval",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DriftLook",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="feedback.feature"
                    ),
                ),
                ("mark", models.CharField(max_length=200)),
                ("as_of", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Conclusion",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="feedback.feature"
                    ),
                ),
                ("mark", models.CharField(max_length=300)),
                ("as_of", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="EstimateSet",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.feature",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.modelversion",
                    ),
                ),
                ("segment", models.CharField(blank=True, default="", max_length=275)),
                (
                    "window",
                    models.CharField(
                        choices=[
                            ("28d", "Last 28 days"),
                            ("all", "All time"),
                            ("version", "The version's life"),
                            ("period", "One, four or thirteen weeks: a point of the chart"),
                        ],
                        max_length=8,
                    ),
                ),
                ("window_from", models.DateTimeField()),
                ("window_to", models.DateTimeField()),
                (
                    "source",
                    models.CharField(choices=[("reviewed", "Reviewed"), ("observed", "Observed")], max_length=8),
                ),
                ("as_of", models.DateTimeField()),
                ("population", models.PositiveBigIntegerField()),
                ("counted", models.PositiveBigIntegerField()),
                ("covered_days", models.PositiveIntegerField()),
                ("days", models.PositiveIntegerField()),
                ("undecided_share", models.FloatField(null=True)),
                ("undecided_low", models.FloatField(null=True)),
                ("undecided_high", models.FloatField(null=True)),
                ("accuracy_variance", models.FloatField(null=True)),
                ("mature_until", models.DateField(null=True)),
                ("confusion", models.JSONField(null=True)),
                ("calibration", models.JSONField(default=list)),
                ("reliability", models.JSONField(null=True)),
                ("lag", models.JSONField(null=True)),
                ("segments", models.JSONField(default=list)),
                ("segments_reason", models.CharField(blank=True, default="", max_length=300)),
                ("comparisons", models.JSONField(default=list)),
                ("reason", models.CharField(blank=True, default="", max_length=300)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("feature", "version", "segment", "window", "window_from", "source"),
                        name="metrics_estimateset_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("window_to__gte", models.F("window_from"))),
                        name="metrics_estimateset_window_is_forward",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("undecided_high", None), ("undecided_low", None)),
                            models.Q(
                                ("undecided_high__lte", 1),
                                ("undecided_low__gte", 0),
                                ("undecided_low__lte", models.F("undecided_high")),
                            ),
                            _connector="OR",
                        ),
                        name="metrics_estimateset_undecided_bounds_are_ordered",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Estimate",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "set",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="estimates",
                        to="metrics.estimateset",
                    ),
                ),
                ("metric", models.CharField(max_length=20)),
                ("label", models.CharField(blank=True, default="", max_length=200)),
                ("value", models.FloatField(null=True)),
                ("low", models.FloatField(null=True)),
                ("high", models.FloatField(null=True)),
                ("anytime_low", models.FloatField(null=True)),
                ("anytime_high", models.FloatField(null=True)),
                ("n", models.PositiveBigIntegerField()),
                ("method", models.CharField(max_length=10)),
                ("state", models.CharField(max_length=10)),
                ("reason", models.CharField(blank=True, default="", max_length=300)),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("set", "metric", "label"), name="metrics_estimate_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("value", None), models.Q(("reason", ""), _negated=True)),
                            ("value__isnull", False),
                            _connector="OR",
                        ),
                        name="metrics_estimate_without_value_has_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("value", None),
                            models.Q(
                                ("anytime_low__lte", models.F("anytime_high")), ("low__lte", models.F("high"))
                            ),
                            _connector="OR",
                        ),
                        name="metrics_estimate_intervals_are_ordered",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RuntimePercentiles",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="feedback.modelversion"
                    ),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="feedback.feature"
                    ),
                ),
                (
                    "measure",
                    models.CharField(
                        choices=[("latency_ms", "Latency"), ("cpu_ms", "CPU"), ("rss_mb", "Memory")], max_length=10
                    ),
                ),
                ("n_predictions", models.PositiveBigIntegerField()),
                ("n", models.PositiveBigIntegerField()),
                ("p50", models.FloatField(null=True)),
                ("p90", models.FloatField(null=True)),
                ("p95", models.FloatField(null=True)),
                ("p99", models.FloatField(null=True)),
                ("as_of", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("version", "measure"), name="metrics_runtimepercentiles_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Expectation",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.feature",
                    ),
                ),
                (
                    "metric",
                    models.CharField(
                        choices=[
                            ("accuracy", "Share right (accuracy)"),
                            ("precision", "Right when it says so (precision)"),
                            ("recall", "Found when true (recall)"),
                            ("f1", "Both in one (F1)"),
                            ("latency_p95_ms", "Time within which 19 of 20 answers come (p95)"),
                            ("adoption", "Adoption, 0 to 100"),
                        ],
                        max_length=16,
                    ),
                ),
                ("segment", models.CharField(blank=True, max_length=270)),
                (
                    "version",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.modelversion",
                    ),
                ),
                (
                    "direction",
                    models.CharField(choices=[("at_least", "at least"), ("at_most", "at most")], max_length=8),
                ),
                ("baseline", models.FloatField(blank=True, null=True)),
                ("target", models.FloatField()),
                ("by_on", models.DateField()),
                ("why", models.TextField(max_length=2000)),
                ("p_data_science", models.FloatField(blank=True, null=True)),
                ("p_product", models.FloatField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("proposed", "Proposed"),
                            ("agreed", "Agreed"),
                            ("replaced", "Replaced"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        default="proposed",
                        max_length=9,
                    ),
                ),
                (
                    "proposed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("proposed_at", models.DateTimeField()),
                (
                    "data_science_signed_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("data_science_signed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "product_signed_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("product_signed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "withdrawn_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "replaces",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="+",
                        to="metrics.expectation",
                    ),
                ),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
                ("checked_mark", models.CharField(blank=True, max_length=120)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["feature", "proposed_at"], name="expectation_feature"),
                    models.Index(
                        condition=models.Q(("resolved_at", None), ("state", "agreed")),
                        fields=["by_on"],
                        name="expectation_unresolved",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("metric__in", ["accuracy", "precision", "recall", "f1"]),
                                ("target__range", (0, 1)),
                            ),
                            models.Q(("metric", "latency_p95_ms"), ("target__gt", 0)),
                            models.Q(("metric", "adoption"), ("target__range", (0, 100))),
                            _connector="OR",
                        ),
                        name="metrics_expectation_target_fits_its_metric",
                        violation_error_message="A share lies between 0 and 100 %%, adoption in 0 to 100, a time over 0.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("direction__in", ["at_least", "at_most"])),
                        name="metrics_expectation_direction_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["proposed", "agreed", "replaced", "withdrawn"])),
                        name="metrics_expectation_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("p_data_science", None), ("p_data_science__range", (0, 1)), _connector="OR"),
                            models.Q(("p_product", None), ("p_product__range", (0, 1)), _connector="OR"),
                        ),
                        name="metrics_expectation_chances_are_probabilities",
                        violation_error_message="A chance lies between 0 and 100 %%.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                models.Q(
                                    ("data_science_signed_at", None),
                                    ("data_science_signed_by", None),
                                    ("p_data_science", None),
                                ),
                                models.Q(
                                    ("data_science_signed_at__isnull", False),
                                    ("data_science_signed_by__isnull", False),
                                    ("p_data_science__isnull", False),
                                ),
                                _connector="OR",
                            ),
                            models.Q(
                                models.Q(
                                    ("p_product", None), ("product_signed_at", None), ("product_signed_by", None)
                                ),
                                models.Q(
                                    ("p_product__isnull", False),
                                    ("product_signed_at__isnull", False),
                                    ("product_signed_by__isnull", False),
                                ),
                                _connector="OR",
                            ),
                        ),
                        name="metrics_expectation_signature_has_time_and_chance",
                        violation_error_message="Whoever signs says how likely it is to be met.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("data_science_signed_by", None),
                            ("product_signed_by", None),
                            models.Q(("data_science_signed_by", models.F("product_signed_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="metrics_expectation_two_people_sign",
                        violation_error_message="You have signed for the other function: a second person must sign here.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["proposed", "withdrawn"]),
                            models.Q(
                                ("data_science_signed_by__isnull", False), ("product_signed_by__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="metrics_expectation_agreed_by_both_functions",
                        violation_error_message="It is agreed only when both functions have signed.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "withdrawn"), ("withdrawn_by__isnull", False)),
                            models.Q(models.Q(("state", "withdrawn"), _negated=True), ("withdrawn_by", None)),
                            _connector="OR",
                        ),
                        name="metrics_expectation_withdrawn_by_somebody",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("resolved_at", None), ("state__in", ["agreed", "replaced"]), _connector="OR"
                        ),
                        name="metrics_expectation_only_agreed_ones_resolve",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("resolved_at", None), ("state", "agreed"), ("version", None)),
                        fields=("feature", "metric", "segment", "direction"),
                        name="metrics_expectation_one_in_force",
                        violation_error_message="One on this metric is agreed already: renegotiate that one.",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("resolved_at", None), ("state", "agreed"), ("version__isnull", False)),
                        fields=("feature", "metric", "segment", "direction", "version"),
                        name="metrics_expectation_one_in_force_for_a_version",
                        violation_error_message="One on this metric is agreed already: renegotiate that one.",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "withdrawn"), _negated=True),
                        fields=("replaces",),
                        name="metrics_expectation_replaced_once",
                        violation_error_message="Another proposal to replace this one is there already.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExpectationStatus",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "expectation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="statuses",
                        to="metrics.expectation",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("met", "met"),
                            ("broken", "broken"),
                            ("not_sure", "not sure yet"),
                            ("unknown", "unknown"),
                            ("expired", "expired"),
                        ],
                        max_length=8,
                    ),
                ),
                ("since", models.DateTimeField()),
                ("checked_at", models.DateTimeField()),
                ("source", models.CharField(blank=True, max_length=8)),
                ("version", models.CharField(blank=True, max_length=100)),
                ("label", models.CharField(blank=True, max_length=200)),
                ("value", models.FloatField(null=True)),
                ("low", models.FloatField(null=True)),
                ("high", models.FloatField(null=True)),
                ("n", models.PositiveBigIntegerField(default=0)),
                ("p_met", models.FloatField(null=True)),
                ("n_to_go", models.PositiveIntegerField(null=True)),
                ("reason", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("expectation", "since"), name="metrics_expectationstatus_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["met", "broken", "not_sure", "unknown", "expired"])),
                        name="metrics_expectationstatus_status_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("p_met", None), ("p_met__range", (0, 1)), _connector="OR"),
                        name="metrics_expectationstatus_chance_is_a_probability",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status__in", ["met", "broken", "not_sure"]), _negated=True),
                            ("value__isnull", False),
                            _connector="OR",
                        ),
                        name="metrics_expectationstatus_decides_only_on_a_value",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PairedDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.feature",
                    ),
                ),
                (
                    "new",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.modelversion",
                    ),
                ),
                (
                    "old",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="feedback.modelversion"
                    ),
                ),
                ("day", models.DateField()),
                ("n_pairs", models.PositiveBigIntegerField(help_text="Known truth or not.")),
                ("n_both_right", models.PositiveBigIntegerField()),
                ("n_only_new", models.PositiveBigIntegerField()),
                ("n_only_old", models.PositiveBigIntegerField()),
                ("n_neither", models.PositiveBigIntegerField()),
                ("summed_until", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["feature", "summed_until"], name="pairedday_feature")],
                "constraints": [
                    models.UniqueConstraint(fields=("new", "old", "day"), name="metrics_pairedday_once"),
                    models.CheckConstraint(
                        condition=models.Q(("new", models.F("old")), _negated=True),
                        name="metrics_pairedday_of_two_versions",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "n_pairs__gte",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            models.F("n_both_right"), "+", models.F("n_only_new")
                                        ),
                                        "+",
                                        models.F("n_only_old"),
                                    ),
                                    "+",
                                    models.F("n_neither"),
                                ),
                            )
                        ),
                        name="metrics_pairedday_known_pairs_are_pairs",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ScoreSnapshot",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.feature",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("adoption", "Adoption"), ("accountability", "Accountability")], max_length=14
                    ),
                ),
                ("taken_at", models.DateTimeField()),
                ("first_taken_at", models.DateTimeField()),
                ("as_of", models.DateTimeField()),
                ("is_weekly", models.BooleanField(default=False)),
                ("formula_version", models.CharField(max_length=10)),
                (
                    "market_fit",
                    models.CharField(
                        choices=[("before", "Before product-market fit"), ("after", "After product-market fit")],
                        max_length=6,
                    ),
                ),
                ("inputs", models.JSONField()),
                ("goals", models.JSONField(default=dict)),
                ("weights", models.JSONField(default=dict)),
                ("components", models.JSONField(default=dict)),
                ("points_lost", models.JSONField(default=dict)),
                ("value", models.FloatField(null=True)),
                ("low", models.FloatField(null=True)),
                ("high", models.FloatField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("collecting", "Collecting"),
                            ("provisional", "Provisional"),
                            ("measured", "Measured"),
                            ("not_asked", "Not asked yet"),
                            ("no_data", "No data yet"),
                        ],
                        max_length=12,
                    ),
                ),
                ("reason", models.CharField(blank=True, default="", max_length=500)),
                ("trend", models.JSONField(null=True)),
                ("influence", models.JSONField(default=list)),
                ("n_value_actors", models.PositiveIntegerField(default=0)),
                ("n_value_accounts", models.PositiveIntegerField(default=0)),
                ("n_accounts", models.PositiveIntegerField(default=0)),
            ],
            options={
                "indexes": [models.Index(fields=["feature", "kind", "-as_of"], name="scoresnapshot_newest")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_weekly", True)),
                        fields=("feature", "kind", "as_of"),
                        name="metrics_scoresnapshot_one_a_week",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_weekly", False)),
                        fields=("feature", "kind", "as_of"),
                        name="metrics_scoresnapshot_one_a_day",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("state__in", ["provisional", "measured"]),
                                ("value__isnull", False),
                                ("value__range", (0, 100)),
                                ("high__gte", models.F("value")),
                                ("high__isnull", False),
                                ("low__isnull", False),
                                ("low__lte", models.F("value")),
                            ),
                            models.Q(
                                ("high", None),
                                ("low", None),
                                ("state__in", ["collecting", "not_asked", "no_data"]),
                                ("value", None),
                                models.Q(("reason", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="metrics_scoresnapshot_has_a_value_or_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["adoption", "accountability"])),
                        name="metrics_scoresnapshot_kind_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("market_fit__in", ["before", "after"])),
                        name="metrics_scoresnapshot_market_fit_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ScoreGoals",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.feature",
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("goals", models.JSONField()),
                ("half_width", models.FloatField(default=0.05)),
                ("why", models.CharField(max_length=500)),
                (
                    "set_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("set_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("feature", "number"), name="metrics_scoregoals_number_is_unique"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("half_width__gt", 0), ("half_width__lte", 0.5)),
                        name="metrics_scoregoals_half_width_is_a_share",
                        violation_error_message="The agreed half-width lies over 0 and at most at 50 points.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("why", ""), _negated=True),
                        name="metrics_scoregoals_say_why",
                        violation_error_message="Say why: others will read it.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ScoreWeights",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("number", models.PositiveIntegerField(unique=True)),
                ("weights", models.JSONField()),
                ("why", models.CharField(max_length=500)),
                (
                    "set_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("set_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("why", ""), _negated=True),
                        name="metrics_scoreweights_say_why",
                        violation_error_message="Say why: others will read it.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="FitChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="feedback.feature"
                    ),
                ),
                (
                    "behaviour",
                    models.PositiveSmallIntegerField(
                        blank=True, help_text="What it asks of people, 1 to 9.", null=True
                    ),
                ),
                (
                    "product",
                    models.PositiveSmallIntegerField(
                        blank=True, help_text="What it gives them, 1 to 9.", null=True
                    ),
                ),
                (
                    "from_fit",
                    models.CharField(
                        blank=True,
                        choices=[("before", "Before product-market fit"), ("after", "After product-market fit")],
                        default="",
                        max_length=6,
                    ),
                ),
                (
                    "to_fit",
                    models.CharField(
                        blank=True,
                        choices=[("before", "Before product-market fit"), ("after", "After product-market fit")],
                        default="",
                        max_length=6,
                    ),
                ),
                (
                    "decision",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="+",
                        to="feedback.decision",
                    ),
                ),
                ("why", models.CharField(blank=True, default="", max_length=500)),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("made_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("behaviour__isnull", False),
                                ("behaviour__range", (1, 9)),
                                ("from_fit", ""),
                                ("to_fit", ""),
                                ("product__isnull", False),
                                ("product__range", (1, 9)),
                            ),
                            models.Q(
                                ("behaviour", None),
                                ("decision__isnull", False),
                                ("product", None),
                                ("from_fit__in", ["before", "after"]),
                                ("to_fit__in", ["before", "after"]),
                            ),
                            _connector="OR",
                        ),
                        name="metrics_fitchange_places_or_decides",
                        violation_error_message="Place both, from 1 to 9, or change the market fit with a decision.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("to_fit", ""),
                            models.Q(("to_fit", models.F("from_fit")), _negated=True),
                            _connector="OR",
                        ),
                        name="metrics_fitchange_changes_something",
                        violation_error_message="It is in this stage of market fit already.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReadinessItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.feature",
                    ),
                ),
                ("code", models.CharField(max_length=40)),
                ("is_ticked", models.BooleanField(default=True)),
                ("note", models.CharField(blank=True, default="", max_length=300)),
                (
                    "ticked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("ticked_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["feature", "code", "ticked_at"], name="readinessitem_newest")],
            },
        ),
        migrations.CreateModel(
            name="HourlySummary",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.feature",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.modelversion",
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("segment", models.CharField(blank=True, default="", max_length=275)),
                (
                    "payload",
                    models.JSONField(
                        decoder=metrics.models.summaries.FastJSONReader, encoder=metrics.models.summaries.FastJSON
                    ),
                ),
                ("source_count", models.PositiveIntegerField()),
                ("summed_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["feature", "summed_at"], name="hourlysummary_summed")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("version", "hour", "segment"), name="metrics_hourlysummary_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DaySummary",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.feature",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.modelversion",
                    ),
                ),
                ("day", models.DateField()),
                ("segment", models.CharField(blank=True, default="", max_length=275)),
                (
                    "payload",
                    models.JSONField(
                        decoder=metrics.models.summaries.FastJSONReader, encoder=metrics.models.summaries.FastJSON
                    ),
                ),
                ("source_count", models.PositiveIntegerField()),
                ("summed_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["feature", "segment", "version", "day"], name="daysummary_feature"),
                    models.Index(fields=["feature", "summed_at"], name="daysummary_summed"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("version", "day", "segment"), name="metrics_daysummary_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="SegmentValue",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.feature",
                    ),
                ),
                ("key", models.CharField(max_length=60)),
                ("value", models.CharField(blank=True, max_length=200)),
                ("name", models.CharField(max_length=275)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("feature", "name"), name="metrics_segmentvalue_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="FieldReference",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "version",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="feedback.modelversion"
                    ),
                ),
                ("first_on", models.DateField()),
                ("last_on", models.DateField()),
                ("fields", models.JSONField(default=dict)),
                ("made_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("last_on__gte", models.F("first_on"))),
                        name="metrics_fieldreference_days_are_forward",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CountedTolerance",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="feedback.feature"
                    ),
                ),
                ("tolerance", models.FloatField(null=True)),
                (
                    "tolerance_kind",
                    models.CharField(
                        choices=[
                            ("absolute", "In the number's own unit"),
                            ("relative", "As a share of the true number"),
                        ],
                        max_length=8,
                    ),
                ),
                ("input_fields", models.JSONField(default=list)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("tolerance_kind__in", ["absolute", "relative"])),
                        name="metrics_countedtolerance_kind_is_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ActorDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.feature",
                    ),
                ),
                ("day", models.DateField()),
                ("account", models.CharField(default="", max_length=200)),
                ("actor", models.CharField(max_length=200)),
                ("n_events", models.PositiveIntegerField(default=0)),
                ("n_internal", models.PositiveIntegerField(default=0)),
                ("n_exposures", models.PositiveIntegerField(default=0)),
                ("n_implied", models.PositiveIntegerField(default=0)),
                ("n_pairs", models.PositiveIntegerField(default=0)),
                ("n_opened", models.PositiveIntegerField(default=0)),
                ("n_resolved", models.PositiveIntegerField(default=0)),
                ("n_accepted", models.PositiveIntegerField(default=0)),
                ("n_edited", models.PositiveIntegerField(default=0)),
                ("n_auto", models.PositiveIntegerField(default=0)),
                ("n_refused", models.PositiveIntegerField(default=0)),
                ("n_undone", models.PositiveIntegerField(default=0)),
                ("n_ignored", models.PositiveIntegerField(default=0)),
                ("worth", models.FloatField(default=0)),
                ("n_values", models.PositiveIntegerField(default=0)),
                ("n_horizon_passed", models.PositiveIntegerField(default=0)),
                ("n_followed", models.PositiveIntegerField(default=0)),
                ("n_early_undos", models.PositiveIntegerField(default=0)),
                ("n_fallbacks", models.PositiveIntegerField(default=0)),
                ("n_escalated", models.PositiveIntegerField(default=0)),
                ("n_snoozed", models.PositiveIntegerField(default=0)),
            ],
            options={
                "indexes": [models.Index(fields=["feature", "day"], name="actorday_feature_day")],
                "constraints": [
                    models.UniqueConstraint(fields=("feature", "actor", "day"), name="metrics_actorday_once"),
                    models.CheckConstraint(
                        condition=models.Q(("actor", ""), _negated=True), name="metrics_actorday_has_an_actor"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "n_resolved",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            django.db.models.expressions.CombinedExpression(
                                                django.db.models.expressions.CombinedExpression(
                                                    models.F("n_accepted"), "+", models.F("n_edited")
                                                ),
                                                "+",
                                                models.F("n_auto"),
                                            ),
                                            "+",
                                            models.F("n_refused"),
                                        ),
                                        "+",
                                        models.F("n_undone"),
                                    ),
                                    "+",
                                    models.F("n_ignored"),
                                ),
                            )
                        ),
                        name="metrics_actorday_resolved_is_its_parts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("n_implied__lte", models.F("n_pairs")), ("n_resolved__lte", models.F("n_pairs"))
                        ),
                        name="metrics_actorday_parts_are_not_more_than_pairs",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("n_followed__lte", models.F("n_horizon_passed")),
                            ("worth__gte", 0),
                            ("worth__lte", models.F("n_resolved")),
                        ),
                        name="metrics_actorday_worth_is_at_most_one_a_pair",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ActorState",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.feature",
                    ),
                ),
                ("actor", models.CharField(max_length=200)),
                ("account", models.CharField(default="", max_length=200)),
                ("account_at", models.DateTimeField(null=True)),
                (
                    "roster",
                    models.CharField(
                        choices=[("", "Not said"), ("eligible", "May use it"), ("ineligible", "May not use it")],
                        default="",
                        max_length=10,
                    ),
                ),
                ("roster_at", models.DateTimeField(null=True)),
                ("eligible_at", models.DateTimeField(null=True)),
                ("is_opted_out", models.BooleanField(default=False)),
                ("opted_at", models.DateTimeField(null=True)),
                ("first_exposed_on", models.DateField(null=True)),
                ("last_exposed_on", models.DateField(null=True)),
                ("first_valued_on", models.DateField(null=True)),
                ("last_valued_on", models.DateField(null=True)),
                ("pending_until", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("pending_until__isnull", False)),
                        fields=["feature", "pending_until"],
                        name="actorstate_pending",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("feature", "actor"), name="metrics_actorstate_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("roster", ""), ("roster_at", None)),
                            models.Q(models.Q(("roster", ""), _negated=True), ("roster_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="metrics_actorstate_roster_has_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("is_opted_out", False), ("opted_at__isnull", False), _connector="OR"),
                        name="metrics_actorstate_opted_out_has_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("first_valued_on", None),
                            ("last_valued_on__gte", models.F("first_valued_on")),
                            _connector="OR",
                        ),
                        name="metrics_actorstate_values_are_in_order",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="UseWeek",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.feature",
                    ),
                ),
                ("week_on", models.DateField()),
                (
                    "source",
                    models.CharField(choices=[("reviewed", "Reviewed"), ("observed", "Observed")], max_length=8),
                ),
                ("n_used", models.PositiveIntegerField()),
                ("n_refused", models.PositiveIntegerField()),
                ("wrong_but_used", models.FloatField(null=True)),
                ("wrong_but_used_low", models.FloatField(null=True)),
                ("wrong_but_used_high", models.FloatField(null=True)),
                ("n_used_judged", models.PositiveIntegerField()),
                ("right_but_refused", models.FloatField(null=True)),
                ("right_but_refused_low", models.FloatField(null=True)),
                ("right_but_refused_high", models.FloatField(null=True)),
                ("n_refused_judged", models.PositiveIntegerField()),
                ("right_used", models.FloatField()),
                ("right_shown", models.FloatField()),
                ("wrong_used", models.FloatField()),
                ("wrong_shown", models.FloatField()),
                ("n_right", models.PositiveIntegerField()),
                ("n_wrong", models.PositiveIntegerField()),
                ("as_of", models.DateTimeField()),
            ],
            options={
                "ordering": ["week_on", "source"],
                "constraints": [
                    models.UniqueConstraint(fields=("feature", "week_on", "source"), name="metrics_useweek_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("wrong_but_used", None),
                                models.Q(
                                    ("wrong_but_used__gte", models.F("wrong_but_used_low")),
                                    ("wrong_but_used__lte", models.F("wrong_but_used_high")),
                                ),
                                _connector="OR",
                            ),
                            models.Q(
                                ("right_but_refused", None),
                                models.Q(
                                    ("right_but_refused__gte", models.F("right_but_refused_low")),
                                    ("right_but_refused__lte", models.F("right_but_refused_high")),
                                ),
                                _connector="OR",
                            ),
                        ),
                        name="metrics_useweek_intervals_hold_their_values",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageSummary",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="feedback.feature"
                    ),
                ),
                ("as_of", models.DateTimeField(null=True)),
                ("window_from", models.DateField(null=True)),
                ("window_to", models.DateField(null=True)),
                ("figures", models.JSONField(default=dict)),
                ("stale_at", models.DateTimeField(null=True)),
                ("mark", models.CharField(default="", max_length=200)),
                ("took_s", models.FloatField(default=0)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("as_of", None), ("window_to__gt", models.F("window_from")), _connector="OR"
                        ),
                        name="metrics_usagesummary_window_is_forward",
                    )
                ],
            },
        ),
    ]
