"""People, keys, and the commands that make them."""

import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from feedback.actions.people import create_key, create_person, find_key, join, new_login_link, use_login_link
from feedback.models import ApiKey, Membership, OneTimeLogin, User
from tests.factories import NOON, make_feature, make_key, make_user

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


def test_a_person_is_made_once_and_has_no_password():
    person = create_person(email="Ann@Example.org", now=NOON)
    assert create_person(email="ann@example.ORG ", now=LATER) == person
    assert not person.has_usable_password()
    assert not person.is_staff


def test_a_person_who_is_there_can_be_raised_to_staff():
    create_person(email="ann@example.org", now=NOON)
    assert create_person(email="ann@example.org", is_staff=True, now=NOON).is_staff
    assert create_person(email="ann@example.org", now=NOON).is_staff


def test_joining_twice_is_one_membership():
    person, feature = make_user(), make_feature()
    first = join(user=person, feature=feature, role="reviewer")
    assert join(user=person, feature=feature, role="reviewer") == first
    join(user=person, feature=feature, role="owner")
    assert Membership.objects.of(person).count() == 2


def test_an_unknown_role_is_refused():
    with pytest.raises(ValueError, match="boss"):
        join(user=make_user(), feature=make_feature(), role="boss")


def test_only_the_hash_of_a_link_and_of_a_key_is_kept():
    path = new_login_link(user=make_user(), now=NOON)
    token = path.removeprefix("/login/once/").removesuffix("/")
    key, presented = make_key()
    for row in [OneTimeLogin.objects.values().get(), ApiKey.objects.values().get()]:
        assert token not in str(row)
        assert presented not in str(row)
        assert presented.split("_", 2)[2] not in str(row)
    assert presented.startswith(f"ts_{key.prefix}_")


def test_a_link_works_once():
    path = new_login_link(user=(person := make_user()), now=NOON)
    token = path.split("/")[-2]
    assert use_login_link(token=token, now=LATER) == person
    assert use_login_link(token=token, now=LATER) is None


def test_a_link_expires_and_is_not_for_people_who_left():
    token = new_login_link(user=make_user(), now=NOON).split("/")[-2]
    assert use_login_link(token=token, now=NOON + timedelta(hours=24)) is None
    gone = make_user(is_active=False)
    assert use_login_link(token=new_login_link(user=gone, now=NOON).split("/")[-2], now=LATER) is None


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="threads share no SQLite database in memory")
@pytest.mark.django_db(transaction=True)
def test_of_eight_who_use_a_link_together_one_gets_in():
    person = make_user()
    for _ in range(5):
        token = new_login_link(user=person, now=NOON).split("/")[-2]
        start, won = threading.Barrier(8), []

        def use(token=token, start=start, won=won):
            try:
                start.wait()
                won.append(use_login_link(token=token, now=LATER))
            finally:
                connection.close()

        threads = [threading.Thread(target=use) for _ in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert sorted(map(bool, won)) == [False] * 7 + [True]


def test_a_key_is_found_by_what_its_holder_presents():
    key, presented = make_key(scopes=["ingest", "read"])
    assert find_key(presented, LATER) == key
    assert key.scopes == {"ingest", "read"}
    assert key.is_for_all_features


@pytest.mark.parametrize(
    "wrong", ["", "ts_", "ts_x_y", "nonsense", f"ts_00000000_{'a' * 40}", f"ts_\0_{'a' * 40}"]
)
def test_what_is_no_key_finds_none(wrong):
    make_key()
    assert find_key(wrong, NOON) is None


def test_a_wrong_secret_behind_a_right_prefix_finds_none():
    _, presented = make_key()
    assert find_key(presented[:-1] + ("a" if presented[-1] != "a" else "b"), NOON) is None


def test_revoked_and_expired_keys_and_those_of_people_who_left_find_none():
    revoked, presented = make_key()
    ApiKey.objects.filter(pk=revoked.pk).update(revoked_at=NOON)
    assert find_key(presented, NOON) is None
    _, presented = make_key(expires_at=LATER)
    assert find_key(presented, NOON) is not None
    assert find_key(presented, LATER) is None
    person = make_user()
    _, presented = make_key(person=person)
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert find_key(presented, NOON) is None


def test_the_use_of_a_key_is_noted_at_most_once_a_minute(django_assert_num_queries):
    key, presented = make_key()
    find_key(presented, NOON)
    with django_assert_num_queries(1):
        find_key(presented, NOON + timedelta(seconds=59))
    find_key(presented, LATER)
    key.refresh_from_db()
    assert key.last_used_at == LATER


def test_an_unknown_scope_is_refused():
    with pytest.raises(ValueError, match="everything"):
        create_key(name="x", scopes=["everything"], now=NOON)


def test_key_create_prints_the_key_alone_on_the_last_line(capsys):
    make_feature("delay-alert")
    call_command("key", "create", "--name", "shop", "--scopes", "ingest,read", "--feature", "delay-alert")
    key = find_key(capsys.readouterr().out.splitlines()[-1], NOON)
    assert key.scopes == {"ingest", "read"}
    assert [feature.slug for feature in key.features.all()] == ["delay-alert"]
    assert not key.is_for_all_features


def test_key_create_for_a_person_acts_as_that_person(capsys):
    person = make_user("ann@example.org")
    call_command("key", "create", "--person", "Ann@example.org")
    key = find_key(capsys.readouterr().out.splitlines()[-1], NOON)
    assert (key.person, key.scopes, key.is_for_all_features) == (person, frozenset(), False)


@pytest.mark.parametrize(
    "words",
    [
        ["--name", "x"],
        ["--scopes", "everything"],
        ["--scopes", "read", "--feature", "nowhere"],
        ["--person", "nobody@example.org"],
        ["--scopes", "read", "--person", "ann@example.org"],
        ["--person", "ann@example.org", "--feature", "delay-alert"],
    ],
)
def test_key_create_says_what_is_wrong(words):
    make_user("ann@example.org")
    make_feature("delay-alert")
    with pytest.raises(CommandError):
        call_command("key", "create", *words)
    assert not ApiKey.objects.exists()


def test_person_create_prints_a_link_that_logs_in(capsys, settings):
    settings.BASE_URL = "https://touchstone.example.org"
    make_feature("delay-alert")
    call_command("person", "create", "ann@example.org", "--role", "reviewer", "--feature", "delay-alert")
    link = capsys.readouterr().out.splitlines()[-1]
    assert link.startswith("https://touchstone.example.org/login/once/")
    link_row = OneTimeLogin.objects.get()
    assert use_login_link(token=link.split("/")[-2], now=link_row.created_at) == User.objects.get()
    assert Membership.objects.get().role == "reviewer"


@pytest.mark.parametrize(
    "words",
    [["no address"], ["a@b.org", "--role", "reviewer"], ["a@b.org", "--role", "reviewer", "--feature", "nowhere"]],
)
def test_person_create_says_what_is_wrong(words):
    with pytest.raises(CommandError):
        call_command("person", "create", *words)
    assert not User.objects.exists()
