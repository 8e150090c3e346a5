"""PATCH of a feature."""

import pytest

from tests.factories import make_feature, make_key

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("fields", [[{}], [{"label": "Carrier"}], [{"name": "carrier"}, {"hint": "text"}]])
def test_an_input_field_without_a_name_is_refused_and_the_feature_is_still_readable(api, fields):
    service, at = api(make_key(scopes=["read", "manage"])[1]), f"/api/v1/features/{make_feature().slug}/"
    answer = service.patch(at, {"input_fields": fields}, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"field": f"input_fields.{len(fields) - 1}.name", "detail": "This field is required."}
    ]
    assert service.get(at).json()["input_fields"] == []
