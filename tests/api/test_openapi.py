"""The committed OpenAPI text, and whether it tells the truth."""

import json
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema

from feedback.api import ingest
from metrics import reports
from metrics.api import shapes
from tests.factories import make_feature, make_key, make_version

COMMITTED = Path(__file__).parent.parent.parent / "docs" / "openapi.yaml"


@pytest.fixture(scope="module")
def generated():
    return SchemaGenerator().get_schema(request=None, public=True)


def operations(schema):
    return {
        f"{method.upper()} {path}": told
        for path, methods in schema["paths"].items()
        for method, told in methods.items()
    }


def test_the_committed_text_is_what_the_code_says(generated):
    assert OpenApiYamlRenderer().render(generated).decode() == COMMITTED.read_text(), "run `make openapi`"


def test_it_is_valid_openapi(generated):
    validate_schema(json.loads(json.dumps(generated, default=str)))


def test_every_operation_has_an_example(generated):
    bare = [name for name, told in operations(generated).items() if "examples" not in yaml.dump(told)]
    assert bare == []


def test_every_sending_endpoint_tells_the_shape_of_its_items(generated):
    for name in ("predictions", "outcomes", "events", "feedback"):
        body = generated["paths"][f"/api/v1/{name}/"]["post"]["requestBody"]["content"]
        one, many = body["application/json"]["schema"]["oneOf"]
        assert one["$ref"].rpartition("/")[2] in generated["components"]["schemas"]
        assert (many["items"], many["maxItems"]) == (one, 10_000)


@pytest.mark.parametrize(
    ("report", "shape"),
    [
        (reports.Figure, shapes.FigureShape),
        (reports.Confusion, shapes.ConfusionShape),
        (reports.CalibrationBin, shapes.CalibrationBinShape),
        (reports.EstimateReport, shapes.EstimateReportShape),
        (reports.Percentiles, shapes.PercentilesShape),
        (reports.VersionRuntime, shapes.VersionRuntimeShape),
        (reports.RuntimeReport, shapes.RuntimeReportShape),
    ],
)
def test_the_shapes_of_answers_are_those_of_the_reports(report, shape):
    assert [field.name for field in fields(report)] == list(shape().get_fields())


@pytest.mark.django_db
def test_the_examples_of_the_sending_endpoints_are_taken(api):
    make_version(make_feature("delay-alert"), "2-boosted")
    service = api(make_key()[1])
    for path, examples in {
        "predictions": [ingest.PREDICTION],
        "outcomes": [ingest.OUTCOME],
        "events": [ingest.EVENT, ingest.PLACED_EVENT],
        "feedback": [ingest.FEEDBACK, ingest.THUMB],
    }.items():
        for example in examples:
            answer = service.post(f"/api/v1/{path}/", example, content_type="application/json")
            assert answer.status_code == 201, answer.content
