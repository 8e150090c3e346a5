"""Which version is the newest."""

import pytest

from feedback.models import ModelVersion
from tests.factories import NOON, make_feature, make_version

pytestmark = pytest.mark.django_db


def test_what_is_registered_and_not_deployed_is_never_the_newest():
    feature = make_feature()
    make_version(feature, "live", deployed_at=NOON)
    make_version(feature, "planned", deployed_at=None)
    versions = ModelVersion.objects.of(feature).by_deployment()
    assert [version.name for version in versions] == ["planned", "live"]
    assert versions.last().name == "live"
