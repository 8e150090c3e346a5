"""What the OpenAPI description says of our doors, and of bodies that msgspec reads."""

from typing import Any

import msgspec
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from feedback.ingest.decode import MOST_ITEMS
from feedback.ingest.items import CustomerItem, EventItem, OutcomeItem, PredictionItem

ITEMS = (PredictionItem, OutcomeItem, EventItem, CustomerItem)
REF = "#/components/schemas/{name}"


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "feedback.api.doors.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "A key: ts_<prefix>_<secret>"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "feedback.api.doors.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "A browser's session"}


def bodies(item: type[msgspec.Struct]) -> dict[str, Any]:
    """The bodies of a sending endpoint: one item, an array of them, or one a line."""
    one = {"$ref": REF.format(name=item.__name__)}
    many = {"type": "array", "items": one, "minItems": 1, "maxItems": MOST_ITEMS}
    lines = {"type": "string", "description": f"One {item.__name__} a line."}
    return {"application/json": {"oneOf": [one, many]}, "application/x-ndjson": lines}


def describe_items(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: the shapes that msgspec checks, as it checks them."""
    described = msgspec.json.schema_components(ITEMS, ref_template=REF)
    result["components"]["schemas"].update(described[1])
    return result
