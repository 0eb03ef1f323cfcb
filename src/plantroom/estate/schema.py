"""The JSON Schema of estate files, for editors."""

from __future__ import annotations

from typing import Any

from plantroom.estate.model import Estate

ID = "urn:plantroom:schema:estate"
"""A name, not an address: `plantroom estate schema` prints the schema."""


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of one estate file. Every section is optional, since an estate may be split into files."""
    schema = Estate.model_json_schema(mode="validation")
    schema.pop("required", None)
    schema.pop("description", None)
    for section in schema["properties"].values():
        section.pop("minProperties", None)
    _close(schema)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        **schema,
        "title": "Plantroom estate",
        "description": "One file of an estate; the sections of all files in its directory are merged.",
    }


def _close(schema: Any) -> None:
    """A name that fits no pattern is a mistake, in editors too."""
    if isinstance(schema, dict):
        if "patternProperties" in schema:
            schema["additionalProperties"] = False
        for inner in schema.values():
            _close(inner)
