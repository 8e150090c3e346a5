"""Two workers watch one feature, or two people clear one alert, at the same moment."""

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction

from metrics.actions import alerting, answering
from metrics.models import Alert, AlertStep, QualityWatch
from tests.factories import NOON, make_membership, make_user, make_version
from tests.metrics.alert_story import DAY, bad_days, good_days, make_alert
from tests.metrics.work import work
from tests.reviews.test_claim_race import together

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_workers_who_watch_together_raise_one_alert(shared_database):
    version = make_version(deployed_at=NOON - 20 * DAY)
    good_days(version)
    bad_days(version)
    work("sum_up", now=NOON)
    looks = [alerting.prepare_alerts(feature=version.feature, now=NOON) for _ in range(2)]

    def write(look):
        with transaction.atomic():
            return look()

    assert sorted(together(write, looks)) == [(0, 0), (1, 0)]
    assert Alert.objects.count() == AlertStep.objects.count() == QualityWatch.objects.count() == 1


def test_of_two_who_clear_together_one_is_told_that_it_is_cleared(shared_database):
    alert = make_alert(make_version())
    people = [make_membership(make_user(), alert.feature, "product").user for _ in range(2)]

    def clear(person):
        try:
            words = f"{person.email} says so."
            return answering.clear(alert_id=alert.pk, words=words, user=person, now=alert.due_at).cleared_why
        except ValidationError as error:
            return error.messages

    answers = together(clear, people)
    alert.refresh_from_db()
    assert alert.cleared_why in answers
    assert ["This is cleared already. Nothing was changed."] in answers
    assert AlertStep.objects.of(alert).filter(kind="cleared").count() == 1
