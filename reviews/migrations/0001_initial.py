import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.math
import django.db.models.lookups
from django.conf import settings
from django.db import migrations, models

import reviews.models.constraints


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("feedback", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReviewItem",
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
                    "prediction",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.prediction",
                    ),
                ),
                (
                    "arm",
                    models.CharField(
                        choices=[
                            ("probability", "Drawn by chance"),
                            ("targeted", "Picked by somebody"),
                            ("gold", "Its answer is known"),
                        ],
                        default="probability",
                        max_length=12,
                    ),
                ),
                ("luck", models.FloatField()),
                ("weight", models.FloatField()),
                ("queue_key", models.FloatField()),
                (
                    "n_opinions",
                    models.PositiveSmallIntegerField(
                        default=1, help_text="How many reviewers are asked, alone each."
                    ),
                ),
                ("cohort_on", models.DateField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("in_review", "In review"),
                            ("needs_adjudication", "Needs adjudication"),
                            ("final", "Final"),
                            ("needs_lead", "Needs a lead"),
                        ],
                        default="open",
                        max_length=20,
                    ),
                ),
                (
                    "verdict",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("right", "Right"),
                            ("wrong", "Wrong"),
                            ("partly", "Partly"),
                            ("cannot_judge", "Cannot judge"),
                        ],
                        default="",
                        max_length=12,
                    ),
                ),
                ("truth", models.CharField(blank=True, default="", max_length=200)),
                ("drawn_at", models.DateTimeField()),
                ("final_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["version", "cohort_on", "queue_key"], name="reviewitem_cohort"),
                    models.Index(
                        condition=models.Q(("state", "final")),
                        fields=["feature", "final_at"],
                        name="reviewitem_final",
                    ),
                    models.Index(
                        condition=models.Q(("state", "needs_lead")),
                        fields=["feature", "drawn_at"],
                        name="reviewitem_stuck",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("prediction", "arm"), name="reviews_reviewitem_once_per_arm"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("luck__gt", 0), ("luck__lt", 1), ("queue_key__gt", 0), ("weight__gt", 0)
                        ),
                        name="reviews_reviewitem_luck_weight_and_key_are_positive",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.LessThanOrEqual(
                            django.db.models.functions.math.Abs(
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("queue_key"), "*", models.F("weight")
                                    ),
                                    "+",
                                    django.db.models.functions.math.Ln("luck"),
                                )
                            ),
                            django.db.models.expressions.CombinedExpression(
                                models.Value(1e-09),
                                "*",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("queue_key"), "*", models.F("weight")
                                    ),
                                    "+",
                                    models.Value(1.0),
                                ),
                            ),
                        ),
                        name="reviews_reviewitem_queue_key_follows_from_luck_and_weight",
                    ),
                    reviews.models.constraints.Unchanging(
                        fields=("prediction", "arm", "luck", "weight", "queue_key", "cohort_on"),
                        name="reviews_reviewitem_its_draw_never_changes",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("n_opinions__range", (1, 2))),
                        name="reviews_reviewitem_asks_one_or_two",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("final_at__isnull", False),
                                ("state", "final"),
                                models.Q(("verdict", ""), _negated=True),
                            ),
                            models.Q(
                                models.Q(("state", "final"), _negated=True),
                                ("final_at", None),
                                ("truth", ""),
                                ("verdict", ""),
                            ),
                            _connector="OR",
                        ),
                        name="reviews_reviewitem_verdict_when_final",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("arm", "gold"), _negated=True), ("state", "open"), _connector="OR"
                        ),
                        name="reviews_reviewitem_gold_is_never_settled",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="GoldReference",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "item",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="gold", to="reviews.reviewitem"
                    ),
                ),
                (
                    "verdict",
                    models.CharField(
                        choices=[
                            ("right", "Right"),
                            ("wrong", "Wrong"),
                            ("partly", "Partly"),
                            ("cannot_judge", "Cannot judge"),
                        ],
                        max_length=12,
                    ),
                ),
                ("truth", models.CharField(max_length=200)),
                (
                    "source",
                    models.CharField(
                        choices=[("adjudicated", "Adjudicated"), ("observed", "The truth arrived")], max_length=12
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("truth", ""), _negated=True), name="reviews_goldreference_has_a_truth"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Assignment",
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
                    "item",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="assignments",
                        to="reviews.reviewitem",
                    ),
                ),
                (
                    "lane",
                    models.CharField(
                        choices=[
                            ("opinion", "Drawn by chance"),
                            ("targeted", "Picked by somebody"),
                            ("gold", "Its answer is known"),
                            ("adjudication", "Two disagree"),
                            ("audit", "Two agree, looked at again"),
                        ],
                        default="opinion",
                        max_length=12,
                    ),
                ),
                ("ordinal", models.PositiveSmallIntegerField(default=1)),
                ("skill", models.CharField(blank=True, default="", max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("leased", "Leased"),
                            ("submitted", "Submitted"),
                            ("void", "Void"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                (
                    "reviewer",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("lease_token", models.CharField(blank=True, default="", max_length=32)),
                ("last_token", models.CharField(blank=True, default="", max_length=32)),
                (
                    "lease_slot",
                    models.PositiveSmallIntegerField(help_text="Which of the cases that one may hold.", null=True),
                ),
                ("leased_at", models.DateTimeField(null=True)),
                ("leased_until", models.DateTimeField(null=True)),
                ("seen_at", models.DateTimeField(null=True)),
                ("active_seconds", models.FloatField(default=0.0)),
                ("is_blind", models.BooleanField(default=False)),
                ("own_answer", models.CharField(blank=True, default="", max_length=200)),
                ("submitted_at", models.DateTimeField(null=True)),
                ("void_reason", models.CharField(blank=True, default="", max_length=200)),
                (
                    "voided_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("queue_key", models.FloatField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "open")),
                        fields=["feature", "lane", "queue_key"],
                        name="assignment_open",
                    ),
                    models.Index(
                        condition=models.Q(("state", "leased")), fields=["leased_until"], name="assignment_leased"
                    ),
                    models.Index(
                        condition=models.Q(("state", "void")), fields=["feature"], name="assignment_void"
                    ),
                    models.Index(fields=["reviewer", "submitted_at"], name="assignment_reviewer"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "void"), _negated=True),
                        fields=("item", "ordinal"),
                        name="reviews_assignment_ordinal_is_unique",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("reviewer__isnull", False), models.Q(("state", "void"), _negated=True)
                        ),
                        fields=("reviewer", "item"),
                        name="reviews_assignment_one_per_reviewer_and_item",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "leased")),
                        fields=("reviewer", "lease_slot"),
                        name="reviews_assignment_two_leases_at_most",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("lease_slot__isnull", False), ("lease_slot__range", (1, 2)), ("state", "leased")
                            ),
                            models.Q(models.Q(("state", "leased"), _negated=True), ("lease_slot", None)),
                            _connector="OR",
                        ),
                        name="reviews_assignment_slot_while_leased",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("lease_token", ""), ("leased_until", None), ("reviewer", None), ("state", "open")
                            ),
                            models.Q(
                                ("leased_until__isnull", False),
                                ("reviewer__isnull", False),
                                ("state", "leased"),
                                models.Q(("lease_token", ""), _negated=True),
                            ),
                            models.Q(
                                ("lease_token", ""), ("leased_until", None), ("state__in", ["submitted", "void"])
                            ),
                            _connector="OR",
                        ),
                        name="reviews_assignment_open_has_no_reviewer_and_no_token",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "submitted"), _negated=True),
                            ("submitted_at__isnull", False),
                            _connector="OR",
                        ),
                        name="reviews_assignment_submitted_has_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "void"), models.Q(("void_reason", ""), _negated=True)),
                            models.Q(models.Q(("state", "void"), _negated=True), ("void_reason", "")),
                            _connector="OR",
                        ),
                        name="reviews_assignment_void_has_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lane", "opinion"), ("ordinal__range", (1, 2))),
                            models.Q(("lane", "targeted"), ("ordinal", 1)),
                            models.Q(("lane__in", ["adjudication", "audit"]), ("ordinal", 3)),
                            models.Q(("lane", "gold"), ("ordinal__gte", 1)),
                            _connector="OR",
                        ),
                        name="reviews_assignment_ordinal_fits_its_lane",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("active_seconds__gte", 0)),
                        name="reviews_assignment_active_is_not_negative",
                    ),
                    reviews.models.constraints.Unchanging(
                        fields=("item", "feature", "lane", "ordinal", "queue_key"),
                        name="reviews_assignment_its_place_never_changes",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Exclusion",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="reviews.reviewitem"
                    ),
                ),
                (
                    "reviewer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("reason", models.CharField(max_length=40)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("item", "reviewer"), name="reviews_exclusion_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="BlindAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "item",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="reviews.reviewitem",
                    ),
                ),
                (
                    "reviewer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("answer", models.CharField(max_length=200)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("item", "reviewer"), name="reviews_blindanswer_once"),
                    models.CheckConstraint(
                        condition=models.Q(("answer", ""), _negated=True), name="reviews_blindanswer_is_not_empty"
                    ),
                    reviews.models.constraints.Unchanging(
                        fields=("item", "reviewer", "answer"), name="reviews_blindanswer_the_first_one_stays"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReviewerSkill",
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
                    "reviewer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("tag", models.CharField(max_length=200)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("feature", "reviewer", "tag"), name="reviews_reviewerskill_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tag", ""), _negated=True), name="reviews_reviewerskill_is_not_empty"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ClaimWalk",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "reviewer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="feedback.feature"
                    ),
                ),
                ("queue_key", models.FloatField(default=0.0)),
                ("n_rewinds", models.PositiveIntegerField(default=0)),
                ("last_lane", models.CharField(blank=True, default="", max_length=12)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("reviewer", "feature"), name="reviews_claimwalk_once"),
                    models.CheckConstraint(
                        condition=models.Q(("queue_key__gte", 0)), name="reviews_claimwalk_key_is_not_negative"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Export",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="feedback.feature"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("judgments", "Judgments"), ("predictions", "Predictions")],
                        default="judgments",
                        max_length=12,
                    ),
                ),
                ("format", models.CharField(choices=[("csv", "CSV"), ("parquet", "Parquet")], max_length=8)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("writing", "Writing"),
                            ("done", "Done"),
                            ("cancelled", "Cancelled"),
                            ("failed", "Too large"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("n_expected", models.PositiveBigIntegerField(default=0)),
                ("n_written", models.PositiveBigIntegerField(default=0)),
                ("run", models.CharField(blank=True, default="", max_length=32)),
                ("n_bytes", models.PositiveBigIntegerField(default=0)),
                ("n_forgotten", models.PositiveBigIntegerField(default=0)),
                ("created_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["created_at"], name="export_created")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["waiting", "writing"])),
                        fields=("person", "feature", "kind", "format"),
                        name="reviews_export_once_while_unfinished",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("finished_at__isnull", False),
                                ("state", "done"),
                                models.Q(("run", ""), _negated=True),
                            ),
                            models.Q(("state", "done"), _negated=True),
                            _connector="OR",
                        ),
                        name="reviews_export_done_has_a_file",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("format__in", ["csv", "parquet"]), ("kind__in", ["judgments", "predictions"])
                        ),
                        name="reviews_export_kind_and_format_are_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExportPart",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "export",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="parts",
                        to="reviews.export",
                    ),
                ),
                ("run", models.CharField(max_length=32)),
                ("ordinal", models.PositiveIntegerField()),
                ("content", models.BinaryField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("export", "run", "ordinal"), name="reviews_exportpart_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="SamplingPolicy",
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
                ("number", models.PositiveIntegerField()),
                (
                    "design",
                    models.CharField(
                        choices=[
                            ("uniform", "Every prediction alike"),
                            ("uncertainty", "Unsure predictions more often"),
                            ("balanced", "Rare labels more often"),
                            ("focused", "What precision and recall of the positive label hang on"),
                            ("all", "Every prediction"),
                        ],
                        default="uncertainty",
                        max_length=12,
                    ),
                ),
                ("reviews_per_day", models.PositiveIntegerField(default=20)),
                ("lease_seconds", models.PositiveIntegerField(default=900)),
                (
                    "watch_share",
                    models.FloatField(
                        default=0.1,
                        help_text="Share of the reviews a day that stays once all that was agreed is met; never 0.",
                    ),
                ),
                ("target_count", models.PositiveIntegerField(default=500)),
                (
                    "overlap_share",
                    models.FloatField(default=0.0, help_text="Chance that a drawn item gets a second opinion."),
                ),
                (
                    "audit_share",
                    models.FloatField(default=0.05, help_text="Chance that two who agree are looked at again."),
                ),
                (
                    "gold_share",
                    models.FloatField(
                        default=0.0, help_text="Chance that a claim gets an item whose answer is known."
                    ),
                ),
                (
                    "is_blind",
                    models.BooleanField(
                        default=False, help_text="Reviewers answer before they see the model's answer."
                    ),
                ),
                ("skill_segment", models.CharField(blank=True, default="", max_length=64)),
                ("created_at", models.DateTimeField()),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("feature", "number"), name="reviews_samplingpolicy_number_is_unique"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("lease_seconds__range", (60, 86400))),
                        name="reviews_samplingpolicy_lease_is_a_minute_to_a_day",
                        violation_error_message="A lease lasts between a minute and a day.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("target_count__gte", 1)), name="reviews_samplingpolicy_has_a_target"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("audit_share__range", (0, 1)), ("overlap_share__range", (0, 1))),
                        name="reviews_samplingpolicy_shares_are_probabilities",
                        violation_error_message="A share lies between 0 and 1.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("watch_share__gt", 0), ("watch_share__lte", 1)),
                        name="reviews_samplingpolicy_watching_never_stops",
                        violation_error_message="The share while watching lies above 0 %% and is 100 %% at most.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("gold_share__range", (0, 0.5))),
                        name="reviews_samplingpolicy_gold_is_half_at_most",
                        violation_error_message="At most half of the claims may be gold items.",
                    ),
                    reviews.models.constraints.Unchanging(
                        fields=(
                            "feature",
                            "number",
                            "design",
                            "reviews_per_day",
                            "watch_share",
                            "overlap_share",
                            "audit_share",
                        ),
                        name="reviews_samplingpolicy_versions_never_change",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Rubric",
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
                ("number", models.PositiveIntegerField()),
                ("guideline", models.TextField(blank=True, max_length=20000)),
                ("verdicts", models.JSONField(blank=True, default=list)),
                ("reasons", models.JSONField(blank=True, default=list)),
                ("questions", models.JSONField(blank=True, default=list)),
                ("created_at", models.DateTimeField()),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("feature", "number"), name="reviews_rubric_number_is_unique"),
                    reviews.models.constraints.Unchanging(
                        fields=("feature", "number", "guideline", "verdicts", "reasons", "questions"),
                        name="reviews_rubric_versions_never_change",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RubricAgreement",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "rubric",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="agreement", to="reviews.rubric"
                    ),
                ),
                ("as_of", models.DateTimeField()),
                ("n_judgments", models.PositiveBigIntegerField()),
                ("n_void", models.PositiveBigIntegerField(default=0)),
                ("n_shared", models.PositiveBigIntegerField()),
                ("raw", models.FloatField(null=True)),
                ("raw_low", models.FloatField(null=True)),
                ("raw_high", models.FloatField(null=True)),
                ("raw_reason", models.CharField(blank=True, default="", max_length=300)),
                ("alpha", models.FloatField(null=True)),
                ("alpha_low", models.FloatField(null=True)),
                ("alpha_high", models.FloatField(null=True)),
                ("alpha_reason", models.CharField(blank=True, default="", max_length=300)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("raw", None), models.Q(("raw_reason", ""), _negated=True)),
                            ("raw_low__lte", models.F("raw_high")),
                            _connector="OR",
                        ),
                        name="reviews_rubricagreement_raw_or_a_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("alpha", None), models.Q(("alpha_reason", ""), _negated=True)),
                            ("alpha_low__lte", models.F("alpha_high")),
                            _connector="OR",
                        ),
                        name="reviews_rubricagreement_alpha_or_a_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DrawDay",
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
                ("day", models.DateField()),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.RESTRICT, related_name="+", to="reviews.samplingpolicy"
                    ),
                ),
                (
                    "k_cap",
                    models.FloatField(
                        help_text="Largest queue key that is drawn; none: every prediction.", null=True
                    ),
                ),
                ("gbar", models.FloatField()),
                (
                    "rate_share",
                    models.FloatField(
                        default=1.0, help_text="Share of the reviews a day that the day was drawn with."
                    ),
                ),
                ("calibration", models.JSONField(default=list)),
                ("label_shares", models.JSONField(default=list)),
                ("positive_label", models.CharField(blank=True, max_length=200)),
                ("positive_share", models.FloatField(default=0.0)),
                ("recall", models.FloatField(default=0.5)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("version", "day"), name="reviews_drawday_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("k_cap", None), ("k_cap__gte", 0), _connector="OR"), ("gbar__gte", 0)
                        ),
                        name="reviews_drawday_rates_are_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("rate_share__gt", 0),
                            ("rate_share__lte", 1),
                            ("positive_share__range", (0, 1)),
                            ("recall__range", (0, 1)),
                        ),
                        name="reviews_drawday_shares_are_shares",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReviewRate",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
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
                ("from_on", models.DateField()),
                ("share", models.FloatField()),
                ("why", models.CharField(max_length=300)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["version", "-id"], name="reviewrate_version")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("share__gt", 0), ("share__lte", 1)),
                        name="reviews_reviewrate_never_stops",
                        violation_error_message="The share lies above 0 %% and is 100 %% at most.",
                    ),
                    reviews.models.constraints.Unchanging(
                        fields=("version", "from_on", "share", "why", "created_at"),
                        name="reviews_reviewrate_never_changes",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Judgment",
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
                    "assignment",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="judgments",
                        to="reviews.assignment",
                    ),
                ),
                ("revision", models.PositiveSmallIntegerField(default=1)),
                (
                    "reviewer",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "rubric",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="+",
                        to="reviews.rubric",
                    ),
                ),
                (
                    "verdict",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("right", "Right"),
                            ("wrong", "Wrong"),
                            ("partly", "Partly"),
                            ("cannot_judge", "Cannot judge"),
                        ],
                        default="",
                        max_length=12,
                    ),
                ),
                ("corrected", models.CharField(blank=True, default="", max_length=200)),
                ("own_answer", models.CharField(blank=True, default="", max_length=200)),
                ("reasons", models.JSONField(blank=True, default=list)),
                ("answers", models.JSONField(blank=True, default=dict)),
                ("comment", models.TextField(blank=True, default="", max_length=5000)),
                ("is_flagged", models.BooleanField(default=False)),
                (
                    "is_simulated",
                    models.BooleanField(default=False, help_text="Made by the demo, not by a person."),
                ),
                ("wall_seconds", models.FloatField(default=0.0)),
                ("active_seconds", models.FloatField(default=0.0)),
                ("idempotency_key", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["feature", "id"], name="judgment_export"),
                    models.Index(fields=["feature", "created_at"], name="judgment_pace"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("assignment", "revision"), name="reviews_judgment_revision_is_unique"
                    ),
                    models.UniqueConstraint(
                        fields=("assignment", "idempotency_key"), name="reviews_judgment_submitted_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("corrected", ""), ("verdict__in", ["wrong", "partly"]), _connector="OR"
                        ),
                        name="reviews_judgment_correction_needs_a_fault",
                        violation_error_message="A corrected answer goes with wrong or partly.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("active_seconds__gte", 0), ("active_seconds__lte", models.F("wall_seconds"))
                        ),
                        name="reviews_judgment_nobody_is_active_longer_than_it_took",
                    ),
                    reviews.models.constraints.Unchanging(
                        fields=("assignment", "revision", "verdict", "corrected", "own_answer"),
                        name="reviews_judgment_revisions_never_change",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Draft",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "assignment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="reviews.assignment"
                    ),
                ),
                (
                    "reviewer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("entered", models.JSONField(default=dict)),
                (
                    "is_lost",
                    models.BooleanField(
                        default=False, help_text="Sent, and not counted: somebody else had the case."
                    ),
                ),
                ("saved_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("is_lost", True)), fields=["reviewer", "saved_at"], name="draft_lost"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("assignment", "reviewer"), name="reviews_draft_one_per_case")
                ],
            },
        ),
        migrations.CreateModel(
            name="Reliability",
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
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.modelversion",
                    ),
                ),
                ("mark", models.CharField(max_length=100)),
                ("as_of", models.DateTimeField()),
                ("figures", models.JSONField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("version", None)),
                        fields=("feature",),
                        name="reviews_reliability_one_of_a_feature",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("version__isnull", False)),
                        fields=("version",),
                        name="reviews_reliability_one_of_a_version",
                    ),
                ],
            },
        ),
    ]
