from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q

from feedback.models import Feature
from reviews.models.constraints import Unchanging
from reviews.models.items import ReviewItem

if TYPE_CHECKING:
    from feedback.models import User


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def held_by(self, reviewer: User) -> Self:
        return self.filter(state=Assignment.State.LEASED, reviewer=reviewer)

    def live(self, now: datetime) -> Self:
        return self.filter(state=Assignment.State.LEASED, leased_until__gt=now)

    def expired(self, now: datetime) -> Self:
        return self.filter(state=Assignment.State.LEASED, leased_until__lte=now)

    def free(self, now: datetime) -> Self:
        """Open, or leased to somebody whose lease has run out."""
        is_expired = Q(state=Assignment.State.LEASED, leased_until__lte=now)
        return self.filter(Q(state=Assignment.State.OPEN) | is_expired)

    def to_judge(self) -> Self:
        """What reviewers judge: drawn or picked. Gold is served among it, and counted nowhere."""
        return self.filter(lane__in=[Assignment.Lane.OPINION, Assignment.Lane.TARGETED])

    def to_decide(self) -> Self:
        """What adjudicators decide: two who disagree, and a few of those who agree."""
        return self.filter(lane__in=[Assignment.Lane.ADJUDICATION, Assignment.Lane.AUDIT])

    def known_to(self, reviewer: User) -> Self:
        """Of what this reviewer knows enough for."""
        skills = ReviewerSkill.objects.filter(
            reviewer=reviewer, feature=OuterRef("feature"), tag=OuterRef("skill")
        )
        return self.filter(Q(skill="") | Exists(skills))

    def allowed_to(self, reviewer: User) -> Self:
        """Of items that they have no other part in, are not excluded from, and know enough for.

        Their own and the excluded are read once, not looked up for each row: 5,000 of them at the head of a queue
        must not slow the claim, nor an hour in which PostgreSQL has not counted its rows yet.
        """
        taken = [Assignment.State.LEASED, Assignment.State.SUBMITTED]
        mine = Assignment.objects.filter(reviewer=reviewer, state__in=taken).values("item")
        excluded = Exclusion.objects.filter(reviewer=reviewer).values("item")
        unasked = self.known_to(reviewer).exclude(item__in=excluded)
        return unasked.exclude(Q(item__in=mine) & ~Q(reviewer=reviewer))

    def allowed_one_by_one(self, reviewer: User) -> Self:
        """As allowed_to, looked up for each row: of few rows, however much the reviewer has behind them."""
        taken = [Assignment.State.LEASED, Assignment.State.SUBMITTED]
        mine = Assignment.objects.filter(item=OuterRef("item"), reviewer=reviewer, state__in=taken)
        excluded = Exclusion.objects.filter(item=OuterRef("item"), reviewer=reviewer)
        return self.known_to(reviewer).exclude(Exists(excluded)).exclude(Exists(mine.exclude(pk=OuterRef("pk"))))

    def of_unseen_predictions(self, reviewer: User) -> Self:
        """Of predictions that they have judged nowhere: they would know a gold item again."""
        seen = Assignment.objects.filter(reviewer=reviewer, item__prediction=OuterRef("item__prediction"))
        return self.exclude(Exists(seen.exclude(pk=OuterRef("pk"))))

    def claimable_by(self, reviewer: User, now: datetime) -> Self:
        return self.free(now).allowed_to(reviewer)

    def submitted_by(self, reviewer: User) -> Self:
        return self.filter(state=Assignment.State.SUBMITTED, reviewer=reviewer)


class Assignment(models.Model):
    """The unit of work: one opinion on one item. Two opinions are two assignments; a third cannot happen.

    An adjudication and an audit are assignments too, the third of their item: so their reviewer cannot be one
    of its raters.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        LEASED = "leased", "Leased"
        SUBMITTED = "submitted", "Submitted"
        VOID = "void", "Void"

    class Lane(models.TextChoices):
        OPINION = "opinion", "Drawn by chance"
        TARGETED = "targeted", "Picked by somebody"
        GOLD = "gold", "Its answer is known"
        ADJUDICATION = "adjudication", "Two disagree"
        AUDIT = "audit", "Two agree, looked at again"

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    item = models.ForeignKey(ReviewItem, models.CASCADE, related_name="assignments", db_index=False)
    lane = models.CharField(max_length=12, choices=Lane.choices, default=Lane.OPINION)
    ordinal = models.PositiveSmallIntegerField(default=1)
    # What its reviewer must know (SamplingPolicy.skill_segment); empty: nothing.
    skill = models.CharField(max_length=200, default="", blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    lease_token = models.CharField(max_length=32, default="", blank=True)
    # The token of the latest lease, kept when that ends: a late answer shows it.
    last_token = models.CharField(max_length=32, default="", blank=True)
    lease_slot = models.PositiveSmallIntegerField(null=True, help_text="Which of the cases that one may hold.")
    leased_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    # The last beat, and how long its reviewer was there so far.
    seen_at = models.DateTimeField(null=True)
    active_seconds = models.FloatField(default=0.0)
    # Blind mode, fixed at the claim; the reviewer's own answer comes before the model's is shown.
    is_blind = models.BooleanField(default=False)
    own_answer = models.CharField(max_length=200, default="", blank=True)
    submitted_at = models.DateTimeField(null=True)
    void_reason = models.CharField(max_length=200, default="", blank=True)
    voided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    queue_key = models.FloatField()

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["item", "ordinal"],
                condition=~Q(state="void"),
                name="reviews_assignment_ordinal_is_unique",
            ),
            # Leased or submitted, said so that no search for leases that ran out takes this index for its own.
            models.UniqueConstraint(
                fields=["reviewer", "item"],
                condition=Q(reviewer__isnull=False) & ~Q(state="void"),
                name="reviews_assignment_one_per_reviewer_and_item",
            ),
            # At most two cases a person; also finds what somebody holds.
            models.UniqueConstraint(
                fields=["reviewer", "lease_slot"],
                condition=Q(state="leased"),
                name="reviews_assignment_two_leases_at_most",
            ),
            models.CheckConstraint(
                condition=Q(state="leased", lease_slot__isnull=False, lease_slot__range=(1, 2))
                | ~Q(state="leased") & Q(lease_slot=None),
                name="reviews_assignment_slot_while_leased",
            ),
            models.CheckConstraint(
                condition=Q(state="open", reviewer=None, lease_token="", leased_until=None)
                | Q(state="leased", reviewer__isnull=False, leased_until__isnull=False) & ~Q(lease_token="")
                | Q(state__in=["submitted", "void"], lease_token="", leased_until=None),
                name="reviews_assignment_open_has_no_reviewer_and_no_token",
            ),
            models.CheckConstraint(
                condition=~Q(state="submitted") | Q(submitted_at__isnull=False),
                name="reviews_assignment_submitted_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(state="void") & ~Q(void_reason="") | ~Q(state="void") & Q(void_reason=""),
                name="reviews_assignment_void_has_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(lane="opinion", ordinal__range=(1, 2))
                | Q(lane="targeted", ordinal=1)
                | Q(lane__in=["adjudication", "audit"], ordinal=3)
                | Q(lane="gold", ordinal__gte=1),
                name="reviews_assignment_ordinal_fits_its_lane",
            ),
            models.CheckConstraint(
                condition=Q(active_seconds__gte=0), name="reviews_assignment_active_is_not_negative"
            ),
            Unchanging(
                fields=["item", "feature", "lane", "ordinal", "queue_key"],
                name="reviews_assignment_its_place_never_changes",
            ),
        ]
        indexes = [
            # The claim: a lane of a feature's queue, from where its reviewer last was.
            models.Index(
                fields=["feature", "lane", "queue_key"], condition=Q(state="open"), name="assignment_open"
            ),
            # Leases that have run out.
            models.Index(fields=["leased_until"], condition=Q(state="leased"), name="assignment_leased"),
            # Whether something was voided since a feature's reviewers were last looked at.
            models.Index(fields=["feature"], condition=Q(state="void"), name="assignment_void"),
            # A reviewer's own day.
            models.Index(fields=["reviewer", "submitted_at"], name="assignment_reviewer"),
        ]

    def __str__(self) -> str:
        return f"assignment {self.pk}"


class Exclusion(models.Model):
    """This reviewer does not get this item (again), and why."""

    item = models.ForeignKey(ReviewItem, models.CASCADE, related_name="+")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    reason = models.CharField(max_length=40)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "reviewer"], name="reviews_exclusion_once"),
        ]

    def __str__(self) -> str:
        return f"{self.reviewer}: {self.reason}"


class BlindAnswer(models.Model):
    """What this reviewer answered before they saw the model's answer to an item.

    It outlives the lease: who gives the case back, or takes it back, cannot answer it blind again.
    """

    item = models.ForeignKey(ReviewItem, models.CASCADE, related_name="+", db_index=False)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    answer = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "reviewer"], name="reviews_blindanswer_once"),
            models.CheckConstraint(condition=~Q(answer=""), name="reviews_blindanswer_is_not_empty"),
            Unchanging(
                fields=["item", "reviewer", "answer"],
                name="reviews_blindanswer_the_first_one_stays",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reviewer}: {self.answer}"


class ReviewerSkill(models.Model):
    """What a reviewer of a feature knows: a value of the segment that its policy names."""

    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+", db_index=False)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    tag = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["feature", "reviewer", "tag"], name="reviews_reviewerskill_once"),
            models.CheckConstraint(condition=~Q(tag=""), name="reviews_reviewerskill_is_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.reviewer}: {self.tag}"


class ClaimWalk(models.Model):
    """How far a reviewer has come in a feature's queue: nothing open before this key is for them.

    Whatever opens something again sets the key back, and counts it in n_rewinds, by which a claim that read the
    walk before knows not to move it on.
    """

    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    feature = models.ForeignKey(Feature, models.CASCADE, related_name="+")
    queue_key = models.FloatField(default=0.0)
    n_rewinds = models.PositiveIntegerField(default=0)
    last_lane = models.CharField(max_length=12, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reviewer", "feature"], name="reviews_claimwalk_once"),
            models.CheckConstraint(condition=Q(queue_key__gte=0), name="reviews_claimwalk_key_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.reviewer} at {self.queue_key}"
