"""A JSON Schema of the config file, for editors that complete and check TOML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from botkit.config.schema import Config, ModuleConfig

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(modules: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    """The whole file's schema. ``modules``: by what ``use`` says, the model of that module's settings.

    A module's table is checked by the settings of the module that its ``use`` names; the tables of
    modules that are not among ``modules`` may hold anything.
    """
    schema = Config.model_json_schema()
    schema = {"$schema": DIALECT, **schema, "title": "botkit config"}
    for table_schema in schema["properties"].values():
        table_schema.pop("default", None)  # each key's own default says it, and without paths of this machine
    definitions: dict[str, Any] = schema["$defs"]
    table: dict[str, Any] = {"$ref": "#/$defs/ModuleConfig"}
    choices = []
    for use, model in modules.items():
        definitions[f"module {use}"] = _module_table(use, model, definitions)
        choices.append(
            {
                "if": {"properties": {"use": {"const": use}}, "required": ["use"]},
                "then": {"$ref": f"#/$defs/{_pointer(f'module {use}')}"},
            }
        )
    if choices:
        table["allOf"] = choices
    schema["properties"]["modules"] = {"type": "object", "additionalProperties": table}
    return schema


def _module_table(use: str, model: type[BaseModel], definitions: dict[str, Any]) -> dict[str, Any]:
    own = model.model_json_schema(ref_template=f"#/$defs/{_pointer(f'{use} ')}{{model}}")
    for name, definition in own.pop("$defs", {}).items():
        definitions[f"{use} {name}"] = definition
    common = ModuleConfig.model_json_schema()["properties"]
    settings: dict[str, Any] = own.get("properties", {})
    open_ended = own.get("additionalProperties", False)
    override = {
        "type": "object",
        "properties": {**settings, "enabled": {"type": "boolean", "default": True}},
        "additionalProperties": open_ended,
    }
    return {
        "type": "object",
        "description": own.get("description", ""),
        "properties": {
            **common,
            "use": {"const": use},
            "rooms": {"type": "object", "additionalProperties": override},
            **settings,
        },
        "required": ["use", *own.get("required", [])],
        "additionalProperties": open_ended,
    }


def _pointer(name: str) -> str:
    """``name`` as a token of a JSON pointer in a URI fragment (RFC 6901 §6)."""
    return name.replace("~", "~0").replace("/", "~1").replace("%", "%25").replace(" ", "%20")
