"""Themes: merged by a pointer, taken apart without loss, with votes that count people."""

import itertools
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import RestrictedError

from feedback.actions.themes import create_theme, merge, unmerge
from feedback.models import Feature, Theme, UsageEvent
from feedback.themes import group_of, heads_of, theme_rows, titles_of
from tests.factories import NOON, make_feature, make_feedback_item, make_user, numbers

pytestmark = pytest.mark.django_db


def make_theme(feature=None, title=None):
    title = title or f"Theme {next(numbers)}"
    return create_theme(feature=feature or make_feature(), title=title, user=make_user(), now=NOON)


def used(feature, actor, *, kind="accepted", at=NOON - timedelta(days=1), **fields):
    UsageEvent.objects.create(
        feature=feature, external_id=f"e{next(numbers)}", kind=kind, prediction_external_id="p", actor=actor,
        occurred_at=at, received_at=at, fingerprint=1, **fields,
    )  # fmt: skip


def rows():
    return theme_rows(Feature.objects.all(), now=NOON)


@pytest.fixture
def feature():
    return make_feature("delay-alert")


def said(theme, *actors, account="Northwind"):
    for actor in actors:
        make_feedback_item(theme.feature, theme=theme, actor=actor, account=account)


def test_a_vote_counts_once_however_often_one_speaks(feature):
    theme = make_theme(feature, "Late")
    said(theme, "u1", "u1", "u2")
    said(theme, "u3", "", account="Contoso")
    said(theme, "", account="")
    make_feedback_item(
        feature, theme=theme, actor="u9", quarantine_reason="trap", triage_due_at=None, close_due_at=None
    )
    (row,) = rows()
    assert (row.n_items, row.n_actors, row.n_accounts, row.n_unnamed) == (6, 3, 2, 1)


def test_whoever_uses_the_feature_is_told_apart(feature):
    theme = make_theme(feature, "Late")
    said(theme, "user", "editor", "looker", "insider", "earlier", "elsewhere")
    used(feature, "user")
    used(feature, "editor", kind="edited")
    used(feature, "looker", kind="exposed")
    used(feature, "insider", is_internal=True)
    used(feature, "earlier", at=NOON - timedelta(days=29))
    used(make_feature(), "elsewhere")
    assert [(row.n_actors, row.n_users) for row in rows()] == [(6, 2)]


def test_merging_and_taking_apart_restores_every_count(feature):
    themes = [make_theme(feature, title) for title in "ABCDE"]
    for place, theme in enumerate(themes):
        said(theme, "u1", f"own {place}", account=f"customer {place % 3}")
    used(feature, "u1")
    before = rows()
    a, b, c, d, e = themes
    merge(theme=a, into=c, now=NOON)  # an older one into a younger one
    merge(theme=d, into=e, now=NOON + timedelta(minutes=1))
    merge(theme=e, into=a, now=NOON + timedelta(minutes=2))
    (whole,) = [row for row in rows() if row.n_items > 2]
    assert (whole.title, whole.n_items, whole.n_actors, whole.n_accounts, whole.n_users) == ("C", 8, 5, 3, 1)
    for theme in Theme.objects.exclude(merged_into=None):
        assert unmerge(theme=theme)
        assert not unmerge(theme=theme)
    assert rows() == before
    assert b in Theme.objects.heads()


@pytest.mark.parametrize("into_older", [True, False])
def test_the_title_merged_into_stays_in_front_whichever_is_older(feature, into_older):
    old, young = make_theme(feature, "Old"), make_theme(feature, "Young")
    kept, moved = (old, young) if into_older else (young, old)
    merge(theme=moved, into=kept, now=NOON)
    assert [row.title for row in rows()] == [kept.title]
    other = make_theme(feature, "Third")
    merge(theme=kept, into=other, now=NOON + timedelta(days=1))
    assert [row.title for row in rows()] == ["Third"]
    unmerge(theme=Theme.objects.get(pk=other.pk))
    assert sorted(row.title for row in rows()) == sorted([kept.title, "Third"])


def test_a_merge_in_a_circle_is_refused_in_words(feature):
    a, b, c = (make_theme(feature, title) for title in "ABC")
    merge(theme=b, into=a, now=NOON)
    merge(theme=c, into=b, now=NOON)
    for theme, into in [(a, c), (c, a), (a, a), (b, a)]:
        with pytest.raises(ValidationError, match="one theme already"):
            merge(theme=theme, into=into, now=NOON)


def test_a_circle_cannot_be_stored(feature):
    a, b = make_theme(feature), make_theme(feature)
    merge(theme=b, into=a, now=NOON)
    for into in (a, b):
        with pytest.raises(IntegrityError), transaction.atomic():
            Theme.objects.filter(pk=a.pk).update(merged_into=into, merged_at=NOON)


def test_a_feature_with_merged_themes_can_be_deleted_and_a_theme_that_others_lead_to_cannot(feature):
    a, b = make_theme(feature), make_theme(feature)
    merge(theme=b, into=a, now=NOON)
    said(b, "u1")
    with pytest.raises(RestrictedError):
        a.delete()
    feature.delete()
    assert not Theme.objects.exists()


def test_themes_of_two_features_stay_apart():
    with pytest.raises(ValidationError):
        merge(theme=make_theme(), into=make_theme(), now=NOON)


@pytest.mark.parametrize("title", ["late ALERTS", " Late  alerts "])
def test_a_title_is_unique_in_its_feature(feature, title):
    make_theme(feature, "Late alerts")
    make_theme(title="Late alerts")
    with pytest.raises(ValidationError, match="theme of this title"):
        make_theme(feature, title)


def test_a_chain_of_thousands_is_read_at_once():
    feature = make_feature()
    Theme.objects.bulk_create(Theme(feature=feature, title=f"t{n}", created_at=NOON) for n in range(3000))
    chain = list(Theme.objects.order_by("pk"))
    for before, theme in itertools.pairwise(chain):
        theme.merged_into, theme.merged_at, theme.gives_its_title = before, NOON, True
    Theme.objects.bulk_update(chain, ["merged_into", "merged_at", "gives_its_title"], batch_size=200)
    themes = list(Theme.objects.all())
    assert set(heads_of(themes).values()) == {chain[0].pk}
    assert titles_of(themes)[chain[0].pk] == "t2999"


def test_a_group_of_what_is_not_there_is_empty():
    assert group_of(999) == []


def test_the_queries_do_not_grow(feature, django_assert_num_queries):
    for n in range(3):
        said(make_theme(feature), f"u{n}")
    with django_assert_num_queries(3):
        rows()
    for n in range(30):
        said(make_theme(feature), f"v{n}")
    with django_assert_num_queries(3):
        rows()
