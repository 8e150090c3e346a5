"""Filters take what callers send, on every database."""

import pytest

from tests.factories import make_feedback_item, make_key

pytestmark = pytest.mark.django_db
LAST_YEARS = "9999-12-31T23:00:00-20:00"


@pytest.mark.parametrize("at", ["2000-01-01T00:00:00+23:00", "0001-01-01T00:00:00+23:59", LAST_YEARS])
def test_an_instant_may_have_any_offset(api, at):
    make_feedback_item()
    service = api(make_key(scopes=["read"])[1])

    def n_found(name):
        return len(service.get("/api/v1/feedback/", {name: at}).json()["results"])

    is_ahead = at == LAST_YEARS
    assert (n_found("received_after"), n_found("received_before")) == ((0, 1) if is_ahead else (1, 0))
