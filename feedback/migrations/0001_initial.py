import django.core.serializers.json
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import feedback.models.features


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                ("first_name", models.CharField(blank=True, max_length=150, verbose_name="first name")),
                ("last_name", models.CharField(blank=True, max_length=150, verbose_name="last name")),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False,
                        help_text="Designates whether the user can log into this admin site.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
                        verbose_name="active",
                    ),
                ),
                (
                    "date_joined",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="date joined"),
                ),
                ("email", models.EmailField(max_length=254, verbose_name="e-mail address")),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        django.db.models.functions.text.Lower("email"),
                        name="feedback_user_email_is_unique",
                        violation_error_message="Somebody has this e-mail address already.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="OneTimeLogin",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "user",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL),
                ),
                ("sha256", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("created_at"))),
                        name="feedback_onetimelogin_expires_after_creation",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Feature",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("slug", models.SlugField(max_length=60, unique=True)),
                ("name", models.CharField(max_length=120)),
                ("description", models.TextField(blank=True, max_length=2000)),
                (
                    "stage",
                    models.CharField(
                        choices=[
                            ("idea", "Idea"),
                            ("exploring", "Exploring"),
                            ("committed", "Committed"),
                            ("shadow", "Shadow"),
                            ("pilot", "Pilot"),
                            ("general", "General"),
                            ("retired", "Retired"),
                            ("parked", "Parked"),
                            ("not_used", "Not used"),
                        ],
                        default="idea",
                        max_length=20,
                    ),
                ),
                (
                    "answer_kind",
                    models.CharField(
                        choices=[
                            ("label", "One of several labels"),
                            ("number", "A number"),
                            ("output", "Text or JSON"),
                        ],
                        default="label",
                        max_length=10,
                    ),
                ),
                (
                    "automation",
                    models.CharField(
                        choices=[("suggest", "Suggests"), ("auto_apply", "Applies by itself")],
                        default="suggest",
                        max_length=12,
                    ),
                ),
                ("tolerance", models.FloatField(blank=True, null=True)),
                (
                    "tolerance_kind",
                    models.CharField(
                        choices=[
                            ("absolute", "In the number's own unit"),
                            ("relative", "As a share of the true number"),
                        ],
                        default="absolute",
                        max_length=8,
                    ),
                ),
                (
                    "cadence",
                    models.CharField(
                        choices=[("day", "Daily"), ("week", "Weekly"), ("month", "Every four weeks")],
                        default="week",
                        max_length=6,
                    ),
                ),
                ("follow_through_hours", models.PositiveIntegerField(default=168)),
                (
                    "market_fit",
                    models.CharField(
                        choices=[("before", "Before product-market fit"), ("after", "After product-market fit")],
                        default="before",
                        max_length=6,
                    ),
                ),
                ("is_mandatory", models.BooleanField(default=False)),
                ("off_switch", models.CharField(blank=True, max_length=500)),
                ("feedback_channel", models.CharField(blank=True, max_length=500)),
                ("feedback_form_is_open", models.BooleanField(default=False)),
                ("embed_origins", models.JSONField(blank=True, default=list)),
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
                ("input_fields", models.JSONField(blank=True, default=list)),
                ("label_names", models.JSONField(blank=True, default=dict)),
                ("auto_register_versions", models.BooleanField(default=False)),
                (
                    "retention_days",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Raw predictions and events older than this are removed; none: kept.",
                        null=True,
                    ),
                ),
                ("purged_until", models.DateTimeField(editable=False, null=True)),
                ("n_forgotten", models.PositiveBigIntegerField(default=0, editable=False)),
                (
                    "sampling_salt",
                    models.CharField(default=feedback.models.features.new_salt, editable=False, max_length=64),
                ),
                (
                    "simulated_note",
                    models.CharField(
                        blank=True,
                        help_text="What in this feature's figures is simulated. Shown on its pages.",
                        max_length=300,
                    ),
                ),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["name"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("slug", ""), _negated=True), name="feedback_feature_slug_is_not_empty"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("sampling_salt", ""), _negated=True),
                        name="feedback_feature_has_a_salt",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("tolerance", None),
                            models.Q(("answer_kind", "number"), ("tolerance__gte", 0)),
                            _connector="OR",
                        ),
                        name="feedback_feature_tolerance_is_of_a_number",
                        violation_error_message="Only a feature that answers with a number has a tolerance, of 0 or more.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("retention_days", None), ("retention_days__gte", 1), _connector="OR"),
                        name="feedback_feature_keeps_a_day_at_least",
                        violation_error_message="Raw rows are kept for a day at least.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("cadence__in", ["day", "week", "month"])),
                        name="feedback_feature_cadence_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("market_fit__in", ["before", "after"])),
                        name="feedback_feature_market_fit_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("follow_through_hours__gte", 1)),
                        name="feedback_feature_follow_through_takes_an_hour_at_least",
                        violation_error_message="Give people an hour at least to complete their work.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tolerance_kind__in", ["absolute", "relative"])),
                        name="feedback_feature_tolerance_kind_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to="feedback.feature",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "role",
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
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("feature", "user", "role"), name="feedback_membership_once_per_role"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "role__in",
                                [
                                    "reviewer",
                                    "adjudicator",
                                    "product",
                                    "data_science",
                                    "engineering",
                                    "design",
                                    "operations",
                                    "customer_success",
                                    "owner",
                                ],
                            )
                        ),
                        name="feedback_membership_role_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("name", models.CharField(max_length=100)),
                ("prefix", models.CharField(max_length=12, unique=True)),
                ("sha256", models.CharField(max_length=64)),
                (
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="api_keys",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("can_ingest", models.BooleanField(default=False)),
                ("can_read", models.BooleanField(default=False)),
                ("can_manage", models.BooleanField(default=False)),
                ("is_for_all_features", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(null=True)),
                ("features", models.ManyToManyField(blank=True, related_name="api_keys", to="feedback.feature")),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("person", None),
                                models.Q(
                                    ("can_ingest", True), ("can_read", True), ("can_manage", True), _connector="OR"
                                ),
                            ),
                            models.Q(
                                ("can_ingest", False),
                                ("can_manage", False),
                                ("can_read", False),
                                ("is_for_all_features", False),
                                ("person__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="feedback_apikey_has_scopes_or_a_person",
                        violation_error_message="A key has scopes, or acts as a person: one of the two.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ModelVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="versions", to="feedback.feature"
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("is_baseline", models.BooleanField(default=False)),
                ("deployed_at", models.DateTimeField(blank=True, null=True)),
                ("is_auto_registered", models.BooleanField(default=False, editable=False)),
                ("labels", models.JSONField(blank=True, default=list)),
                ("positive_label", models.CharField(blank=True, max_length=200)),
                ("notes", models.TextField(blank=True, max_length=5000)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["feature", "deployed_at", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("feature", "name"),
                        name="feedback_modelversion_name_is_unique",
                        violation_error_message="The feature has a version of this name already.",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_baseline", True)),
                        fields=("feature",),
                        name="feedback_modelversion_one_baseline",
                        violation_error_message="The feature has a baseline already.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CallNote",
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
                ("account", models.CharField(max_length=200)),
                ("actor", models.CharField(blank=True, default="", max_length=200)),
                ("held_at", models.DateTimeField()),
                ("text", models.TextField(max_length=10000)),
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
                ("idempotency_key", models.CharField(max_length=64, unique=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("actor", ""), _negated=True), fields=["actor"], name="callnote_actor"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("text", ""), _negated=True), name="feedback_callnote_says_something"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("account", ""), _negated=True), name="feedback_callnote_has_an_account"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Decision",
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
                ("title", models.CharField(max_length=200)),
                ("context", models.TextField(blank=True, max_length=5000)),
                ("options", models.JSONField(blank=True, default=list)),
                ("chosen", models.CharField(max_length=500)),
                ("why", models.TextField(max_length=5000)),
                ("evidence", models.JSONField(blank=True, default=dict)),
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
                ("review_on", models.DateField(blank=True, null=True)),
                ("outcome", models.TextField(blank=True, max_length=5000)),
                ("outcome_at", models.DateTimeField(blank=True, null=True)),
                (
                    "outcome_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("key_name", models.CharField(blank=True, default="", max_length=100)),
                ("made_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["feature", "made_at"], name="decision_feature_made"),
                    models.Index(
                        condition=models.Q(("outcome", "")), fields=["review_on"], name="decision_review_due"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("title", ""), _negated=True), models.Q(("chosen", ""), _negated=True)
                        ),
                        name="feedback_decision_says_what_was_chosen",
                        violation_error_message="Give the decision a title, and say what was chosen.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("why", ""), _negated=True),
                        name="feedback_decision_says_why",
                        violation_error_message="Say why: at the review nobody will remember.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("outcome", ""), ("outcome_at", None)),
                            models.Q(models.Q(("outcome", ""), _negated=True), ("outcome_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="feedback_decision_outcome_has_its_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Theme",
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
                ("title", models.CharField(max_length=120)),
                (
                    "merged_into",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="+",
                        to="feedback.theme",
                    ),
                ),
                ("merged_at", models.DateTimeField(blank=True, null=True)),
                ("gives_its_title", models.BooleanField(default=False)),
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
                    models.UniqueConstraint(
                        models.F("feature"),
                        django.db.models.functions.text.Lower("title"),
                        name="feedback_theme_title_is_unique_in_its_feature",
                        violation_error_message="The feature has a theme of this title already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("title", ""), _negated=True), name="feedback_theme_has_a_title"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("merged_into", None), ("merged_into__lt", models.F("id")), _connector="OR"
                        ),
                        name="feedback_theme_is_merged_into_an_older_one",
                        violation_error_message="A theme points to an older one, so that no circle can come about.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("gives_its_title", False), ("merged_at", None), ("merged_into", None)),
                            models.Q(("merged_at__isnull", False), ("merged_into__isnull", False)),
                            _connector="OR",
                        ),
                        name="feedback_theme_merging_has_a_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="FeedbackItem",
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
                ("external_id", models.CharField(max_length=200)),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("thumb", "Thumb"),
                            ("widget", "Widget"),
                            ("survey", "Survey"),
                            ("call_note", "Call note"),
                            ("ticket", "Ticket"),
                            ("sales", "Sales"),
                            ("complaint", "Complaint"),
                        ],
                        max_length=12,
                    ),
                ),
                ("rating", models.FloatField(null=True)),
                ("text", models.TextField(default="", max_length=10000)),
                (
                    "severity",
                    models.CharField(
                        choices=[("low", "Low"), ("medium", "Medium"), ("high", "High"), ("critical", "Critical")],
                        default="",
                        max_length=8,
                    ),
                ),
                ("actor", models.CharField(default="", max_length=200)),
                ("account", models.CharField(default="", max_length=200)),
                ("prediction_external_id", models.CharField(default="", max_length=200)),
                ("occurred_at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                ("fingerprint", models.BigIntegerField()),
                (
                    "note",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.callnote",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("new", "New"),
                            ("triaged", "Triaged"),
                            ("planned", "Planned"),
                            ("answered", "Answered"),
                            ("closed", "Closed"),
                        ],
                        default="new",
                        max_length=8,
                    ),
                ),
                (
                    "theme",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="feedback.theme",
                    ),
                ),
                ("triage_due_at", models.DateTimeField(null=True)),
                ("close_due_at", models.DateTimeField(null=True)),
                ("triaged_at", models.DateTimeField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                ("outcome", models.TextField(default="", max_length=1000)),
                (
                    "quarantine_reason",
                    models.CharField(
                        choices=[
                            ("trap", "Filled in a field that people do not see"),
                            ("too_fast", "Sent within 2 seconds of opening the form"),
                            ("no_token", "Sent without opening the form"),
                            ("links", "Holds many links"),
                        ],
                        default="",
                        max_length=8,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["received_at"], name="feedbackitem_received"),
                    models.Index(fields=["feature", "occurred_at"], name="feedbackitem_feature_occurred"),
                    models.Index(
                        condition=models.Q(("actor", ""), _negated=True),
                        fields=["actor"],
                        name="feedbackitem_actor",
                    ),
                    models.Index(
                        condition=models.Q(("triage_due_at__isnull", False)),
                        fields=["feature", "close_due_at"],
                        name="feedbackitem_close_due",
                    ),
                    models.Index(
                        condition=models.Q(("triage_due_at__isnull", False)),
                        fields=["feature", "triage_due_at"],
                        name="feedbackitem_triage_due",
                    ),
                    models.Index(
                        condition=models.Q(("quarantine_reason", ""), _negated=True),
                        fields=["feature", "received_at"],
                        name="feedbackitem_quarantine",
                    ),
                    models.Index(
                        condition=models.Q(("channel", "thumb")),
                        fields=["feature", "prediction_external_id", "actor", "occurred_at"],
                        name="feedbackitem_thumb",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("feature", "external_id"), name="feedback_feedbackitem_id_is_unique_in_its_feature"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "channel__in",
                                ["thumb", "widget", "survey", "call_note", "ticket", "sales", "complaint"],
                            )
                        ),
                        name="feedback_feedbackitem_channel_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("severity__in", ["", "low", "medium", "high", "critical"])),
                        name="feedback_feedbackitem_severity_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("channel", "thumb"), ("rating__in", [-1, 1]), ("rating__isnull", False)),
                            models.Q(
                                models.Q(("channel", "thumb"), _negated=True),
                                models.Q(("rating", None), ("rating__range", (0, 10)), _connector="OR"),
                            ),
                            _connector="OR",
                        ),
                        name="feedback_feedbackitem_rating_fits_its_channel",
                        violation_error_message="A thumb is -1 or 1, any other rating 0 to 10.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("rating__isnull", False), models.Q(("text", ""), _negated=True), _connector="OR"
                        ),
                        name="feedback_feedbackitem_says_something",
                        violation_error_message="Feedback has a rating, a text, or both.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["new", "triaged", "planned", "answered", "closed"])),
                        name="feedback_feedbackitem_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "new"), ("triaged_at", None)),
                            models.Q(models.Q(("state", "new"), _negated=True), ("triaged_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="feedback_feedbackitem_triaged_once_it_is_not_new",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("closed_at__isnull", False),
                                ("state", "closed"),
                                models.Q(("outcome", ""), _negated=True),
                            ),
                            models.Q(
                                models.Q(("state", "closed"), _negated=True), ("closed_at", None), ("outcome", "")
                            ),
                            _connector="OR",
                        ),
                        name="feedback_feedbackitem_closed_with_an_outcome",
                        violation_error_message="Feedback is closed with an outcome: say how it ended.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("close_due_at", None), ("triage_due_at", None)),
                            models.Q(
                                ("close_due_at__gte", models.F("triage_due_at")),
                                ("close_due_at__isnull", False),
                                ("triage_due_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="feedback_feedbackitem_both_fall_due_or_none",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("quarantine_reason", ""),
                            models.Q(
                                ("quarantine_reason__in", ["trap", "too_fast", "no_token", "links"]),
                                ("state", "new"),
                                ("triage_due_at", None),
                            ),
                            _connector="OR",
                        ),
                        name="feedback_feedbackitem_nothing_is_due_in_quarantine",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Comment",
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
                ("prediction_external_id", models.CharField(blank=True, default="", max_length=200)),
                (
                    "item",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.feedbackitem",
                    ),
                ),
                (
                    "decision",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.decision",
                    ),
                ),
                ("text", models.TextField(blank=True, max_length=5000)),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("made_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["made_at", "pk"],
                "indexes": [models.Index(fields=["feature", "made_at"], name="comment_feature_made")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("item", None), ("prediction_external_id", "")),
                            models.Q(("decision", None), ("prediction_external_id", "")),
                            models.Q(("decision", None), ("item", None)),
                            _connector="OR",
                        ),
                        name="feedback_comment_has_one_target",
                        violation_error_message="A comment is about one thing: the feature, or one thing of it.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("removed_at", None), models.Q(("text", ""), _negated=True)),
                            models.Q(("removed_at__isnull", False), ("text", "")),
                            _connector="OR",
                        ),
                        name="feedback_comment_says_something_until_removed",
                        violation_error_message="Write something first.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CommentRevision",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "comment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="revisions",
                        to="feedback.comment",
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("text", models.TextField(max_length=5000)),
                ("replaced_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["number"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("comment", "number"), name="feedback_commentrevision_number_is_unique"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Erasure",
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
                ("mark", models.CharField(max_length=32)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("mark", ""), _negated=True), name="feedback_erasure_has_a_mark"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageEvent",
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
                ("external_id", models.CharField(max_length=200)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("eligible", "Eligible"),
                            ("ineligible", "Not eligible"),
                            ("exposed", "Seen"),
                            ("opened", "Opened"),
                            ("accepted", "Accepted"),
                            ("edited", "Edited"),
                            ("overridden", "Overridden"),
                            ("dismissed", "Dismissed"),
                            ("auto_applied", "Applied by itself"),
                            ("undone", "Undone"),
                            ("completed", "Completed"),
                            ("reverted", "Reverted"),
                            ("opted_out", "Opted out"),
                            ("opted_in", "Opted in"),
                            ("fallback_shown", "Fallback shown"),
                            ("escalated", "Escalated"),
                            ("snoozed", "Snoozed"),
                        ],
                        max_length=20,
                    ),
                ),
                ("prediction_external_id", models.CharField(default="", max_length=200)),
                ("set_external_id", models.CharField(default="", max_length=200)),
                ("rank", models.PositiveIntegerField(null=True)),
                ("actor", models.CharField(max_length=200)),
                ("account", models.CharField(default="", max_length=200)),
                ("occurred_at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                ("surface", models.CharField(default="", max_length=100)),
                ("is_internal", models.BooleanField(default=False)),
                ("props", models.JSONField(null=True)),
                ("fingerprint", models.BigIntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["received_at"], name="usageevent_received"),
                    models.Index(fields=["feature", "occurred_at"], name="usageevent_feature_occurred"),
                    models.Index(fields=["actor"], name="usageevent_actor"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("feature", "external_id"), name="feedback_usageevent_id_is_unique_in_its_feature"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "eligible",
                                    "ineligible",
                                    "exposed",
                                    "opened",
                                    "accepted",
                                    "edited",
                                    "overridden",
                                    "dismissed",
                                    "auto_applied",
                                    "undone",
                                    "completed",
                                    "reverted",
                                    "opted_out",
                                    "opted_in",
                                    "fallback_shown",
                                    "escalated",
                                    "snoozed",
                                ],
                            )
                        ),
                        name="feedback_usageevent_kind_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("rank", None), ("set_external_id", "")),
                            models.Q(
                                models.Q(("set_external_id", ""), _negated=True),
                                ("rank__gte", 1),
                                ("rank__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="feedback_usageevent_rank_goes_with_a_set",
                        violation_error_message="set and rank go together; rank counts from 1.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("prediction_external_id", ""), ("set_external_id", ""), _connector="OR"
                        ),
                        name="feedback_usageevent_names_a_prediction_or_a_set",
                        violation_error_message="An event names a prediction, or a set and a rank: not both.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                (
                                    "kind__in",
                                    (
                                        "exposed",
                                        "opened",
                                        "accepted",
                                        "edited",
                                        "overridden",
                                        "dismissed",
                                        "auto_applied",
                                        "undone",
                                        "completed",
                                        "reverted",
                                    ),
                                ),
                                _negated=True,
                            ),
                            models.Q(("prediction_external_id", ""), _negated=True),
                            models.Q(("set_external_id", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="feedback_usageevent_names_the_answer_it_is_about",
                        violation_error_message="An event of this kind names a prediction, or a set and a rank.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("actor", ""), _negated=True), name="feedback_usageevent_has_an_actor"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="FeedbackStep",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="feedback.feedbackitem"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("state", "State"),
                            ("severity", "Severity"),
                            ("theme", "Theme"),
                            ("released", "Let out of quarantine"),
                            ("sent_to_review", "Sent to review"),
                        ],
                        max_length=14,
                    ),
                ),
                ("before", models.CharField(blank=True, default="", max_length=200)),
                ("after", models.CharField(blank=True, default="", max_length=200)),
                ("words", models.TextField(blank=True, default="", max_length=5000)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind__in", ["state", "severity", "theme", "released", "sent_to_review"])
                        ),
                        name="feedback_feedbackstep_kind_is_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Job",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("kind", models.CharField(max_length=40)),
                ("key", models.CharField(default="", max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[("ready", "Ready"), ("leased", "Leased"), ("done", "Done"), ("dead", "Given up")],
                        default="ready",
                        max_length=8,
                    ),
                ),
                ("run_after", models.DateTimeField()),
                ("created_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("token", models.CharField(default="", max_length=32)),
                ("lease_until", models.DateTimeField(null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("error", models.TextField(default="")),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("state", "ready")), fields=["run_after"], name="job_ready"),
                    models.Index(
                        condition=models.Q(("state", "leased")), fields=["lease_until"], name="job_leased"
                    ),
                    models.Index(condition=models.Q(("state", "done")), fields=["finished_at"], name="job_done"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["ready", "leased"])),
                        fields=("kind", "key"),
                        name="feedback_job_once_while_unfinished",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("lease_until__isnull", False),
                                ("state", "leased"),
                                models.Q(("token", ""), _negated=True),
                            ),
                            models.Q(
                                models.Q(("state", "leased"), _negated=True), ("lease_until", None), ("token", "")
                            ),
                            _connector="OR",
                        ),
                        name="feedback_job_lease_goes_with_a_token",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Schedule",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("name", models.CharField(max_length=40, unique=True)),
                ("last_slot", models.BigIntegerField(default=-1)),
            ],
        ),
        migrations.CreateModel(
            name="Look",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("name", models.CharField(max_length=40, unique=True)),
                ("looked_until", models.DateTimeField()),
                ("newest_pk", models.BigIntegerField(default=0)),
                ("n_overlap", models.PositiveBigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="Exploration",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "feature",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.feature",
                    ),
                ),
                ("question", models.CharField(max_length=300)),
                ("decides", models.CharField(max_length=1000)),
                ("baseline", models.CharField(max_length=500)),
                ("from_on", models.DateField()),
                ("until_on", models.DateField()),
                (
                    "owner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "result",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("feasible", "Feasible"),
                            ("infeasible", "Not feasible"),
                            ("inconclusive", "Inconclusive"),
                        ],
                        max_length=12,
                    ),
                ),
                ("answer", models.TextField(blank=True, max_length=5000)),
                (
                    "effort_days",
                    models.FloatField(blank=True, help_text="Person-days that went into it.", null=True),
                ),
                ("result_at", models.DateTimeField(blank=True, null=True)),
                (
                    "became",
                    models.CharField(
                        blank=True, choices=[("used", "Used"), ("not_used", "Not used")], max_length=8
                    ),
                ),
                ("became_why", models.TextField(blank=True, max_length=2000)),
                (
                    "made_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("made_at", models.DateTimeField()),
                (
                    "decisions",
                    models.ManyToManyField(blank=True, related_name="explorations", to="feedback.decision"),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("result", "")), fields=["until_on"], name="exploration_running"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("question", ""), _negated=True),
                            models.Q(("decides", ""), _negated=True),
                            models.Q(("baseline", ""), _negated=True),
                        ),
                        name="feedback_exploration_says_what_it_is_for",
                        violation_error_message="Say the question, who would decide what on the answer, and what to beat.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("until_on__gte", models.F("from_on"))),
                        name="feedback_exploration_time_box_is_forward",
                        violation_error_message="The time box ends before it begins.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("answer", ""), ("result", ""), ("result_at", None)),
                            models.Q(
                                ("result__in", ["feasible", "infeasible", "inconclusive"]),
                                ("result_at__isnull", False),
                                models.Q(("answer", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="feedback_exploration_result_has_its_answer",
                        violation_error_message="A result says in words what was found.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("effort_days", None), ("effort_days__gte", 0), _connector="OR"),
                        name="feedback_exploration_effort_is_not_negative",
                        violation_error_message="Effort is 0 person-days or more.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("became", ""), ("became_why", "")),
                            models.Q(
                                ("became__in", ["used", "not_used"]),
                                models.Q(("became_why", ""), _negated=True),
                                models.Q(("result", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="feedback_exploration_use_has_its_why",
                        violation_error_message="After its result, say whether it was used or not, and why.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExplorationNeed",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "exploration",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="needs",
                        to="feedback.exploration",
                    ),
                ),
                ("what", models.CharField(max_length=300)),
                (
                    "owner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("due_on", models.DateField()),
                ("done_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["due_on", "pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("what", ""), _negated=True),
                        name="feedback_explorationneed_says_what",
                        violation_error_message="Say which data must be collected.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Prediction",
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
                ("external_id", models.CharField(max_length=200)),
                ("occurred_at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                ("label", models.CharField(max_length=200, null=True)),
                ("value", models.FloatField(null=True)),
                ("output", models.JSONField(encoder=django.core.serializers.json.DjangoJSONEncoder, null=True)),
                ("score", models.FloatField(null=True)),
                ("probabilities", models.JSONField(null=True)),
                ("inputs", models.JSONField(null=True)),
                ("segments", models.JSONField(null=True)),
                ("actor", models.CharField(default="", max_length=200)),
                ("account", models.CharField(default="", max_length=200)),
                ("latency_ms", models.FloatField(null=True)),
                ("cpu_ms", models.FloatField(null=True)),
                ("rss_mb", models.FloatField(null=True)),
                ("trace", models.JSONField(null=True)),
                ("fingerprint", models.BigIntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["received_at"], name="prediction_received"),
                    models.Index(fields=["version", "occurred_at"], name="prediction_version_occurred"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("feature", "external_id"), name="feedback_prediction_id_is_unique_in_its_feature"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("score", None), ("score__range", (0, 1)), _connector="OR"),
                        name="feedback_prediction_score_is_probability",
                        violation_error_message="score must lie between 0 and 1.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("label__isnull", False), ("output", None), ("value", None)),
                            models.Q(("label", None), ("output", None), ("value__isnull", False)),
                            models.Q(("label", None), ("output__isnull", False), ("value", None)),
                            _connector="OR",
                        ),
                        name="feedback_prediction_has_one_answer",
                        violation_error_message="A prediction has one answer: label, value or output.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("latency_ms", None), ("latency_ms__gte", 0), _connector="OR"),
                            models.Q(("cpu_ms", None), ("cpu_ms__gte", 0), _connector="OR"),
                            models.Q(("rss_mb", None), ("rss_mb__gte", 0), _connector="OR"),
                        ),
                        name="feedback_prediction_costs_are_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Outcome",
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
                ("external_id", models.CharField(max_length=200)),
                ("truth_label", models.CharField(max_length=200, null=True)),
                ("truth_value", models.FloatField(null=True)),
                ("observed_at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                ("fingerprint", models.BigIntegerField()),
            ],
            options={
                "indexes": [models.Index(fields=["received_at"], name="outcome_received")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("feature", "external_id", "fingerprint"), name="feedback_outcome_is_stored_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("truth_label__isnull", False), ("truth_value", None)),
                            models.Q(("truth_label", None), ("truth_value__isnull", False)),
                            _connector="OR",
                        ),
                        name="feedback_outcome_has_one_truth",
                        violation_error_message="truth is a label or a number.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RefusalHour",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("hour", models.DateTimeField()),
                (
                    "key",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="feedback.apikey",
                    ),
                ),
                ("feature_slug", models.CharField(default="", max_length=60)),
                (
                    "endpoint",
                    models.CharField(
                        choices=[
                            ("predictions", "Predictions"),
                            ("outcomes", "Outcomes"),
                            ("events", "Events"),
                            ("feedback", "Feedback"),
                        ],
                        max_length=12,
                    ),
                ),
                ("code", models.CharField(max_length=20)),
                ("field", models.CharField(default="", max_length=40)),
                ("n", models.PositiveBigIntegerField()),
                ("last_at", models.DateTimeField()),
                ("examples", models.JSONField(default=list)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("hour", "key", "feature_slug", "endpoint", "code", "field"),
                        name="feedback_refusalhour_one_count_each",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("n__gt", 0)), name="feedback_refusalhour_counts_something"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StageChange",
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
                    "from_stage",
                    models.CharField(
                        choices=[
                            ("idea", "Idea"),
                            ("exploring", "Exploring"),
                            ("committed", "Committed"),
                            ("shadow", "Shadow"),
                            ("pilot", "Pilot"),
                            ("general", "General"),
                            ("retired", "Retired"),
                            ("parked", "Parked"),
                            ("not_used", "Not used"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "to_stage",
                    models.CharField(
                        choices=[
                            ("idea", "Idea"),
                            ("exploring", "Exploring"),
                            ("committed", "Committed"),
                            ("shadow", "Shadow"),
                            ("pilot", "Pilot"),
                            ("general", "General"),
                            ("retired", "Retired"),
                            ("parked", "Parked"),
                            ("not_used", "Not used"),
                        ],
                        max_length=20,
                    ),
                ),
                ("reason", models.TextField(blank=True, max_length=2000)),
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
                ("checks", models.JSONField(blank=True, default=list)),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("key_name", models.CharField(blank=True, default="", max_length=100)),
                ("at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["feature", "at"], name="stagechange_feature_at")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "from_stage__in",
                                [
                                    "idea",
                                    "exploring",
                                    "committed",
                                    "shadow",
                                    "pilot",
                                    "general",
                                    "retired",
                                    "parked",
                                    "not_used",
                                ],
                            ),
                            (
                                "to_stage__in",
                                [
                                    "idea",
                                    "exploring",
                                    "committed",
                                    "shadow",
                                    "pilot",
                                    "general",
                                    "retired",
                                    "parked",
                                    "not_used",
                                ],
                            ),
                        ),
                        name="feedback_stagechange_stages_are_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("from_stage", models.F("to_stage")), _negated=True),
                        name="feedback_stagechange_goes_somewhere",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("to_stage__in", ["parked", "not_used"]), _negated=True),
                            models.Q(("reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="feedback_stagechange_side_exit_has_a_reason",
                        violation_error_message="Say why it is parked or not used.",
                    ),
                ],
            },
        ),
    ]
