"""Two clicks at the same moment on what a lead may ask for."""

import pytest

from feedback.models import Feature, Job, User
from reviews.actions.export_files import prepare_export
from reviews.actions.exporting import ask_export, cancel_export
from reviews.actions.leading import unblock
from reviews.actions.leases import skip
from reviews.models import Exclusion, Export, ReviewItem
from tests.factories import NOON, make_feature, make_membership
from tests.reviews.steps import claim, queue, reviewers
from tests.reviews.test_claim_race import together

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_file_asked_for_twice_at_once_is_one_file_and_one_job(shared_database):
    feature = make_feature()
    lead = make_membership(feature=feature, role="owner").user

    def ask(pk):
        mine, person = Feature.objects.get(pk=pk), User.objects.get(pk=lead.pk)
        return ask_export(feature=mine, person=person, format="csv", now=NOON).pk

    assert len(set(together(ask, [feature.pk] * 4))) == 1
    assert (Export.objects.count(), Job.objects.filter(kind="export").count()) == (1, 1)


def test_a_file_finished_and_stopped_at_once_is_one_of_the_two_with_its_bytes(shared_database):
    feature = make_feature()
    lead = make_membership(feature=feature, role="owner").user
    export = ask_export(feature=feature, person=lead, format="csv", now=NOON)
    finish = prepare_export(export_id=export.pk, now=NOON)
    together(lambda act: act(), [finish, lambda: cancel_export(export_id=export.pk, now=NOON)])
    export.refresh_from_db()
    assert export.state in {"done", "cancelled"}
    assert bool(export.run) is (export.state == "done")


def test_a_stuck_case_let_go_twice_at_once_is_in_the_queue_once(shared_database):
    feature = make_feature()
    queue(feature, 1)
    [ann] = reviewers(feature, 1)
    case = claim(feature, ann)
    skip(assignment_id=case.pk, token=case.lease_token, reviewer=ann, reason="broken", now=NOON)
    assert sorted(together(lambda pk: unblock(item_id=pk), [case.item_id] * 2)) == [0, 1]
    assert (ReviewItem.objects.get().state, Exclusion.objects.count()) == ("open", 0)
    assert claim(feature, ann) == case
