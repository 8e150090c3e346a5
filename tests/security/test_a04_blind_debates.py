"""A4, A2, A3: before the reveal nothing of what others said, and no measured point, leaves by any way.

Two worlds that differ only in what is hidden must look the same, byte for byte, to everybody but its author.
"""

import csv
import io
import re

import pytest
from django.urls import get_resolver, reverse

from feedback.models import Feature
from metrics.actions.debating import reveal
from metrics.models import DebateRound, Placement, PlacementRevision
from tests.factories import NOON, make_feature, make_key, make_membership, make_user
from tests.metrics.agreements import HOUR, make_round, make_team, vote
from tests.security.test_a01_doors import walk, words_of
from tests.test_architecture import ROOT, sources

pytestmark = pytest.mark.django_db
SECRET = "our quarter depends on it"
# What differs between any two looks at one page: tokens and keys of forms, the time.
PASSING = re.compile(
    rb"""name="csrfmiddlewaretoken"\ value="[^"]+"|<time[^>]*>[^<]*</time>|\d{4}-\d\d-\d\d[T\ ]\d\d:\d\d[:.\d]*
    |\b[0-9a-f]{32,}\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b""",
    re.VERBOSE,
)


@pytest.fixture
def debate():
    """Design has voted twice, engineering once; the scores are measured; nothing is revealed."""
    feature, people = make_team(make_feature("delay-alert"))
    round_ = make_round(feature, people)
    score = {
        "value": 61.0,
        "low": 56.0,
        "high": 66.0,
        "state": "measured",
        "reason": "",
        "as_of": NOON.isoformat(),
    }
    round_.evidence = {"x": score, "y": score}
    round_.save()
    vote(round_, people, "design", 2, 8, reason=f"First: {SECRET}")
    vote(round_, people, "design", 3, 8, reason=f"Then: {SECRET}")
    vote(round_, people, "engineering", 9, 9, reason=SECRET)
    return round_, people


def other_world(round_):
    """Everything that is hidden is different."""
    Placement.objects.update(x=5, y=1, confidence=3, reason="Something else entirely", placed_at=NOON + 3 * HOUR)
    PlacementRevision.objects.update(x=6, y=6, confidence=1, reason="And before that", placed_at=NOON)
    evidence = {"x": {**round_.evidence["x"], "value": 3.0, "low": 2.0, "high": 4.0}}
    DebateRound.objects.filter(pk=round_.pk).update(evidence=evidence)


def addresses(round_):
    """Every page and answer of ours that a GET opens, filled with this feature and this round."""
    fill = {"slug": round_.feature.slug, "pk": round_.pk, "token": "x"}
    for name, _ in walk(get_resolver().url_patterns):
        if name.startswith(("metrics:", "feedback:", "reviews:")):
            yield reverse(name, kwargs={word: fill.get(word, round_.pk) for word in words_of(name)})
    for address in (reverse("metrics:debate", args=[round_.pk]), "/features/", "/features/delay-alert/"):
        yield f"{address}?format=csv"
    for state in ("open", "revealed"):
        yield f"/api/v1/debates/?state={state}"


ADMIN = [
    "placement/", "placement/?x__gt=4", "placement/?reason__contains=quarter", "placement/{placement}/change/",
    "placementrevision/", "placementrevision/?x__lt=4", "placementrevision/{revision}/change/",
    "debateround/", "debateround/{round}/change/", "debateround/?evidence__x__value__gt=50",
    "debateround/?placements__x=9",
]  # fmt: skip


def admin_addresses(round_):
    pks = {
        "round": round_.pk,
        "placement": Placement.objects.get(function="engineering").pk,
        "revision": PlacementRevision.objects.get().pk,
    }
    return ["/admin/metrics/" + address.format(**pks) for address in ADMIN]


def seen(browser, places):
    """What each address answers, without what passes."""
    found = {}
    for address in places:
        answer = browser.get(address)
        found[address] = (answer.status_code, PASSING.sub(b"", answer.content))
    return found


def same(before, after):
    return [address for address in before if before[address] != after[address]]


@pytest.mark.parametrize("who", ["product", "reviewer", "staff"])
def test_to_everybody_else_two_worlds_that_differ_in_what_is_hidden_are_the_same(debate, client_for, who):
    round_, people = debate
    person = {
        **people,
        "reviewer": make_membership(make_user(), round_.feature, "reviewer").user,
        "staff": make_user(is_staff=True),
    }[who]
    browser = client_for(person)
    places = [*addresses(round_), *(admin_addresses(round_) if who == "staff" else [])]
    assert len(places) > 20
    before = seen(browser, places)
    assert before[f"/debates/{round_.pk}/"][0] == before[f"/debates/{round_.pk}/?format=csv"][0] == 200
    other_world(round_)
    assert same(before, seen(browser, places)) == []
    assert SECRET.encode() not in b"".join(content for _, content in before.values())


def test_a_second_person_of_the_same_function_sees_no_more_than_the_others(debate, client_for):
    round_, _ = debate
    browser = client_for(make_membership(make_user(), round_.feature, "design").user)
    before = seen(browser, addresses(round_))
    other_world(round_)
    assert same(before, seen(browser, addresses(round_))) == []


def test_services_see_who_has_voted_and_nothing_else(debate, api):
    round_, _ = debate
    service = api(make_key(scopes=["read", "manage"])[1])
    before = service.get("/api/v1/debates/")
    (told,) = before.json()
    assert (told["has_voted"], told["own"]) == (["engineering", "design"], None)
    assert told["placements"] == told["axes"] == told["measured"] == []
    other_world(round_)
    assert service.get("/api/v1/debates/").content == before.content


def test_the_check_itself_sees_a_difference_when_there_is_one_to_see(debate, client_for):
    """The author of a placement, and everybody after the reveal: then the two worlds are not the same."""
    round_, people = debate
    address = f"/debates/{round_.pk}/"
    mine = client_for(people["design"])
    assert SECRET in mine.get(address).content.decode()
    before = seen(mine, [address])
    other_world(round_)
    assert same(before, seen(mine, [address])) == [address]
    for function in ("product", "operations"):
        vote(round_, people, function)
    others = client_for(people["product"])
    before = seen(others, [address, "/api/v1/debates/"])
    reveal(round_=round_, user=people["product"], now=NOON + HOUR)
    assert len(same(before, seen(others, [address, "/api/v1/debates/"]))) == 2
    assert "Something else entirely" in others.get(address).content.decode()


def test_the_queryset_gives_an_open_rounds_rows_to_their_author_alone(debate):
    round_, people = debate
    assert [row.function for row in Placement.objects.visible_to(people["design"])] == ["design"]
    assert PlacementRevision.objects.visible_to(people["design"]).count() == 1
    for person in (people["product"], make_user(is_staff=True)):
        assert not Placement.objects.visible_to(person).exists()
        assert not PlacementRevision.objects.visible_to(person).exists()
    assert not Placement.objects.visible_to(None, Feature.objects.all()).exists()
    assert sorted(Placement.objects.who_placed()) == [(round_.pk, "design"), (round_.pk, "engineering")]


def test_nobody_reads_placements_but_through_the_words_that_keep_them_blind():
    """Actions look at their own function's; everything else asks for what is visible, revealed, or who voted."""
    may = {"metrics/models/debates.py", "metrics/actions/debating.py"}
    words = re.compile(r"Placement(Revision)?\.objects\.(?!visible_to|only\(\"pk\", \"placement\"\))")
    blind = re.compile(r"\.(revealed|who_placed)\(")
    loose = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for app in ("feedback", "reviews", "metrics", "config")
        for path in sources(app)
        if str(path.relative_to(ROOT)) not in may
        for line in path.read_text().splitlines()
        if words.search(line) and not blind.search(line)
    ]
    assert loose == []


def test_the_csv_before_the_reveal_holds_ones_own_line_alone(debate, client_for):
    round_, people = debate
    text = client_for(people["design"]).get(f"/debates/{round_.pk}/?format=csv").content.decode()
    lines = {line["function"]: line for line in csv.DictReader(io.StringIO(text))}
    assert (lines["design"]["x"], lines["engineering"]["x"]) == ("3", "")
    assert (lines["engineering"]["has_voted"], lines["product"]["has_voted"]) == ("True", "False")


# --- ids and fields that are not the sender's


def test_a_round_of_another_feature_is_neither_voted_in_nor_revealed_to_exist(debate, client_for, api):
    round_, _ = debate
    _, others = make_team()
    sent = {"round": round_.pk, "function": "design", "x": 1, "y": 1, "confidence": 1, "reason": "mine"}
    person = api(make_key(person=others["design"])[1])
    unknown = person.post("/api/v1/debates/", {**sent, "round": 999_999}, content_type="application/json")
    foreign = person.post("/api/v1/debates/", sent, content_type="application/json")
    assert (foreign.status_code, foreign.content) == (404, unknown.content)
    browser = client_for(others["design"])
    for step in ("", "place/", "reveal/", "second/", "decide/"):
        answer = (
            browser.post(f"/debates/{round_.pk}/{step}", sent) if step else browser.get(f"/debates/{round_.pk}/")
        )
        assert answer.status_code == 404
    assert person.get("/api/v1/debates/").json() == []
    assert person.get(f"/api/v1/debates/?feature={round_.feature.slug}").status_code == 404
    assert Placement.objects.count() == 2


def test_fields_that_are_not_asked_for_change_nothing(debate, api):
    round_, people = debate
    extra = {
        "user": people["design"].pk, "person": people["design"].email, "placed_at": "2020-01-01T00:00:00Z",
        "feature": "other", "state": "revealed", "id": 1,
    }  # fmt: skip
    sent = {
        "round": round_.pk,
        "function": "operations",
        "x": 4,
        "y": 4,
        "confidence": 1,
        "reason": "mine",
        **extra,
    }
    answer = api(make_key(person=people["operations"])[1]).post(
        "/api/v1/debates/", sent, content_type="application/json"
    )
    assert answer.status_code == 201
    placed = Placement.objects.get(function="operations")
    assert (placed.user, placed.round) == (people["operations"], round_)
    assert placed.placed_at.year > 2020
    round_.refresh_from_db()
    assert round_.state == "open"


def test_a_services_key_votes_for_nobody(debate, api):
    round_, _ = debate
    sent = {"round": round_.pk, "function": "product", "x": 1, "y": 1, "confidence": 1, "reason": "mine"}
    service = api(make_key(scopes=["read", "manage", "ingest"])[1])
    assert service.post("/api/v1/debates/", sent, content_type="application/json").status_code == 403
